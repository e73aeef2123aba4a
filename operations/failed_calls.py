"""What the messages in the failed-calls queue say.

Three senders leave messages there: the state machine (a call that failed, with its original event), EventBridge (an
event it could not hand to the state machine, as it came, and the end of an execution that could not say itself why it
failed) and SQS (a work message received too often, as it came).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeAlias, TypeVar

from callscribe.recordings.keys import NotACall, UnknownExtension, UnknownLayout, parse_key
from callscribe.recordings.recording import recording_id
from callscribe.serialization import InvalidData, decode_json
from operations.rendering import object_name

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

_EXECUTION_ENDED = "Step Functions Execution Status Change"
# What the state machine says of a failed call in its message, by the attribute under which it notes it in the table.
_NOTED = {"execution": "execution", "error": "error_code", "step": "failed_step"}


class Repeatable(Protocol):
    """What a message asks to be repeated."""

    @property
    def subject(self) -> str:
        """What it is about: equal for every message about it."""

    @property
    def done(self) -> str:
        """What was done with it, once it was repeated."""


@dataclass(frozen=True)
class StartAgain:
    """Run the state machine again on the event that announced the recording."""

    event: Mapping[str, Any]
    subject: str
    """Identity of the recording."""
    ended_execution: str | None = None
    """The execution that failed, as far as the message names it."""

    done: ClassVar[str] = "started again"

    def input(self) -> dict[str, Any]:
        """Input of the new execution, which takes the recording's claim over from the one that failed."""
        return {**self.event, **({"redrive_of": self.ended_execution} if self.ended_execution else {})}


@dataclass(frozen=True)
class SendBack:
    """Give the work message back to the queue it came from; its execution is still waiting for it."""

    body: str
    subject: str
    """The waiting task."""
    done: ClassVar[str] = "sent back to the work queue"


Repeat: TypeAlias = StartAgain | SendBack
"""How to repeat a call; ``done`` says in words that it was."""


R = TypeVar("R", bound=Repeatable)


@dataclass(frozen=True, kw_only=True)
class FailedCall(Generic[R]):
    """One message of a failed-calls queue.

    Args:
        message_id: SQS's id of the message.
        receipt: Handle to delete or release the message with.
        sent_at: When the message was first sent.
        repeat: How to repeat the call. None: the message is not understood.
        problem: Why the message is not understood, without quoting it.
        call_id: Call the message is about, when it can be told.
        object_name: The recording it is about, as ``s3://bucket/key``, when it can be told.
        error: Error code.
        step: Step of the state machine that failed.
    """

    message_id: str
    receipt: str
    sent_at: datetime
    repeat: R | None
    problem: str = ""
    call_id: str | None = None
    object_name: str | None = None
    error: str | None = None
    step: str | None = None


class _UnknownForm(Exception):
    """The message has none of the three known forms."""


def read_message(message: MessageTypeDef) -> FailedCall[Repeat]:
    """Read *message*, received with its ``SentTimestamp`` and its ``ERROR_CODE`` attribute."""
    call: FailedCall[Repeat] = FailedCall(
        message_id=message["MessageId"],
        receipt=message["ReceiptHandle"],
        sent_at=datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC),
        repeat=None,
    )
    text = message["Body"]
    try:
        body = decode_json(dict[str, Any], text, "the body")
        if "task_token" in body:
            recording = _mapping(body, "recording")
            return replace(
                call,
                repeat=SendBack(body=text, subject=_text(body, "task_token")),
                call_id=recording.get("call_id"),
                object_name=object_name(recording.get("bucket"), recording.get("key")),
                step="Transcribe",
            )
        failure = _failure(body)
        bucket, key, identity = _announced(failure.event)
        attribute = message.get("MessageAttributes", {}).get("ERROR_CODE")
        delivery_error = attribute.get("StringValue") if attribute else None
        return replace(
            call,
            repeat=StartAgain(event=failure.event, subject=identity, ended_execution=failure.execution),
            call_id=body.get("call_id") or _call_id(key),
            object_name=object_name(bucket, key),
            error=failure.error or delivery_error,
            step=body.get("step"),
        )
    except (InvalidData, _UnknownForm) as error:
        return replace(call, problem=str(error))


