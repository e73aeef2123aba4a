"""What the doubles promise: scenarios that run against them, and against what they stand for.

Those of `SCENARIOS` take clients as boto3 makes them, and say what is so on AWS, with the page that says so. Those of
`WHOLE` take a deployment, in simulated time or on the embedded emulator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import pytest
from botocore.exceptions import ClientError

PATHS: Final = {
    "transcribed": (
        *(
            "Admit",
            "Decision",
            "Transcribe",
            "Store",
            "Superseded?",
            "Urgent?",
            "Score",
            "Announce",
            "Complete",
            "Transcribed",
        ),
    ),
    "refused": ("Admit", "Decision", "Transcribe", "RecordFailure", "SendToFailedCalls", "Failed"),
    "rejected": ("Admit", "Decision", "Rejected", "SendToFailedCalls", "Failed"),
}
"""The states that an execution enters, whoever interprets the definition."""


@dataclass(frozen=True)
class Place:
    """Where scenarios happen.

    Attributes:
        table: A table with the keys PK and SK, as boto3's resource.
        s3: A client.
        bucket: A bucket that keeps versions.
        sqs: A client.
        queue: URL of a queue whose messages are moved after `most_receives`.
        dead_letters: URL of the queue they are moved to.
        most_receives: So often a message is delivered.
        name: What tells this run's items, objects and messages from others.
    """

    table: Any
    s3: Any
    bucket: str
    sqs: Any
    queue: str
    dead_letters: str
    most_receives: int
    name: str


def refusal(act: Callable[[], Any]) -> str:
    """Return the code by which something is refused; "" if it is not."""
    try:
        act()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def a_put_on_condition_happens_once(place: Place) -> None:
    item = {"PK": f"A#{place.name}", "SK": "CLAIM", "n": 1}

    def put() -> None:
        place.table.put_item(Item=item, ConditionExpression="attribute_not_exists(PK)")

    assert [refusal(put), refusal(put)] == ["", "ConditionalCheckFailedException"]


def an_update_on_condition_changes_all_or_nothing(place: Place) -> None:
    key = {"PK": f"B#{place.name}", "SK": "CLAIM"}
    place.table.put_item(Item={**key, "holder": "a", "old": 1})

    def take(holder: str) -> Any:
        return place.table.update_item(
            Key=key,
            UpdateExpression="SET holder = :new ADD taken :one REMOVE #old",
            ConditionExpression="holder = :holder AND (attribute_not_exists(taken) OR taken < :one)",
            ExpressionAttributeNames={"#old": "old"},
            ExpressionAttributeValues={":new": "b", ":one": 1, ":holder": holder},
            ReturnValues="ALL_NEW",
        )

    assert refusal(lambda: take("x")) == "ConditionalCheckFailedException"
    assert take("a")["Attributes"] == {**key, "holder": "b", "taken": 1}
    assert refusal(lambda: take("b")) == "ConditionalCheckFailedException"


def a_transaction_writes_all_or_nothing_and_says_why(place: Place) -> None:
    """Amazon DynamoDB API reference, "TransactWriteItems": reasons are in the order of the items."""
    first, second = ({"PK": f"C#{place.name}", "SK": name} for name in ("1", "2"))
    place.table.put_item(Item={**second, "status": "done"})
    name = place.table.name

    def write(status: str) -> None:
        place.table.meta.client.transact_write_items(
            TransactItems=[
                {"Put": {"TableName": name, "Item": {**first, "n": 1}}},
                {
                    "Update": {
                        "TableName": name,
                        "Key": second,
                        "UpdateExpression": "SET #status = :new",
                        "ConditionExpression": "#status IN (:a, :b)",
                        "ExpressionAttributeNames": {"#status": "status"},
                        "ExpressionAttributeValues": {":new": "stored", ":a": status, ":b": "other"},
                    }
                },
            ]
        )

    with pytest.raises(ClientError) as refused:
        write("claimed")
    assert refused.value.response["Error"]["Code"] == "TransactionCanceledException"
    reasons: Any = refused.value.response["CancellationReasons"]
    assert [reason["Code"] for reason in reasons] == ["None", "ConditionalCheckFailed"]
    assert "Item" not in place.table.get_item(Key=first)
    write("done")
    assert place.table.get_item(Key=second, ConsistentRead=True)["Item"]["status"] == "stored"


def an_object_is_written_over_only_as_it_was_seen(place: Place) -> None:
    """Amazon S3 User Guide, "How to prevent object overwrites with conditional writes"."""
    key = f"replies/{place.name}"

    def put(content: bytes, **condition: str) -> Any:
        return place.s3.put_object(Bucket=place.bucket, Key=key, Body=content, **condition)

    assert refusal(lambda: place.s3.get_object(Bucket=place.bucket, Key=key)) == "NoSuchKey"
    assert refusal(lambda: place.s3.head_object(Bucket=place.bucket, Key=key)) == "404"
    seen = put(b"awaited", IfNoneMatch="*")["ETag"]
    assert refusal(lambda: put(b"again", IfNoneMatch="*")) == "PreconditionFailed"
    assert refusal(lambda: put(b"reply", IfMatch=seen)) == ""
    assert refusal(lambda: put(b"other", IfMatch=seen)) == "PreconditionFailed"
    assert place.s3.get_object(Bucket=place.bucket, Key=key)["Body"].read() == b"reply"


def a_message_is_hidden_counted_and_shown_again(place: Place) -> None:
    """Amazon SQS Developer Guide, "Amazon SQS visibility timeout"."""
    place.sqs.send_message(QueueUrl=place.queue, MessageBody=place.name)
    (first,) = received(place, place.queue)
    assert first["Attributes"]["ApproximateReceiveCount"] == "1"
    assert received(place, place.queue) == []
    show(place, first)
    (second,) = received(place, place.queue)
    assert (second["Attributes"]["ApproximateReceiveCount"], second["MessageId"]) == ("2", first["MessageId"])
    place.sqs.delete_message(QueueUrl=place.queue, ReceiptHandle=second["ReceiptHandle"])
    assert received(place, place.queue) == []


def a_message_received_too_often_is_moved_with_its_time(place: Place) -> None:
    """Amazon SQS Developer Guide, "Using dead-letter queues in Amazon SQS"."""
    place.sqs.send_message(QueueUrl=place.queue, MessageBody=place.name)
    sent = ""
    for _ in range(place.most_receives):
        (message,) = received(place, place.queue)
        sent = message["Attributes"]["SentTimestamp"]
        show(place, message)
    assert received(place, place.queue) == []
    (dead,) = received(place, place.dead_letters)
    assert (dead["Body"], dead["Attributes"]["SentTimestamp"]) == (place.name, sent)
    place.sqs.delete_message(QueueUrl=place.dead_letters, ReceiptHandle=dead["ReceiptHandle"])


def received(place: Place, queue: str) -> list[Any]:
    """Receive a message."""
    answer = place.sqs.receive_message(
        QueueUrl=queue,
        MaxNumberOfMessages=1,
        VisibilityTimeout=600,
        MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
    )
    messages: list[Any] = answer.get("Messages", [])
    return messages


def show(place: Place, message: Any) -> None:
    """Let a message be seen again at once."""
    place.sqs.change_message_visibility(
        QueueUrl=place.queue, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
    )


SCENARIOS: Final = (
    a_put_on_condition_happens_once,
    an_update_on_condition_changes_all_or_nothing,
    a_transaction_writes_all_or_nothing_and_says_why,
    an_object_is_written_over_only_as_it_was_seen,
    a_message_is_hidden_counted_and_shown_again,
    a_message_received_too_often_is_moved_with_its_time,
)


class Stage(Protocol):
    """A deployment, and one call of it."""

    def put(self, content: int) -> str:
        """Put a recording of the call, and return its version; equal numbers are equal bytes."""

    def announce(self, version: str, *, times: int) -> None:
        """Announce a recording again, so often."""

    def refuse(self, status: int) -> None:
        """Have the speech service refuse the next request."""

    def settle(self, *, recordings: int) -> None:
        """Wait until so many recordings of the call, and all that was started, have come to their end."""

    def redrive(self) -> None:
        """Repeat what failed."""

    def statuses(self) -> list[str]:
        """What has become of the call's recordings, the oldest first."""

    def requests(self) -> int:
        """How often the speech service was asked."""

    def shown(self) -> str | None:
        """The version whose transcript the call shows."""

    def announced(self) -> list[str]:
        """The versions of which it was announced that they are transcribed."""

    def failed(self) -> int:
        """How many messages about the call are with the failed ones."""


