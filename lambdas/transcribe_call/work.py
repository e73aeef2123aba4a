"""The message that asks for one call to be transcribed."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from msgspec import Meta

from callscribe.contract.messages import Name, TranscribeMessage
from callscribe.recordings.recording import AdmittedRecording
from callscribe.serialization import InvalidData, decode, decode_json

UNTOLD_WAIT = timedelta(days=1)
"""How long an execution is taken to wait whose message does not tell, as none did before schema version 3."""


# SQS keeps no message longer (Amazon SQS Developer Guide, "Amazon SQS message quotas").
_LONGEST_WAIT_SECONDS = 14 * 24 * 60 * 60
_Seconds = Annotated[int, Meta(gt=0, le=_LONGEST_WAIT_SECONDS)]


class MalformedMessage(Exception):
    """The message is none of the state machine's, and will be none when it comes again.

    Attributes:
        problem: What is wrong with it, without a value.
        task_token: What the task that waits for the message is answered by, as far as the message tells.
    """

    def __init__(self, problem: str, *, task_token: str | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.task_token = task_token


@dataclass(frozen=True, kw_only=True)
class Work:
    """One call to be transcribed.

    Attributes:
        task_token: What the waiting task of the state machine is answered by.
        execution: ARN of the execution that waits.
        recording: The recording.
        waiting_since: When the execution began to wait (aware, UTC); `None` where the message does not tell.
        max_wait: How long it waits.
    """

    task_token: str
    execution: str
    recording: AdmittedRecording
    waiting_since: datetime | None = None
    max_wait: timedelta = UNTOLD_WAIT

    @classmethod
    def from_body(cls, body: str) -> "Work":
        """Read the body of a message of the work queue.

        Raises:
            MalformedMessage: A part is missing or has the wrong form.
        """
        try:
            token = decode_json(_Addressed, body, "the message").task_token
        except InvalidData as invalid:
            raise MalformedMessage(str(invalid)) from None
        try:
            message = decode_json(TranscribeMessage, body, "the message")
            recording = AdmittedRecording.from_payload(message.recording)
        except InvalidData as invalid:
            raise MalformedMessage(str(invalid), task_token=token) from None
        return cls(task_token=token, execution=message.execution, recording=recording, **_wait(message))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Addressed:
    task_token: Name


def _wait(message: TranscribeMessage) -> dict[str, Any]:
    """Read how long the execution waits, which only paces the tries: what is odd counts as not told."""
    wait: dict[str, Any] = {}
    with suppress(InvalidData):
        moment = decode(datetime, message.waiting_since, "waiting_since")
        wait["waiting_since"] = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    with suppress(InvalidData):
        seconds = decode(_Seconds, message.max_wait_seconds, "max_wait_seconds")
        wait["max_wait"] = timedelta(seconds=seconds)
    return wait
