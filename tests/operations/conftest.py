import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest

from operations import redrive
from tests.fakes.lean_moto import lean_aws
from tests.fakes.table import create_transcript_table
from tests.fakes.thrifty_session import ThriftySession

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_stepfunctions.client import SFNClient

REGION: Final = "eu-central-1"
DEFINITION = {"StartAt": "Admit", "States": {"Admit": {"Type": "Pass", "End": True}}}
# One for all tests: a session reads the descriptions of its services anew, which takes longer than the tests do.
SESSION = ThriftySession(aws_access_key_id="testing", aws_secret_access_key="testing", region_name=REGION)


class Deployed:
    """What the stacks of an environment leave behind, in moto, as far as operators touch it."""

    def __init__(self, directory: Path) -> None:
        self.sqs: SQSClient = SESSION.client("sqs")
        self.step_functions: SFNClient = SESSION.client("stepfunctions")
        self.s3: S3Client = SESSION.client("s3")
        self.failed_calls = self.sqs.create_queue(QueueName="failed")["QueueUrl"]
        self.work = self.sqs.create_queue(QueueName="work")["QueueUrl"]
        self.state_machine_arn = self.step_functions.create_state_machine(
            name="workflow", definition=json.dumps(DEFINITION), roleArn="arn:aws:iam::123456789012:role/workflow"
        )["stateMachineArn"]
        self.s3.create_bucket(Bucket="archive", CreateBucketConfiguration={"LocationConstraint": REGION})
        self.table: Table = create_transcript_table(SESSION.resource("dynamodb"))
        self.outputs = {
            "FailedCallsQueueUrl": self.failed_calls,
            "WorkQueueUrl": self.work,
            "StateMachineArn": self.state_machine_arn,
            "TableName": "transcripts",
            "ArchiveBucketName": "archive",
        }
        self.outputs_file = directory / "outputs.json"
        self.write_outputs()

    def write_outputs(self) -> None:
        self.outputs_file.write_text(json.dumps({"Dev-Batch": self.outputs}))

    @property
    def arguments(self) -> list[str]:
        """What names this environment on every command line."""
        return ["--environment", "Dev", "--region", REGION, "--stack-outputs", str(self.outputs_file)]

    def fail(self, body: Any) -> None:
        """Leave a message in the failed-calls queue."""
        self.sqs.send_message(
            QueueUrl=self.failed_calls, MessageBody=body if isinstance(body, str) else json.dumps(body)
        )

    def strand(self, body: Any) -> str:
        """Leave a message in the queue of stranded calls, which an older deployment lacks; return the queue."""
        queue = self.sqs.create_queue(QueueName="stranded")["QueueUrl"]
        self.outputs["StrandedCallsQueueUrl"] = queue
        self.write_outputs()
        self.sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(body))
        return queue

    def messages(self, queue_url: str) -> list[str]:
        """The bodies of the messages that a consumer could receive now."""
        received = self.sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [message["Body"] for message in received.get("Messages", [])]

    def started(self) -> list[Any]:
        """The inputs of all executions."""
        executions = self.step_functions.list_executions(stateMachineArn=self.state_machine_arn)["executions"]
        described = (self.step_functions.describe_execution(executionArn=one["executionArn"]) for one in executions)
        return [json.loads(one["input"]) for one in described]


@pytest.fixture
def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setattr(boto3, "Session", lambda **_: SESSION)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr(redrive, "_RECEIVE_WAIT_SECONDS", 0)
    with lean_aws():
        yield Deployed(tmp_path)


def announcement(name: str, *, version: str = "v1") -> dict[str, Any]:
    """The event of S3 for a recording in the project's own layout."""
    return {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {
            "bucket": {"name": "recordings"},
            "object": {"key": f"recordings/clinic-7/2026-11-20/{name}.wav", "etag": "e", "version-id": version},
        },
    }
