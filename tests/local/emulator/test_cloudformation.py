"""CloudFormation in the emulator provisions what this project's stacks declare."""

import json

import pytest

from tests.local.emulator.conftest import Account, unique
from tests.patience import eventually


def test_a_secret_is_referred_to_by_its_arn(account: Account) -> None:
    secret = {"Type": "AWS::SecretsManager::Secret", "Properties": {"Description": "key"}}

    outputs = account.deploy({"Secret": secret}, {"Arn": {"Ref": "Secret"}})

    assert outputs["Arn"].startswith("arn:aws:secretsmanager:us-east-1:000000000000:secret:")


def test_a_secret_declared_without_a_value_has_none_until_somebody_sets_it(account: Account) -> None:
    secrets = account.client("secretsmanager")
    arn = account.deploy({"Secret": {"Type": "AWS::SecretsManager::Secret"}}, {"Arn": {"Ref": "Secret"}})["Arn"]

    with pytest.raises(secrets.exceptions.ResourceNotFoundException):
        secrets.get_secret_value(SecretId=arn)
    secrets.put_secret_value(SecretId=arn, SecretString="set by an operator")

    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "set by an operator"


def test_a_stack_with_a_secret_is_updated_and_deleted(account: Account) -> None:
    cloudformation, secrets = account.client("cloudformation"), account.client("secretsmanager")
    secret = {"Type": "AWS::SecretsManager::Secret", "Properties": {"Description": "old"}}
    outputs = account.deploy({"Secret": secret}, {"Arn": {"Ref": "Secret"}})
    secrets.put_secret_value(SecretId=outputs["Arn"], SecretString="kept")
    secret["Properties"] = {"Description": "new"}

    cloudformation.update_stack(
        StackName=outputs["StackName"], TemplateBody=json.dumps({"Resources": {"Secret": secret}})
    )
    account.finished(outputs["StackName"], "UPDATE_COMPLETE")

    assert secrets.describe_secret(SecretId=outputs["Arn"])["Description"] == "new"
    assert secrets.get_secret_value(SecretId=outputs["Arn"])["SecretString"] == "kept"
    cloudformation.delete_stack(StackName=outputs["StackName"])
    eventually(lambda: outputs["Arn"] not in [entry["ARN"] for entry in secrets.list_secrets()["SecretList"]])


def test_an_alarm_on_an_expression_is_recorded(account: Account) -> None:
    name = unique("alarm")
    queries = [
        {"Id": "rate", "Expression": "a / b", "ReturnData": True},
        *(
            {
                "Id": query,
                "MetricStat": {"Metric": {"Namespace": "N", "MetricName": query}, "Period": 60, "Stat": "Sum"},
                "ReturnData": False,
            }
            for query in ("a", "b")
        ),
    ]
    properties = {
        "AlarmName": name,
        "Metrics": queries,
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 1,
        "Threshold": 0.1,
    }

    account.deploy({"Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}})

    (alarm,) = account.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert (alarm["StateValue"], alarm["Threshold"]) == ("INSUFFICIENT_DATA", 0.1)
