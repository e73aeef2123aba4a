from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest

from lambdas.common import aws
from lambdas.transcribe_call.handler import handle
from tests.fakes.deepgram import FakeDeepgram, refusal
from tests.lambdas.cloud import (
    EXECUTION,
    REGION,
    Cloud,
    Context,
    Tasks,
    recording,
    secrets_manager,
    take_claim,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from callscribe.recordings.recording import AdmittedRecording

CONTEXT = cast("LambdaContext", Context())


class Queue:
    """The work queue, delivering to the function, or another one."""

    def __init__(self, name: str = "work") -> None:
        self._sqs = boto3.client("sqs", region_name=REGION)
        self.url = self._sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "600"})["QueueUrl"]

    def send(self, body: str) -> None:
        self._sqs.send_message(QueueUrl=self.url, MessageBody=body)

    def deliver(self, *, receive_count: int = 1) -> dict[str, Any]:
        """Hand the next message to the function; delete it unless the function gives it back."""
        (message,) = self._sqs.receive_message(QueueUrl=self.url)["Messages"]
        record = {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": {"ApproximateReceiveCount": str(receive_count)},
            "messageAttributes": {},
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:{REGION}:123456789012:work",
            "awsRegion": REGION,
        }
        result = handle({"Records": [record]}, CONTEXT)
        if result == {"batchItemFailures": []}:
            self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        else:
            assert result == {"batchItemFailures": [{"itemIdentifier": message["MessageId"]}]}
        return result

    def bodies(self) -> list[str]:
        """Receive what is there."""
        return [message["Body"] for message in self._sqs.receive_message(QueueUrl=self.url).get("Messages", [])]

    @property
    def waiting(self) -> tuple[int, int]:
        """Messages that can be received, and messages that are hidden."""
        attributes = self._sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])["Attributes"]
        return (
            int(attributes["ApproximateNumberOfMessages"]),
            int(attributes["ApproximateNumberOfMessagesNotVisible"]),
        )


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> Tasks:
    waiting = Tasks()
    monkeypatch.setattr(aws, "step_functions", lambda: waiting)
    return waiting


@pytest.fixture
def queue(function_environment: pytest.MonkeyPatch, deepgram: FakeDeepgram, tasks: Tasks) -> Queue:
    queue = Queue()
    secret = secrets_manager().create_secret(Name="deepgram", SecretString="current-key")["ARN"]
    function_environment.setenv("QUEUE_URL", queue.url)
    function_environment.setenv("DEEPGRAM_SECRET_ARN", secret)
    function_environment.setenv("DEEPGRAM_BASE_URL", deepgram.url)
    return queue


@pytest.fixture
def admitted(cloud: Cloud, function_environment: pytest.MonkeyPatch) -> AdmittedRecording:
    from lambdas.common.claims import Claims

    admitted = recording(cloud.upload())
    take_claim(Claims(table=cloud.table), admitted)
    return admitted


def message(admitted: AdmittedRecording, **wait: Any) -> str:
    return json.dumps({"task_token": "token", "execution": EXECUTION, "recording": admitted.to_payload(), **wait})


def test_a_message_is_worked_off(
    queue: Queue, tasks: Tasks, admitted: AdmittedRecording, deepgram: FakeDeepgram
) -> None:
    queue.send(message(admitted))
    queue.deliver()
    assert tasks.results["token"]["reply"]["key"] == f"replies/{admitted.recording_id}.json.gz"
    assert deepgram.requests[0].headers["authorization"] == "Token current-key"
    assert deepgram.requests[0].body["url"].startswith(f"https://recordings.s3.{REGION}.amazonaws.com/")
    assert queue.waiting == (0, 0)


