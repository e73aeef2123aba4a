"""Whether the recording of a call that is transcribed live is transcribed, and paid for, as well.

A live transcript stands for a recording only where its words cover the recording's time, on the clock: lengths prove
nothing. A call may be streamed for five minutes of queue and one of an agent who then talks on unheard; or streaming is
stopped for a card payment and never started again. So a recording is spared if every time at which any part of it can
have been made (`callscribe.live.recorded_time`) lies in one interval in which all was transcribed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from callscribe.live.call import LiveStatus
from callscribe.live.coverage import covers

if TYPE_CHECKING:
    from datetime import datetime

    from callscribe.environments.functions import LiveTranscripts
    from callscribe.live.coverage import Interval
    from callscribe.live.state import LiveState

_COMPLETE: Final = "live-complete"


@dataclass(frozen=True, kw_only=True)
class LiveEvidence:
    """What is known of a live call when its recording is there.

    Attributes:
        state: Where the call stands.
        transcribed: Whether a transcript of it is stored and shown.
        replaced: Whether the call shows the transcript of a recording, which a live one never takes the place of.
    """

    state: LiveState
    transcribed: bool
    replaced: bool = False

    @property
    def pending(self) -> bool:
        """Whether its transcript can be expected."""
        status = self.state.status
        if self.replaced:
            return False
        return not self.state.over or (status is LiveStatus.COMPLETED and not self.transcribed)

    def standing(self, *, recorded: Interval | None) -> str:
        """How the live transcript stands to a recording.

        Args:
            recorded: When that can have been made; `None` where it is not known.
        """
        state = self.state
        if state.status is LiveStatus.FAILED:
            return "live-failed"
        if state.status is not LiveStatus.COMPLETED:
            return "live-unfinished"
        if not state.coverage.proven:
            return "live-incomplete"
        if recorded is None:
            return "recorded-at-unknown-time"
        if not covers(state.coverage.intervals, recorded):
            return "live-covers-not-all"
        if self.replaced:
            return "live-replaced"
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

    transcripts: LiveTranscripts = "always"
    patience: timedelta = timedelta()

    def awaits(self, live: LiveEvidence, *, since: datetime | None, now: datetime) -> bool:
        """Whether to look again later, because the live transcript is still being made.

        Args:
            live: The call.
            since: Since when it is waited for; `None` where nobody can wait.
            now: The time.
        """
        if self.transcripts == "always" or since is None or not live.pending:
            return False
        return now < since + self.patience and now <= live.state.active_until + self.patience

    def judge(self, live: LiveEvidence, *, recorded: Interval | None) -> Judgement:
        """Decide about a recording whose live call is not waited for any more.

        Args:
            live: The call.
            recorded: When the recording can have been made; `None` where that is not known.
        """
        standing = live.standing(recorded=recorded)
        covering: dict[LiveTranscripts, bool] = {
            "always": False,
            "when-incomplete": standing == _COMPLETE,
            "never": True,
        }
        return Judgement(covered=covering[self.transcripts], reason=standing)
