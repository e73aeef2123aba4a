"""What becomes of an announced object."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from lambdas.common.errors import SafeError


class Rejected(SafeError):
    """The recording cannot be transcribed; code and message say why."""


class Verdict(StrEnum):
    """The outcomes the state machine chooses by.

    `covered`: the call's live transcript stands for the recording. `wait`: it is still being made; ask again.
    """

    CLAIMED = "claimed"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"
    REJECTED = "rejected"
    COVERED = "covered"
    WAIT = "wait"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Outcome of the step.

    Attributes:
        verdict: What happens next.
        reason: Stable code of the cause, such as `in-progress` or `TruncatedAudio`.
        message: The cause in words, with the remedy if there is one.
        recording: The admitted recording (see `AdmittedRecording.to_payload`) when claimed; else what is known of it.
        wait_seconds: When to ask again; `None` unless the verdict is to wait.
    """

    verdict: Verdict
    reason: str
    message: str = ""
    recording: dict[str, Any] = field(default_factory=dict)
    wait_seconds: int | None = None

    def to_payload(self) -> dict[str, Any]:
        """Return the JSON form that the state machine gets."""
        return {
            "decision": self.verdict.value,
            "reason": self.reason,
            "message": self.message,
            "recording": self.recording,
            **({} if self.wait_seconds is None else {"wait_seconds": self.wait_seconds}),
        }
