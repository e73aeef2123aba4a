"""Where a call that is transcribed while it runs stands, as its item in the table tells it to who only reads it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from msgspec import Meta

from callscribe.conversation.reliability import Reliability
from callscribe.live.call import LATEST_MS, EndReason, Gap, LiveStatus
from callscribe.live.coverage import BEGINNING_NOT_PROVEN, END_NOT_PROVEN, Bound, Interval, covered_seconds
from callscribe.recognition import OptionsRecord
from callscribe.recordings.calls import CallDirection
from callscribe.recordings.clinics import ClinicSource
from callscribe.serialization import InvalidData, decode, encode
from callscribe.table_values import plain

_OVER: Final = frozenset({LiveStatus.COMPLETED, LiveStatus.FAILED})


class InvalidLiveState(ValueError):
    """The item is no state of a live call; the message names the place, never a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCoverage:
    """How much of a call was transcribed live.

    Attributes:
        complete: whether it is proven that nothing that was streamed is missing, at either end or in between, but for
            `coverage.unproven_ms` tells.
        incomplete_reasons: codes of what is missing or not proven; empty for a complete call.
        end_reason: evidence by which the call was taken to be over; None while it is not.
        utterances: results stored.
        gaps: pieces of the call that are not transcribed.
        duration_seconds: length of the streamed audio, gaps and pauses included.
        intervals: when something was streamed and all of it was transcribed; empty where that was not noted.
        beginning: what was heard and told of the beginning; None where that was not noted.
        end: what was heard and told of the end; None where that was not noted.
    """

    complete: bool
    incomplete_reasons: tuple[str, ...]
    end_reason: EndReason | None
    utterances: int
    gaps: tuple[Gap, ...]
    duration_seconds: float
    intervals: tuple[Interval, ...] = ()
    beginning: Bound | None = None
    end: Bound | None = None

    @property
    def gap_seconds(self) -> float:
        """Length of all gaps together."""
        return sum(gap.seconds for gap in self.gaps)

    @property
    def covered_seconds(self) -> float | None:
        """How much is transcribed at least; None where that was not noted."""
        return None if self.beginning is None else covered_seconds(encode(self.intervals))

    @property
    def proven(self) -> bool:
        """Whether it is complete and both ends have their evidence, which earlier versions did not ask for."""
        ends = (self.beginning, self.end)
        return self.complete and all(bound is not None and bound.proven for bound in ends)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveState:
    """A live call.

    Attributes:
        call_id: Connect's contact id.
        clinic_id: clinic that takes the call.
        day: date by which the call is filed, UTC, as yyyy-mm-dd.
        started_at: when streaming began, UTC.
        status: where the call stands.
        coverage: how much of it is transcribed.
        sessions: connections to the speech service: one more for every reconnect and every hand-over.
        vocabulary_terms: terms sent to the service; None where the streamer has not noted it.
        options: what the service was asked for last; None where the streamer has not noted it.
        model: name of the model that answered; "" where the streamer has not noted it.
        active_until: until when somebody holds the call, or its last change; UTC.
        agent_joined_at: when an agent joined the contact, by Connect, UTC; None where that is not known.
        disconnected_at: when the contact was over, by Connect, UTC; None where that is not known.
        clinic_source: what the clinic was decided by; None where that is not known.
        direction: who called whom, by Connect; None where it does not tell.
        queue_id: Connect's id of the queue that the call was in when it was announced; None where it was in none.
        alerted: names of flags that cannot wait and of which somebody was told while it ran.
    """

    call_id: str
    clinic_id: str
    day: str
    started_at: datetime
    status: LiveStatus
    coverage: LiveCoverage
    sessions: int
    vocabulary_terms: int | None
    options: OptionsRecord | None
    model: str
    active_until: datetime
    agent_joined_at: datetime | None = None
    disconnected_at: datetime | None = None
    clinic_source: ClinicSource | None = None
    direction: CallDirection | None = None
    queue_id: str | None = None
    alerted: tuple[str, ...] = ()

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "LiveState":
        """Read the item as boto3's table resource returns it. What a call that is not over lacks has its beginning.

        Raises:
            InvalidLiveState: it is no state of a live call.
        """
        try:
            read = decode(LiveItem, plain(item), "live call")
        except InvalidData as error:
            raise InvalidLiveState(str(error)) from None
        return cls(
            call_id=read.call_id,
            clinic_id=read.clinic_id,
            day=read.day,
            started_at=datetime.fromtimestamp(read.started_at_ms / 1000, UTC),
            status=read.status,
            coverage=read.coverage,
            sessions=1 + read.reconnects + read.handovers,
            vocabulary_terms=read.vocabulary_terms,
            options=read.options,
            model=read.model,
            active_until=max(read.updated_at, datetime.fromtimestamp(read.lease_until, UTC)),
            agent_joined_at=_utc(read.agent_joined_at),
            disconnected_at=_utc(read.disconnected_at),
            clinic_source=read.clinic_source,
            direction=read.direction,
            queue_id=read.queue_id,
            alerted=read.alerted,
        )

    @property
    def over(self) -> bool:
        """Whether nobody works on it any more."""
        return self.status in _OVER


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveItem:
    """A live call's item in the table, as far as it is read. What a call has not come to yet is missing, or None.

    Attributes:
        call_id: Connect's contact id.
        clinic_id: clinic that takes the call.
        day: date by which the call is filed, UTC, as yyyy-mm-dd.
        started_at_ms: when streaming began, milliseconds since 1970.
        status: where the call stands.
        updated_at: last change, UTC.
        lease_until: until when a streamer holds the call, seconds since 1970.
        reconnects: connections to the service that were lost.
        handovers: how often another streamer took the call over.
        vocabulary_terms: terms sent to the service.
        options: what the service was asked for last.
        model: name of the model that answered; "" before it has.
        agent_joined_at: when an agent joined the contact, by Connect.
        disconnected_at: when the contact was over, by Connect.
        clinic_source: what the clinic was decided by.
        direction: who called whom, by Connect.
        queue_id: Connect's id of the queue that the call was in when it was announced.
        next_seq: number of the next utterance; one more than are stored.
        complete: whether it is proven that nothing that was streamed is missing.
        incomplete_reasons: codes of what is missing or not proven; empty for a complete call.
        end_reason: evidence by which the call was taken to be over.
        gaps: pieces of the call that are not transcribed.
        duration_seconds: length of the streamed audio, gaps and pauses included.
        intervals: when something was streamed and all of it was transcribed.
        beginning: what was heard and told of the beginning.
        end: what was heard and told of the end.
        reliability: whether what is concluded from the call can be relied on: while it runs, as far as it is known;
            once it is over, by what was said last. That of the whole call is in its transcript. None where nothing has
            been said yet, and where that was not asked.
        alerted: names of flags that cannot wait and of which somebody was told while it ran.
    """

    call_id: str
    clinic_id: str
    day: str
    started_at_ms: Annotated[int, Meta(ge=0, lt=LATEST_MS)]
    status: LiveStatus
    updated_at: Annotated[datetime, Meta(tz=True)]
    lease_until: Annotated[int, Meta(ge=0, lt=LATEST_MS // 1000)] = 0
    reconnects: int = 0
    handovers: int = 0
    vocabulary_terms: int | None = None
    options: OptionsRecord | None = None
    model: str = ""
    agent_joined_at: datetime | None = None
    disconnected_at: datetime | None = None
    clinic_source: ClinicSource | None = None
    direction: CallDirection | None = None
    queue_id: str | None = None
    next_seq: int = 1
    complete: bool | None = None
    incomplete_reasons: tuple[str, ...] | None = None
    end_reason: EndReason | None = None
    gaps: tuple[Gap, ...] | None = None
    duration_seconds: float | None = None
    intervals: tuple[Interval, ...] | None = None
    beginning: Bound | None = None
    end: Bound | None = None
    reliability: Reliability | None = None
    alerted: tuple[str, ...] = ()

    @property
    def coverage(self) -> LiveCoverage:
        """How much of the call is transcribed."""
        coverage = LiveCoverage(
            complete=self.complete or False,
            incomplete_reasons=self.incomplete_reasons or (),
            end_reason=self.end_reason,
            utterances=self.next_seq - 1,
            gaps=self.gaps or (),
            duration_seconds=self.duration_seconds or 0,
            intervals=self.intervals or (),
            beginning=self.beginning,
            end=self.end,
        )
        if coverage.complete and not coverage.proven:
            # Noted by a version that looked for the end and for gaps only.
            reasons = (*coverage.incomplete_reasons, BEGINNING_NOT_PROVEN, END_NOT_PROVEN)
            return replace(coverage, complete=False, incomplete_reasons=reasons)
        return coverage


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)
