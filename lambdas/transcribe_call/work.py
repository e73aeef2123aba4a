"""The message that asks for one call to be transcribed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from callscribe.recordings.recording import AdmittedRecording
from callscribe.serialization import InvalidData, decode_json

UNTOLD_WAIT = timedelta(days=1)
"""How long an execution is taken to wait whose message does not tell, as none did before schema version 3."""


# SQS keeps no message longer (Amazon SQS Developer Guide, "Amazon SQS message quotas").
_LONGEST_WAIT_SECONDS = 14 * 24 * 60 * 60


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
    def from_body(cls, body: str) -> Work:
        """Read the body of a message of the work queue.

        Raises:
            MalformedMessage: A part is missing or has the wrong form.
        """
        try:
            message = decode_json(dict[str, Any], body, "the message")
        except InvalidData as invalid:
            raise MalformedMessage(str(invalid)) from None
        token = _text(message, "task_token")
        if token is None:
            raise MalformedMessage("the message has no task_token")
        execution, recording = _text(message, "execution"), message.get("recording")
        if execution is None or not isinstance(recording, dict):
            raise MalformedMessage("the message has no execution or no recording", task_token=token)
        try:
            admitted = AdmittedRecording.from_payload(recording)
        except InvalidData as invalid:
            raise MalformedMessage(str(invalid), task_token=token) from None
        return cls(task_token=token, execution=execution, recording=admitted, **_wait(message))


def _wait(message: dict[str, Any]) -> dict[str, Any]:
    """Read how long the execution waits, which only paces the tries: what is odd counts as not told."""
    since, seconds = _text(message, "waiting_since"), message.get("max_wait_seconds")
    wait: dict[str, Any] = {}
    with suppress(ValueError):
        moment = datetime.fromisoformat(since or "")
        wait["waiting_since"] = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if type(seconds) is int and 0 < seconds <= _LONGEST_WAIT_SECONDS:
        wait["max_wait"] = timedelta(seconds=seconds)
    return wait


def _text(message: dict[str, Any], name: str) -> str | None:
    value = message.get(name)
    return value if isinstance(value, str) and value else None
