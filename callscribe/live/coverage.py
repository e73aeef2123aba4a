"""What of a call was heard, on the clock, and what proves that nothing is missing at its ends.

A call's own audio cannot tell what is missing before its first sample and after its last one. So each end is held
against what Amazon Connect says of it: when streaming began and in which fragment, when it was stopped, when the
contact was over. What Connect has not said is unknown, and proves nothing.

Times are milliseconds since 1970: of audio by its producer's clock, which is Connect's own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

from callscribe.live.call import SAMPLE_RATE, Gap, GapReason

TOLERANCE_MS: Final = 2_000
"""How much earlier than its contact audio may end; what begins so much too late has lost something for certain.

Connect cuts audio into fragments of about a second, tells some times in whole seconds, and two of its clocks are
compared. In public events of flows the start fragment, whose number holds its time, follows `StartTimestamp` by 0.1 to
0.2 seconds: audio that begins seconds later has lost something.
"""

COINCIDENCE_MS: Final = 500
"""How closely audio must meet a start or a stop of streaming, which Connect tells to the millisecond, where no fragment
proves more. A fragment that was missed would show: it lasts a second or more (Kinesis Video Streams Developer Guide,
"Quotas"), but for the last one before a stop."""

_SECOND_MS: Final = 1_000
_MAX_FRAGMENT_DIGITS: Final = 128  # Kinesis Video Streams API Reference, "StartSelector"
_SAMPLES_PER_MS: Final = SAMPLE_RATE // 1000

BEGINNING_MISSING: Final = "beginning-missing"
BEGINNING_NOT_PROVEN: Final = "beginning-not-proven"
END_MISSING: Final = "end-missing"
END_NOT_PROVEN: Final = "end-not-proven"

START_FRAGMENT: Final = "start-fragment"
START_TIMESTAMP: Final = "start-timestamp"
STOP_TIMESTAMP: Final = "stop-timestamp"
DISCONNECT_TIMESTAMP: Final = "disconnect-timestamp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A piece of time.

    Attributes:
        start_ms: its begin.
        end_ms: its end, which does not belong to it.
    """

    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The beginning or the end of a call: what was heard and what Connect says of it.

    Attributes:
        heard_at_ms: when the audio began, or ended; None where there was none.
        told_at_ms: when streaming began, or ended, by Connect; None where it has not said so.
        source: what told it, of Connect's fields: `start-fragment`, `start-timestamp`, `stop-timestamp` or
            `disconnect-timestamp`; None where nothing did.
        missing: whether audio is missing here; None where that is not known.
    """

    heard_at_ms: int | None = None
    told_at_ms: int | None = None
    source: str | None = None
    missing: bool | None = None

    @property
    def proven(self) -> bool:
        """Whether nothing is known, or suspected, to be missing here."""
        return self.missing is False


@dataclass(frozen=True, slots=True, kw_only=True)
class Streaming:
    """What Connect has said of a call's streaming. Its events come late, twice, in any order or not at all.

    Attributes:
        starts_ms: when streaming was started, first and after each pause, in order.
        stops_ms: when it was stopped, in order.
        start_fragment: number of the fragment in which the contact's audio begins; "" where that is not known.
        disconnected_at_ms: when the contact was over; None where that is not known.
    """

    starts_ms: tuple[int, ...] = ()
    stops_ms: tuple[int, ...] = ()
    start_fragment: str = ""
    disconnected_at_ms: int | None = None

    @property
    def pauses(self) -> tuple[Interval, ...]:
        """When nothing was streamed, because it was stopped and started again, as for a card payment.

        Of several stops before a start the last counts: there may have been a start between them that was not told.
        """
        pauses = []
        for earlier, start in pairwise(self.starts_ms):
            stops = [stop for stop in self.stops_ms if earlier <= stop < start]
            if stops:
                pauses.append(Interval(start_ms=stops[-1], end_ms=start))
        return tuple(pauses)

    @property
    def end(self) -> Bound:
        """When there was no more to be heard: since a stop that no start followed, else since the contact was over."""
        over = self.disconnected_at_ms
        stops = [stop for stop in self.stops_ms if stop >= max(self.starts_ms, default=0)]
        if stops and (over is None or stops[-1] <= over):
            return Bound(told_at_ms=stops[-1], source=STOP_TIMESTAMP)
        return Bound() if over is None else Bound(told_at_ms=over, source=DISCONNECT_TIMESTAMP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """The audio of a call.

    Attributes:
        origin_ms: time of its first sample.
        end_ms: time after its last one.
        first_fragment: number of the fragment that brought the first sample; "" where that is not known.
    """

    origin_ms: int
    end_ms: int
    first_fragment: str = ""


def beginning_of(streaming: Streaming, heard: Heard | None) -> Bound:
    """Hold the first audio of a call against the start that Connect told.

    Fragment and time must agree. Audio before the told time shows that the time is not that of the first audio, so
    that only the fragment can prove the beginning.
    """
    told = Bound(heard_at_ms=None if heard is None else heard.origin_ms)
    if not streaming.starts_ms:
        return told
    told = replace(told, told_at_ms=streaming.starts_ms[0], source=START_TIMESTAMP)
    if heard is None:
        return replace(told, missing=_all_missing(streaming))
    late_ms = heard.origin_ms - streaming.starts_ms[0]
    is_later = fragment_is_later(heard.first_fragment, streaming.start_fragment)
    if late_ms > TOLERANCE_MS:
        return replace(told, missing=True)
    if is_later is False:
        return replace(told, source=START_FRAGMENT, missing=False)
    if abs(late_ms) <= COINCIDENCE_MS:
        return replace(told, missing=False)
    return replace(told, source=START_FRAGMENT, missing=True) if is_later else told


def end_of(streaming: Streaming, heard: Heard | None) -> Bound:
    """Hold the last audio of a call against the end that Connect told.

    Whether something is missing is not known where audio ends shortly before a stop. That of a contact is told in whole
    seconds, and a contact may outlast its audio.
    """
    told = streaming.end
    if heard is None:
        return replace(told, missing=_all_missing(streaming))
    told = replace(told, heard_at_ms=heard.end_ms)
    if told.told_at_ms is None:
        return told
    early_ms = told.told_at_ms - heard.end_ms
    if COINCIDENCE_MS < early_ms <= TOLERANCE_MS and told.source == STOP_TIMESTAMP:
        return told
    return replace(told, missing=early_ms > TOLERANCE_MS)


def reasons_of(beginning: Bound, end: Bound) -> tuple[str, ...]:
    """Return why a call with these ends is not complete."""
    codes = ((beginning, BEGINNING_MISSING, BEGINNING_NOT_PROVEN), (end, END_MISSING, END_NOT_PROVEN))
    return tuple(missing if bound.missing else unknown for bound, missing, unknown in codes if not bound.proven)


def without_pauses(gaps: Iterable[Gap], *, origin_ms: int, pauses: Sequence[Interval]) -> tuple[Gap, ...]:
    """Return the gaps without the time in which nothing was streamed.

    Of a gap that is longer than its pause, by half a second or more, what lies before and after the pause remains: the
    last words before the stop, or the first ones after the start.
    """
    found: list[Gap] = []
    for gap in gaps:
        pieces = [gap]
        if gap.reason is GapReason.MISSING:
            for pause in pauses:
                pieces = [rest for piece in pieces for rest in _rests(piece, pause, origin_ms)]
        found += pieces
    return tuple(found)


def intervals_of(heard: Heard, *, gaps: Iterable[Gap], pauses: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return when something was streamed and all of it was transcribed, on both channels.

    Args:
        heard: the audio.
        gaps: what of it was not transcribed, of either channel; also what lies within half a second of a pause.
        pauses: when nothing was streamed.
    """
    holes = [*pauses, *(_on_the_clock(gap, heard.origin_ms) for gap in gaps)]
    return subtracted(Interval(start_ms=heard.origin_ms, end_ms=heard.end_ms), holes)