def a_recording_is_transcribed_stored_and_announced_once(stage: Stage) -> None:
    version = stage.put(0)
    stage.settle(recordings=1)

    assert (stage.statuses(), stage.requests(), stage.shown()) == (["completed"], 1, version)
    assert (stage.announced(), stage.failed()) == ([version], 0)


def a_recording_is_claimed_once_however_often_it_is_announced(stage: Stage) -> None:
    version = stage.put(0)
    stage.announce(version, times=4)
    stage.settle(recordings=1)

    assert (stage.statuses(), stage.requests(), stage.announced()) == (["completed"], 1, [version])


def the_same_bytes_are_transcribed_once(stage: Stage) -> None:
    stage.put(0)
    stage.put(0)
    stage.settle(recordings=2)

    assert (sorted(stage.statuses()), stage.requests()) == (["completed", "duplicate"], 1)


def a_newer_version_takes_the_place_of_the_older_one(stage: Stage) -> None:
    older = stage.put(0)
    stage.settle(recordings=1)
    newer = stage.put(1)
    stage.settle(recordings=2)

    assert (stage.statuses(), stage.requests(), stage.shown()) == (["completed", "completed"], 2, newer)
    assert stage.announced() == [older, newer]


def what_failed_is_kept_once_and_a_redrive_repeats_it(stage: Stage) -> None:
    stage.refuse(402)
    version = stage.put(0)
    stage.settle(recordings=1)
    assert (stage.statuses(), stage.failed(), stage.shown()) == (["failed"], 1, None)

    stage.redrive()
    stage.settle(recordings=1)

    assert (stage.statuses(), stage.failed(), stage.shown()) == (["completed"], 0, version)


WHOLE: Final = (
    a_recording_is_transcribed_stored_and_announced_once,
    a_recording_is_claimed_once_however_often_it_is_announced,
    the_same_bytes_are_transcribed_once,
    a_newer_version_takes_the_place_of_the_older_one,
    what_failed_is_kept_once_and_a_redrive_repeats_it,
)
