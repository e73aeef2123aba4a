"""The message that asks for one call to be transcribed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lambdas.common.recordings import AdmittedRecording
from transcription.codec import Undecodable
from transcription.json_text import UnreadableJson, read_json


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
    """

    task_token: str
    execution: str
    recording: AdmittedRecording

    @classmethod
    def from_body(cls, body: str) -> Work:
        """Read the body of a message of the work queue.

        Raises:
            MalformedMessage: A part is missing or has the wrong form.
        """
        try:
            message = read_json(body)
        except UnreadableJson as unreadable:
            raise MalformedMessage(f"the message {unreadable}") from None
        if not isinstance(message, dict):
            raise MalformedMessage("the message is no object")
        token = _text(message, "task_token")
        if token is None:
            raise MalformedMessage("the message has no task_token")
        execution, recording = _text(message, "execution"), message.get("recording")
        if execution is None or not isinstance(recording, dict):
            raise MalformedMessage("the message has no execution or no recording", task_token=token)
        try:
            admitted = AdmittedRecording.from_payload(recording)
        except Undecodable as undecodable:
            raise MalformedMessage(str(undecodable), task_token=token) from None
        return cls(task_token=token, execution=execution, recording=admitted)


def _text(message: dict[str, Any], name: str) -> str | None:
    value = message.get(name)
    return value if isinstance(value, str) and value else None
