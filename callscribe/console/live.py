"""Calls that run, as the console tells them: where each stands, what is missing of it, and what was said."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from callscribe.conversation.reliability import Reliability
from callscribe.conversation.utterances import Role
from callscribe.live.call import SAMPLE_RATE, LiveStatus
from callscribe.live.state import InvalidLiveState, LiveItem
from callscribe.recordings.calls import CallDirection
from callscribe.serialization import InvalidData, decode
from callscribe.table_values import plain


class Progress(StrEnum):
    """Where a call stands, as people are told it.

    `waiting`: no streamer has it, none yet or none any more. `handed-over`: a streamer has given it up for another one.
    The others as `LiveStatus` has them.
    """

    WAITING = "waiting"
    STREAMING = "streaming"
    HANDED_OVER = "handed-over"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveGap:
    """A piece of a call that is not transcribed.

    Attributes:
        start: Seconds from the begin of the call.
        end: Seconds from the begin of the call.
        reason: Why.
        channel: The only channel that lacks it; None where both do.
    """

    start: float
    end: float
    reason: str
    channel: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRow:
    """A call that runs, or has just ended. What is None is not known.

    Attributes:
        call_id: The call.
        day: Its date, UTC, as yyyy-mm-dd.
        started_at: When streaming began.
        progress: Where it stands.
        direction: Who called whom, by Connect.
        agent_joined_at: When an agent joined.
        utterances: How many results are stored.
        gaps: What is not transcribed so far; None where that was not noted.
        handovers: How often another streamer took the call over.
        alerted: Flags that cannot wait and were raised, by name.
        reliability: How far that can be relied on: while the call runs, as far as it is known.
        complete: Whether it is proven that nothing is missing; None while the call runs.
        incomplete_reasons: What is missing or not proven; None while the call runs.
        duration_seconds: Length of the call; None while it runs.
        error_code: Why it failed.
    """

    call_id: str
    day: str
    started_at: datetime
    progress: Progress
    direction: CallDirection | None
    agent_joined_at: datetime | None
    utterances: int
    gaps: tuple[LiveGap, ...] | None
    handovers: int
    alerted: tuple[str, ...]
    reliability: Reliability | None
    complete: bool | None
    incomplete_reasons: tuple[str, ...] | None
    duration_seconds: float | None
    error_code: str | None

    @property
    def over(self) -> bool:
        """Whether the call has ended."""
        return self.progress in (Progress.COMPLETED, Progress.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveWords:
    """One final result of a call, as the feed has it.

    Attributes:
        seq: Number within the call, from 1, without holes.
        channel: 0 the customer, 1 the agent.
        role: The part the speaker plays.
        text: The words.
        start: Seconds from the begin of the call.
        end: Seconds from the begin of the call.
        confidence: 0 to 1, how sure the service is; None where it does not say.
    """

    seq: int
    channel: int
    role: Role
    text: str
    start: float
    end: float
    confidence: float | None = None


def live_row(item: Mapping[str, Any], *, now: datetime) -> LiveRow:
    """Return what is told of a call's item.

    Args:
        item: The item as boto3's table resource returns it.
        now: The time: a streamer that has died leaves its status behind, and a lease that it does not renew.

    Raises:
        InvalidLiveState: It is no state of a live call.
    """
    told = plain(item)
    try:
        read = decode(LiveItem, told, "live call")
    except InvalidData as error:
        raise InvalidLiveState(str(error)) from None
    progress = _progress(read, now)
    over = progress in (Progress.COMPLETED, Progress.FAILED)
    coverage = read.coverage
    return LiveRow(
        call_id=read.call_id,
        day=read.day,
        started_at=datetime.fromtimestamp(read.started_at_ms / 1000, UTC),
        progress=progress,
        direction=read.direction,
        agent_joined_at=read.agent_joined_at,
        utterances=coverage.utterances,
        gaps=None
        if read.gaps is None
        else tuple(
            LiveGap(
                start=gap.start / SAMPLE_RATE, end=gap.end / SAMPLE_RATE, reason=gap.reason.value, channel=gap.channel
            )
            for gap in read.gaps
        ),
        handovers=read.handovers,
        alerted=tuple(sorted(told.get("alerted") or ())),
        reliability=read.reliability,
        complete=coverage.complete if over else None,
        incomplete_reasons=coverage.incomplete_reasons if over else None,
        duration_seconds=read.duration_seconds if over else None,
        error_code=told.get("error_code"),
    )


def live_words(item: Mapping[str, Any]) -> LiveWords:
    """Return a stored utterance.

    Raises:
        InvalidData: It is none.
    """
    return decode(LiveWords, plain(item), "live utterance")


def _progress(item: LiveItem, now: datetime) -> Progress:
    left = item.status is LiveStatus.STREAMING and 0 < item.lease_until < now.timestamp()
    if item.status is LiveStatus.ANNOUNCED or left:
        return Progress.WAITING
    return Progress.HANDED_OVER if item.status is LiveStatus.RELEASED else Progress(item.status.value)
