"""IAM is enforced in the emulator: what a role may not do fails here as on AWS."""

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.emulator.conftest import Account, policy, unique
from tests.patience import PATIENCE_SECONDS

READ = "import boto3\ndef handle(event, context): return boto3.client('s3').get_object(**event)['ContentLength']\n"


@pytest.fixture
def bucket(account: Account) -> str:
    name = unique("bucket")
    account.client("s3").create_bucket(Bucket=name)
    account.client("s3").put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def allow(action: str, resource: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def call(account: Account, function: str, event: Any) -> Any:
    answer = account.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    return json.loads(answer["Payload"].read())


def session(account: Account, role: str, session_policy: str) -> Any:
    credentials = account.client("sts").assume_role(RoleArn=role, RoleSessionName="test", Policy=session_policy)[
        "Credentials"
    ]
    return account.client(
        "s3",
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )


def test_a_function_does_what_its_role_may_and_nothing_else(account: Account, bucket: str) -> None:
    account.client("s3").put_object(Bucket=bucket, Key="granted", Body=b"123")
    account.client("s3").put_object(Bucket=bucket, Key="other", Body=b"123")
    role = account.role(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/granted"))
    function = account.function(READ, role=role)

    assert call(account, function, {"Bucket": bucket, "Key": "granted"}) == 3
    assert "AccessDenied" in call(account, function, {"Bucket": bucket, "Key": "other"})["errorMessage"]


def test_a_session_policy_narrows_the_role(account: Account, bucket: str) -> None:
    for key in ("one", "two"):
        account.client("s3").put_object(Bucket=bucket, Key=key, Body=b"1")
    role = account.role(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"))

    s3 = session(account, role, policy(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/one")))

    assert s3.get_object(Bucket=bucket, Key="one")["ContentLength"] == 1
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.get_object(Bucket=bucket, Key="two")


def test_a_signed_address_reads_the_version_it_was_signed_for(account: Account, bucket: str) -> None:
    old = account.client("s3").put_object(Bucket=bucket, Key="call.wav", Body=b"old")["VersionId"]
    account.client("s3").put_object(Bucket=bucket, Key="call.wav", Body=b"new")
    role = account.role(allow("s3:GetObject*", f"arn:aws:s3:::{bucket}/*"))
    s3 = session(account, role, policy(allow("s3:GetObject*", f"arn:aws:s3:::{bucket}/call.wav")))

    url = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "call.wav", "VersionId": old})

    with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as response:
        assert response.read() == b"old"


def test_a_session_policy_narrows_the_role_to_one_version(account: Account, bucket: str) -> None:
    old = account.client("s3").put_object(Bucket=bucket, Key="call.wav", Body=b"old")["VersionId"]
    new = account.client("s3").put_object(Bucket=bucket, Key="call.wav", Body=b"new")["VersionId"]
    objects = f"arn:aws:s3:::{bucket}/*"
    narrow = {
        **allow("s3:GetObjectVersion", objects),
        "Condition": {"StringEquals": {"s3:VersionId": old}},
    }

    s3 = session(account, account.role(allow("s3:GetObject*", objects)), policy(narrow))

    assert s3.head_object(Bucket=bucket, Key="call.wav", VersionId=old)["ContentLength"] == 3
    with pytest.raises(ClientError, match="403"):
        s3.head_object(Bucket=bucket, Key="call.wav", VersionId=new)


def test_a_signed_address_that_was_changed_is_refused(account: Account, bucket: str) -> None:
    for key in ("one", "two"):
        account.client("s3").put_object(Bucket=bucket, Key=key, Body=b"1")
    role = account.role(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"))
    s3 = session(account, role, policy(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*")))
    url = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "one"})

    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(url.replace("/one?", "/two?"), timeout=PATIENCE_SECONDS)


def test_a_bucket_that_demands_tls_is_reached(account: Account, bucket: str) -> None:
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    account.client("s3").put_object(Bucket=bucket, Key="call.wav", Body=b"12")
    account.client("s3").put_bucket_policy(Bucket=bucket, Policy=policy(deny))
    role = account.role(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"))

    assert call(account, account.function(READ, role=role), {"Bucket": bucket, "Key": "call.wav"}) == 2


def test_a_task_is_answered_by_whoever_may_answer_for_its_state_machine(account: Account) -> None:
    code = "import boto3\ndef handle(event, context): boto3.client('stepfunctions').send_task_success(**event)\n"
    queue = account.queue()
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Arguments": {"QueueUrl": queue, "MessageBody": "{% $states.context.Task.Token %}"},
        "End": True,
    }
    execution = account.start({"StartAt": "Wait", "States": {"Wait": task}})
    answer = {"taskToken": account.receive(queue)["Body"], "output": "{}"}
    machine = account.client("stepfunctions").describe_execution(executionArn=execution)["stateMachineArn"]
    stranger = account.function(code, role=account.role(allow("states:SendTaskSuccess", f"{machine}-other")))
    entitled = account.function(code, role=account.role(allow("states:SendTaskSuccess", machine)))

    assert "AccessDenied" in call(account, stranger, answer)["errorMessage"]
    assert call(account, entitled, answer) is None
    assert account.ended(execution)["status"] == "SUCCEEDED"
