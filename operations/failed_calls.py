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
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, Protocol, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, Meta

from callscribe.recordings.keys import NotACall, UnknownExtension, UnknownLayout, parse_key
from callscribe.recordings.recording import recording_id
from callscribe.recordings.redrive import announcement_of, redrive_message_id
from callscribe.serialization import InvalidData, decode, decode_json

from .rendering import object_name

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

_EXECUTION_ENDED = "Step Functions Execution Status Change"
_MOST_REDRIVES_BEFORE = 100  # names of a hundred characters and more, in a message of 256 KB
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
    others: tuple[str, ...] = ()
    """Executions of other messages about the recording, which failed as well. One of them may have its claim."""

    done: ClassVar[str] = "started again"

    def input(self) -> dict[str, Any]:
        """Input of the new execution, which takes the recording's claim over from the one that failed.

        That one may itself have been to repeat others, and have failed before it could take the claim over from them.
        """
        if not self.ended_execution:
            return {**self.event}
        told = {**self.event, "redrive_of": self.ended_execution}
        before = (*self.executions[:-1], *self.others)[-_MOST_REDRIVES_BEFORE:]
        return {**told, "redrives_before": [*before]} if before else told

    @property
    def executions(self) -> tuple[str, ...]:
        """What failed, by this message alone: each execution was to repeat those before it."""
        repeated = (*self.event.get("redrives_before", ()), self.event.get("redrive_of"), self.ended_execution)
        return tuple(execution for execution in repeated if execution)


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
        form = decode_json(_Form, text, "the body")
        if form.task_token is not UNSET:
            work = decode_json(_Work, text, "the body")
            return replace(
                call,
                repeat=SendBack(body=text, subject=work.task_token),
                call_id=work.recording.call_id,
                object_name=object_name(work.recording.bucket, work.recording.key),
                step="Transcribe",
            )
        failure = _failure(form, text)
        announced = decode(_Announcement, failure.event, "the event").detail
        attribute = message.get("MessageAttributes", {}).get("ERROR_CODE")
        delivery_error = attribute.get("StringValue") if attribute else None
        return replace(
            call,
            repeat=StartAgain(event=failure.event, subject=announced.identity, ended_execution=failure.execution),
            call_id=failure.call_id or _call_id(announced.object.key),
            object_name=object_name(announced.bucket.name, announced.object.key),
            error=failure.error or delivery_error,
            step=failure.step,
        )
    except InvalidData as error:
        return replace(call, problem=str(error))


def read_claim(claim: Mapping[str, Any]) -> FailedCall[Repeat]:
    """Read the claim on a recording as a call to be started again, by whatever execution had it last."""
    return FailedCall(
        message_id=redrive_message_id(claim),
        receipt="",
        sent_at=datetime.fromisoformat(claim["updated_at"]),
        repeat=StartAgain(
            event=announcement_of(claim),
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


_Name = Annotated[str, Meta(min_length=1)]


class _Form(msgspec.Struct, rename={"detail_type": "detail-type"}):
    """What tells the forms of a message from each other."""

    task_token: object = UNSET
    event: object = UNSET
    detail_type: object = None


class _Recording(msgspec.Struct):
    call_id: str | None = None
    bucket: str | None = None
    key: str | None = None


class _Work(msgspec.Struct):
    """A work message."""

    task_token: _Name
    recording: _Recording


class _Failure(msgspec.Struct, kw_only=True):
    """The state machine's message about a failed call."""

    event: dict[str, Any]
    call_id: str | None = None
    execution: str | None = None
    error: str | None = None
    step: str | None = None


class _Execution(msgspec.Struct, rename={"execution": "executionArn"}):
    input: _Name
    execution: _Name
    error: str | None = None
    status: str | None = None


class _ExecutionEnded(msgspec.Struct):
    """EventBridge's event about an execution that has ended."""

    detail: _Execution


class _Object(msgspec.Struct, rename={"version_id": "version-id"}):
    key: _Name
    etag: str = ""
    version_id: str | None = None


class _Bucket(msgspec.Struct):
    name: _Name


class _Detail(msgspec.Struct):
    bucket: _Bucket
    object: _Object

    def __post_init__(self) -> None:
        if not self.object.version_id and not self.object.etag:
            raise InvalidData("the event has neither version-id nor etag")

    @property
    def identity(self) -> str:
        """Identity of the recording."""
        return recording_id(self.bucket.name, self.object.key, self.object.version_id, self.object.etag)


class _Announcement(msgspec.Struct):
    """S3's event of EventBridge that announces a recording."""

    detail: _Detail


def _failure(form: _Form, text: str) -> _Failure:
    """Find the S3 event in the message of the state machine, of an ended execution, or in the event as it came."""
    if form.event is not UNSET:
        return decode_json(_Failure, text, "the body")
    if form.detail_type == _EXECUTION_ENDED:
        ended = decode_json(_ExecutionEnded, text, "the body").detail
        return _Failure(
            event=decode_json(dict[str, Any], ended.input, "the input"),
            execution=ended.execution,
            error=ended.error or ended.status,
        )
    return _Failure(event=decode_json(dict[str, Any], text, "the event"))


def _call_id(key: str) -> str | None:
    try:
        return parse_key(key).call_id
    except UnknownExtension as unknown:
        return unknown.key.call_id
    except (NotACall, UnknownLayout):
        return None