def subtracted(whole: Interval, holes: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return what is left of an interval without some others, in order."""
    left, start_ms = [], whole.start_ms
    behind = Interval(start_ms=whole.end_ms, end_ms=whole.end_ms)
    for hole in sorted((*holes, behind), key=lambda hole: hole.start_ms):
        if start_ms < min(hole.start_ms, whole.end_ms):
            left.append(Interval(start_ms=start_ms, end_ms=min(hole.start_ms, whole.end_ms)))
        start_ms = max(start_ms, hole.end_ms)
    return tuple(left)


def covers(intervals: Iterable[Interval], wanted: Interval) -> bool:
    """Whether one interval holds all of another.

    The tolerance at each end, because two clocks are compared, is a tenth of what is wanted at most.
    """
    tolerance_ms = min(TOLERANCE_MS, (wanted.end_ms - wanted.start_ms) // 10)
    return any(
        interval.start_ms - tolerance_ms <= wanted.start_ms and wanted.end_ms <= interval.end_ms + tolerance_ms
        for interval in intervals
    )


def covered_seconds(intervals: Iterable[Mapping[str, Any]] | None) -> float | None:
    """Return the length of encoded intervals together: at least so much of a call is transcribed.

    None where they were not noted, by an earlier version.
    """
    if intervals is None:
        return None
    return float(sum(interval["end_ms"] - interval["start_ms"] for interval in intervals)) / 1000


def unproven_ms(end: Mapping[str, Any]) -> int | None:
    """Return how much right before an encoded end may be missing though nothing shows it; None where that is not known.

    No fragment tells that another one should have followed, and a contact may outlast its audio. The end of a contact
    is told in whole seconds: it may have been up to the next one.
    """
    heard_at_ms, told_at_ms = end.get("heard_at_ms"), end.get("told_at_ms")
    if heard_at_ms is None or told_at_ms is None:
        return None
    latest_ms = int(told_at_ms)
    if end.get("source") == DISCONNECT_TIMESTAMP and latest_ms % _SECOND_MS == 0:
        latest_ms += _SECOND_MS - 1
    return max(0, latest_ms - int(heard_at_ms))


def fragment_is_later(number: str, other: str) -> bool | None:
    """Whether one fragment comes after another of the same stream; None where a number is not known."""
    later, earlier = _number(number), _number(other)
    return None if later is None or earlier is None else later > earlier


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) <= _MAX_FRAGMENT_DIGITS else None


def _all_missing(streaming: Streaming) -> bool | None:
    """Whether a call without audio lasted long enough to have some."""
    end_ms = streaming.end.told_at_ms
    if end_ms is None or not streaming.starts_ms:
        return None
    return end_ms - streaming.starts_ms[0] > TOLERANCE_MS


def _rests(gap: Gap, pause: Interval, origin_ms: int) -> list[Gap]:
    start, end = ((ms - origin_ms) * _SAMPLES_PER_MS for ms in (pause.start_ms, pause.end_ms))
    if gap.end <= start or gap.start >= end:
        return [gap]
    tolerance = COINCIDENCE_MS * _SAMPLES_PER_MS
    before = [replace(gap, end=start)] if gap.start < start - tolerance else []
    after = [replace(gap, start=end)] if gap.end > end + tolerance else []
    return before + after


def _on_the_clock(gap: Gap, origin_ms: int) -> Interval:
    """A gap's time, with the milliseconds of which it has a part."""
    return Interval(
        start_ms=origin_ms + gap.start // _SAMPLES_PER_MS, end_ms=origin_ms + -(-gap.end // _SAMPLES_PER_MS)
    )