def test_what_happened_is_measured(
    queue: Queue, admitted: AdmittedRecording, deepgram: FakeDeepgram, output: Callable[[], str]
) -> None:
    deepgram.answer(refusal(429, "TOO_MANY_REQUESTS"))
    queue.send(message(admitted))
    queue.deliver()
    lines = [json.loads(line) for line in output().splitlines()]
    (measured,) = [line for line in lines if "_aws" in line]
    assert measured["DeepgramRateLimited"] == measured["DeepgramRequests"] == [1.0]
    assert "TroubledCallAge" not in measured
    assert measured["RequestMilliseconds"][0] >= 0
    (directive,) = measured["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("CallScribe", [["service"]])


def test_trouble_that_lasts_is_measured(
    queue: Queue,
    admitted: AdmittedRecording,
    cloud: Cloud,
    deepgram: FakeDeepgram,
    output: Callable[[], str],
    function_environment: pytest.MonkeyPatch,
) -> None:
    function_environment.setenv("MAX_ATTEMPTS", "50")
    cloud.table.update_item(
        Key={"PK": f"RECORDING#{admitted.recording_id}", "SK": "CLAIM"},
        UpdateExpression="SET execution_requests = :seven",
        ExpressionAttributeValues={":seven": 7},
    )
    deepgram.answer(refusal(503, "BUSY"))
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    queue.send(message(admitted, waiting_since=an_hour_ago.isoformat(), max_wait_seconds=86400))
    queue.deliver()
    (measured,) = [line for line in map(json.loads, output().splitlines()) if "_aws" in line]
    assert 3600 <= measured["TroubledCallAge"][0] < 3660


def test_a_message_to_be_repeated_is_hidden_for_its_delay(
    queue: Queue, admitted: AdmittedRecording, deepgram: FakeDeepgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    delays: list[int] = []
    sqs = aws.sqs()
    change = sqs.change_message_visibility

    def watched(**arguments: Any) -> None:
        delays.append(arguments["VisibilityTimeout"])
        change(**arguments)

    monkeypatch.setattr(sqs, "change_message_visibility", watched)
    deepgram.answer(refusal(503, "BUSY"))
    deepgram.requests.clear()
    queue.send(message(admitted))
    result = queue.deliver(receive_count=3)
    assert len(result["batchItemFailures"]) == 1
    assert len(delays) == 1
    assert 0 <= delays[0] <= 20


def test_a_delay_that_cannot_be_set_does_not_lose_the_message(
    queue: Queue, admitted: AdmittedRecording, deepgram: FakeDeepgram, function_environment: pytest.MonkeyPatch
) -> None:
    function_environment.setenv("QUEUE_URL", f"{queue.url}-gone")
    deepgram.answer(refusal(503, "BUSY"))
    queue.send(message(admitted))
    assert len(queue.deliver()["batchItemFailures"]) == 1
    assert queue.waiting == (0, 1)


@pytest.fixture
def refused(queue: Queue, function_environment: pytest.MonkeyPatch) -> Queue:
    """The queue of failed calls."""
    refused = Queue("failed")
    function_environment.setenv("FAILED_CALLS_QUEUE_URL", refused.url)
    return refused


@pytest.mark.usefixtures("admitted")
@pytest.mark.parametrize(
    "body", ['{"phone": "+15550107788"}', "[" * 100_000, '{"task_token": "an-old-one", "phone": "+15550107788"}']
)
def test_a_message_that_nobody_can_work_on_is_put_aside_at_once_and_not_quoted(
    queue: Queue, refused: Queue, output: Callable[[], str], body: str
) -> None:
    queue.send(body)
    assert queue.deliver() == {"batchItemFailures": []}
    assert (queue.waiting, refused.waiting) == ((0, 0), (1, 0))
    assert refused.bodies() == [body]
    written = output()
    assert '"MessagesRefused":[1.0]' in written
    assert "5550107788" not in written


@pytest.mark.usefixtures("admitted")
def test_a_refused_message_stays_in_the_queue_while_it_cannot_be_put_aside(
    queue: Queue, refused: Queue, function_environment: pytest.MonkeyPatch
) -> None:
    function_environment.setenv("FAILED_CALLS_QUEUE_URL", f"{refused.url}-gone")
    queue.send("no message")
    assert len(queue.deliver()["batchItemFailures"]) == 1


def test_the_task_of_a_message_whose_recording_is_unreadable_fails_at_once(
    queue: Queue, refused: Queue, tasks: Tasks, deepgram: FakeDeepgram
) -> None:
    queue.send(json.dumps({"task_token": "token", "execution": EXECUTION, "recording": {"bucket": "recordings"}}))
    assert queue.deliver() == {"batchItemFailures": []}
    assert tasks.failures["token"][0] == "WorkMessage.Malformed"
    assert (queue.waiting, refused.waiting, deepgram.requests) == ((0, 0), (0, 0), [])


@pytest.mark.parametrize("value", ["", " ", "two words"])
def test_a_secret_without_a_usable_key_fails_the_task_at_once(
    queue: Queue, tasks: Tasks, admitted: AdmittedRecording, deepgram: FakeDeepgram, value: str
) -> None:
    if value:
        secrets_manager().put_secret_value(SecretId="deepgram", SecretString=value)
    else:
        secrets_manager().delete_secret(SecretId="deepgram", ForceDeleteWithoutRecovery=True)
    queue.send(message(admitted))
    queue.deliver()
    assert tasks.failures["token"][0].startswith("DeepgramKey.")
    assert deepgram.requests == []
    assert queue.waiting == (0, 0)


def test_a_recording_deleted_while_it_waited_fails_the_task_unpaid(
    queue: Queue, tasks: Tasks, admitted: AdmittedRecording, cloud: Cloud, deepgram: FakeDeepgram
) -> None:
    version = admitted.provenance.version_id
    assert version is not None
    cloud.s3.delete_object(Bucket="recordings", Key=admitted.provenance.key, VersionId=version)
    queue.send(message(admitted))
    queue.deliver()
    assert tasks.failures["token"][0] == "RecordingMissing"
    assert (deepgram.requests, cloud.claim(admitted.recording_id)["deepgram_requests"]) == ([], 0)
