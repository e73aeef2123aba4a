"""The message that asks for one call to be transcribed."""

from __future__ import annotations

import json
from dataclasses import dataclass

from lambdas.common.recordings import AdmittedRecording


class MalformedMessage(Exception):
    """The message is none of the state machine's."""


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
            message = json.loads(body)
            return cls(
                task_token=message["task_token"],
                execution=message["execution"],
                recording=AdmittedRecording.from_payload(message["recording"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise MalformedMessage(type(error).__name__) from None
