"""A task definition says what a task is told, and its role what it may do."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.emulator.gateway import task_token
from tests.local.emulator.conftest import Account, unique
from tests.patience import PATIENCE_SECONDS

TASKS = "ecs-tasks.amazonaws.com"


def credentials(account: Account, role: str) -> dict[str, str]:
    """As ECS's agent hands them to a container, in the form that a client takes."""
    name = role.rpartition("/")[2]
    token = task_token(account.key.secret_access_key, name)
    url = f"{account.endpoint_url}/_local/task-credentials/{name}"
    request = urllib.request.Request(url, headers={"Authorization": token})
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
        given = json.load(answer)
    return {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["Token"],
    }


def refused(call: Any, **arguments: Any) -> bool:
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    return "AccessDenied" in raised.value.response["Error"]["Code"]


def test_a_deployed_task_definition_names_what_its_stack_made(account: Account) -> None:
    container = {
        "Name": "Streamer",
        "Image": "streamer",
        "Environment": [{"Name": "CALLS_QUEUE_URL", "Value": {"Ref": "Calls"}}],
    }
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": TASKS}, "Action": "sts:AssumeRole"}]}
    task = {
        "ContainerDefinitions": [container],
        "RequiresCompatibilities": ["FARGATE"],
        "TaskRoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
    }
    outputs = account.deploy(
        {
            "Calls": {"Type": "AWS::SQS::Queue"},
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}},
            "Task": {"Type": "AWS::ECS::TaskDefinition", "Properties": task},
        },
        {"Queue": {"Ref": "Calls"}, "Role": {"Fn::GetAtt": ["Role", "Arn"]}, "Task": {"Ref": "Task"}},
    )

    ecs = account.client("ecs")
    definition = ecs.describe_task_definition(taskDefinition=outputs["Task"])["taskDefinition"]

    assert definition["taskRoleArn"] == outputs["Role"]
    assert definition["containerDefinitions"][0]["environment"] == [
        {"name": "CALLS_QUEUE_URL", "value": outputs["Queue"]}
    ]
    assert credentials(account, outputs["Role"])


def test_a_role_that_does_not_trust_tasks_has_no_credentials_for_them(account: Account) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        credentials(account, account.role())
    with pytest.raises(urllib.error.HTTPError, match="404"):
        credentials(account, "nobody")


def table(account: Account) -> str:
    name = unique("table")
    keys = [{"AttributeName": "PK", "KeyType": "HASH"}]
    attributes = [{"AttributeName": "PK", "AttributeType": "S"}]
    account.client("dynamodb").create_table(
        TableName=name, KeySchema=keys, AttributeDefinitions=attributes, BillingMode="PAY_PER_REQUEST"
    )
    return name


def test_each_write_of_a_transaction_takes_its_own_grant(account: Account) -> None:
    name = table(account)
    arn = f"arn:aws:dynamodb:us-east-1:000000000000:table/{name}"
    put = {"Put": {"TableName": name, "Item": {"PK": {"S": "utterance"}}}}
    update: dict[str, Any] = {
        "Update": {
            "TableName": name,
            "Key": {"PK": {"S": "state"}},
            "UpdateExpression": "SET seq = :seq",
            "ExpressionAttributeValues": {":seq": {"N": "1"}},
        }
    }
    writer = client(account, "dynamodb", {"Action": ["dynamodb:PutItem", "dynamodb:UpdateItem"], "Resource": arn})
    putter = client(account, "dynamodb", {"Action": "dynamodb:PutItem", "Resource": arn})

    writer.transact_write_items(TransactItems=[put, update])

    putter.transact_write_items(TransactItems=[put])
    assert refused(putter.transact_write_items, TransactItems=[put, update])


def client(account: Account, service: str, *statements: Mapping[str, Any]) -> Any:
    """A client of a task whose role allows this."""
    role = account.role(*({"Effect": "Allow", **statement} for statement in statements), service=TASKS)
    return account.client(service, **credentials(account, role))


def test_a_queue_is_received_from_renewed_and_deleted_from_by_grant(account: Account) -> None:
    url = account.queue()
    arn = account.queue_arn(url)
    account.client("sqs").send_message(QueueUrl=url, MessageBody="call")
    actions = ["sqs:ReceiveMessage", "sqs:ChangeMessageVisibility"]
    sqs = client(account, "sqs", {"Action": actions, "Resource": arn})

    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    entry = {"Id": "1", "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 30}
    assert sqs.change_message_visibility_batch(QueueUrl=url, Entries=[entry])["Successful"]
    assert refused(sqs.delete_message, QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def test_secrets_parameters_and_events_take_a_grant(account: Account) -> None:
    secret = account.client("secretsmanager").create_secret(Name=unique("secret"), SecretString="key")["ARN"]
    parameter = f"/{unique('vocabulary')}/default"
    account.client("ssm").put_parameter(Name=parameter, Value="glaucoma", Type="String")
    bus = account.client("events").create_event_bus(Name=unique("bus"))["EventBusArn"]
    entry = {"Source": "callscribe", "DetailType": "test", "Detail": "{}", "EventBusName": bus}

    role = account.role(
        {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secret},
        {
            "Effect": "Allow",
            "Action": "ssm:GetParameter*",
            "Resource": f"arn:aws:ssm:us-east-1:000000000000:parameter{parameter}",
        },
        {"Effect": "Allow", "Action": "events:PutEvents", "Resource": bus},
        service=TASKS,
    )
    entitled, stranger = (credentials(account, arn) for arn in (role, account.role(service=TASKS)))

    assert account.client("secretsmanager", **entitled).get_secret_value(SecretId=secret)["SecretString"] == "key"
    assert account.client("ssm", **entitled).get_parameter(Name=parameter)["Parameter"]["Value"] == "glaucoma"
    assert account.client("events", **entitled).put_events(Entries=[entry])["FailedEntryCount"] == 0
    assert refused(account.client("secretsmanager", **stranger).get_secret_value, SecretId=secret)
    assert refused(account.client("ssm", **stranger).get_parameter, Name=parameter)
    assert refused(account.client("events", **stranger).put_events, Entries=[entry])