def read_claim(claim: Mapping[str, Any]) -> FailedCall[Repeat]:
    """Read the claim on a recording as a call to be started again, by whatever execution had it last.

    Of the event that announced the recording a claim keeps what names the object.
    """
    announced = {"key": claim["s3_key"], "etag": claim["etag"]}
    if "version_id" in claim:
        announced["version-id"] = claim["version_id"]
    if "sequencer" in claim:
        announced["sequencer"] = claim["sequencer"]
    return FailedCall(
        # Of each time the recording was claimed.
        message_id=f"{claim['recording_id']}-{claim['attempts']}",
        receipt="",
        sent_at=datetime.fromisoformat(claim["updated_at"]),
        repeat=StartAgain(
            event={
                "source": "aws.s3",
                "detail-type": "Object Created",
                "detail": {"bucket": {"name": claim["bucket"]}, "object": announced},
            },
            subject=claim["recording_id"],
            ended_execution=claim["execution"],
        ),
        call_id=claim.get("call_id") or object_name(claim["bucket"], claim["s3_key"]),
        error=claim.get("covered_reason") or claim.get("error_code") or f"ended while {claim['status']}",
        step=claim.get("failed_step", "Admit" if claim["status"] in ("covered", "rejected") else None),
    )


def read_failed_admission(item: Mapping[str, Any]) -> FailedCall[Repeat]:
    """Read what is noted of an admission that failed as a call to be started again with its event."""
    body = json.dumps(
        {name: item[column] for name, column in _NOTED.items()}
        | {"event": decode_json(dict[str, Any], item["event"], "the event")}
    )
    execution = str(item["execution"])
    return read_message(
        {
            "MessageId": f"admission-{sha256(execution.encode()).hexdigest()[:40]}",
            "ReceiptHandle": "",
            "Body": body,
            "Attributes": {
                "SentTimestamp": str(int(datetime.fromisoformat(item["updated_at"]).timestamp() * 1000)),
            },
        }
    )


@dataclass(frozen=True, kw_only=True)
class _Failure:
    event: Mapping[str, Any]
    execution: str | None = None
    error: str | None = None


def _failure(body: Mapping[str, Any]) -> _Failure:
    """Find the S3 event in the message of the state machine, of an ended execution, or in the event as it came."""
    if "event" in body:
        return _Failure(event=_mapping(body, "event"), execution=body.get("execution"), error=body.get("error"))
    if body.get("detail-type") == _EXECUTION_ENDED:
        ended = _mapping(body, "detail")
        return _Failure(
            event=decode_json(dict[str, Any], _text(ended, "input"), "the input"),
            execution=_text(ended, "executionArn"),
            error=ended.get("error") or ended.get("status"),
        )
    return _Failure(event=body)


def _announced(event: Mapping[str, Any]) -> tuple[str, str, str]:
    """Bucket, key and identity of the recording that an S3 event of EventBridge announces."""
    detail = _mapping(event, "detail")
    announced = _mapping(detail, "object")
    key = _text(announced, "key")
    version_id, etag = announced.get("version-id"), announced.get("etag", "")
    if not version_id and not etag:
        raise _UnknownForm("the event has neither version-id nor etag")
    bucket = _text(_mapping(detail, "bucket"), "name")
    return bucket, key, recording_id(bucket, key, version_id, etag)


def _call_id(key: str) -> str | None:
    try:
        return parse_key(key).call_id
    except UnknownExtension as unknown:
        return unknown.key.call_id
    except (NotACall, UnknownLayout):
        return None


def _mapping(parent: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = parent.get(name)
    if not isinstance(value, dict):
        raise _UnknownForm(f"there is no object {name!r}")
    return value


def _text(parent: Mapping[str, Any], name: str) -> str:
    value = parent.get(name)
    if not isinstance(value, str) or not value:
        raise _UnknownForm(f"there is no text {name!r}")
    return value
