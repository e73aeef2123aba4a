"""CloudFormation in the emulator provisions what this project's stacks declare."""

import json
from typing import Any

import pytest

from tests.local.emulator.conftest import Account, eventually, unique


def deploy(account: Account, resources: dict[str, Any], outputs: dict[str, Any]) -> dict[str, str]:
    cloudformation, name = account.client("cloudformation"), unique("stack")
    template = {
        "Resources": resources,
        "Outputs": {output: {"Value": value} for output, value in outputs.items()},
    }
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
    return finished(account, name, "CREATE_COMPLETE")


def finished(account: Account, name: str, status: str) -> dict[str, str]:
    def stack() -> dict[str, Any] | None:
        (described,) = account.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        return described if not described["StackStatus"].endswith("IN_PROGRESS") else None

    described = eventually(stack)
    assert described["StackStatus"] == status, described.get("StackStatusReason")
    return {
        "StackName": name,
        **{output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])},
    }


def test_a_secret_is_referred_to_by_its_arn(account: Account) -> None:
    secret = {"Type": "AWS::SecretsManager::Secret", "Properties": {"Description": "key"}}

    outputs = deploy(account, {"Secret": secret}, {"Arn": {"Ref": "Secret"}})

    assert outputs["Arn"].startswith("arn:aws:secretsmanager:us-east-1:000000000000:secret:")


def test_a_secret_declared_without_a_value_has_none_until_somebody_sets_it(account: Account) -> None:
    secrets = account.client("secretsmanager")
    arn = deploy(account, {"Secret": {"Type": "AWS::SecretsManager::Secret"}}, {"Arn": {"Ref": "Secret"}})["Arn"]

    with pytest.raises(secrets.exceptions.ResourceNotFoundException):
        secrets.get_secret_value(SecretId=arn)
    secrets.put_secret_value(SecretId=arn, SecretString="set by an operator")

    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "set by an operator"


def test_a_stack_with_a_secret_is_updated_and_deleted(account: Account) -> None:
    cloudformation, secrets = account.client("cloudformation"), account.client("secretsmanager")
    secret = {"Type": "AWS::SecretsManager::Secret", "Properties": {"Description": "old"}}
    outputs = deploy(account, {"Secret": secret}, {"Arn": {"Ref": "Secret"}})
    secrets.put_secret_value(SecretId=outputs["Arn"], SecretString="kept")
    secret["Properties"] = {"Description": "new"}

    cloudformation.update_stack(
        StackName=outputs["StackName"], TemplateBody=json.dumps({"Resources": {"Secret": secret}})
    )
    finished(account, outputs["StackName"], "UPDATE_COMPLETE")

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

    deploy(account, {"Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}}, {})

    (alarm,) = account.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert (alarm["StateValue"], alarm["Threshold"]) == ("INSUFFICIENT_DATA", 0.1)
