"""Whether the recording of a call that is transcribed live is transcribed, and paid for, as well.

A live transcript speaks for a recording only if it is as long. It can be longer: streaming begins in the contact flow,
in front of the queue, and recording with the agent. A recording that is longer holds speech that was never streamed,
such as what was said after the flow had stopped streaming. Compressed recordings and the beginnings of blocks make a
difference of their own, hence the tolerance.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from transcription.live_call import LiveStatus

if TYPE_CHECKING:
    from datetime import datetime

    from transcription.live_state import LiveState

_COMPLETE: Final = "live-complete"
_TOLERANCE_SECONDS: Final = 5.0
_TOLERANCE_SHARE: Final = 0.02


class LiveTranscripts(StrEnum):
    """When the recording of a call is transcribed that was announced to the streamers.

    `always`: also then, and its transcript replaces the live one. `when-incomplete`: unless the live transcript is
    proven to hold the whole call. `never`: only when it is repeated on purpose.
    """

    ALWAYS = "always"
    WHEN_INCOMPLETE = "when-incomplete"
    NEVER = "never"


@dataclass(frozen=True, kw_only=True)
class LiveEvidence:
    """What is known of a live call when its recording is there.

    Attributes:
        state: Where the call stands.
        transcribed: Whether a transcript of it is stored.
    """

    state: LiveState
    transcribed: bool

    @property
    def pending(self) -> bool:
        """Whether its transcript can be expected."""
        status = self.state.status
        return not self.state.over or (status is LiveStatus.COMPLETED and not self.transcribed)

    def standing(self, *, recorded_seconds: float) -> str:
        """How the live transcript compares with a recording of this length."""
        state = self.state
        if state.status is LiveStatus.FAILED:
            return "live-failed"
        if state.status is not LiveStatus.COMPLETED:
            return "live-unfinished"
        if not state.coverage.complete:
            return "live-incomplete"
        tolerance = max(_TOLERANCE_SECONDS, _TOLERANCE_SHARE * recorded_seconds)
        if state.coverage.duration_seconds < recorded_seconds - tolerance:
            return "live-shorter-than-recording"
        return _COMPLETE if self.transcribed else "live-not-stored"


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What becomes of a recording.

    Attributes:
        covered: Whether the live transcript stands for it.
        reason: Stable code of the cause.
    """

    covered: bool
    reason: str


@dataclass(frozen=True, kw_only=True)
class LivePolicy:
    """The setting of one deployment.

    Attributes:
        transcripts: When the recording of a live call is transcribed.
        patience: Longest wait for a call that is still being transcribed live.
    """

    transcripts: LiveTranscripts = LiveTranscripts.ALWAYS
    patience: timedelta = timedelta()

    def awaits(self, live: LiveEvidence, *, since: datetime | None, now: datetime) -> bool:
        """Whether to look again later, because the live transcript is still being made.

        Args:
            live: The call.
            since: Since when it is waited for; `None` where nobody can wait.
            now: The time.
        """
        if self.transcripts is LiveTranscripts.ALWAYS or since is None or not live.pending:
            return False
        return now < since + self.patience and now <= live.state.active_until + self.patience

    def judge(self, live: LiveEvidence, *, recorded_seconds: float) -> Judgement:
        """Decide about a recording whose live call is not waited for any more.

        Args:
            live: The call.
            recorded_seconds: Length of the recording.
        """
        standing = live.standing(recorded_seconds=recorded_seconds)
        covering = {
            LiveTranscripts.ALWAYS: False,
            LiveTranscripts.WHEN_INCOMPLETE: standing == _COMPLETE,
            LiveTranscripts.NEVER: True,
        }
        return Judgement(covered=covering[self.transcripts], reason=standing)
