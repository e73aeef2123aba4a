"""Both ends of a call held against what Connect says, and what of its time was transcribed."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscribe.live.call import Gap, GapReason
from callscribe.live.coverage import (
    TOLERANCE_MS,
    Bound,
    Heard,
    Interval,
    Streaming,
    beginning_of,
    covers,
    end_of,
    fragment_is_later,
    intervals_of,
    reasons_of,
    subtracted,
    unproven_ms,
    without_pauses,
)

START = 1_795_000_000_000
SECOND = 8_000
FRAGMENT, LATER = "91343852333181432392682062630889465430254378014", "91343852333181432392682062630894417190411519542"

TIMES = st.integers(0, 60_000)
INTERVALS = st.tuples(TIMES, TIMES).map(lambda ends: Interval(start_ms=min(ends), end_ms=max(ends)))


def at(seconds: float) -> int:
    return START + round(seconds * 1000)


def interval(start: float, end: float) -> Interval:
    return Interval(start_ms=at(start), end_ms=at(end))


def heard(start: float = 0.0, end: float = 60.0, fragment: str = "") -> Heard:
    return Heard(origin_ms=at(start), end_ms=at(end), first_fragment=fragment)


def streaming(
    *starts: float, stops: tuple[float, ...] = (), over: float | None = None, fragment: str = ""
) -> Streaming:
    return Streaming(
        starts_ms=tuple(map(at, starts)),
        stops_ms=tuple(map(at, stops)),
        start_fragment=fragment,
        disconnected_at_ms=None if over is None else at(over),
    )


def missing(start: float, end: float, reason: GapReason = GapReason.MISSING) -> Gap:
    return Gap(start=round(start * SECOND), end=round(end * SECOND), reason=reason)


# The beginning


@pytest.mark.parametrize(
    ("begins", "lost"),
    [
        (0.0, False),
        (0.17, False),
        (0.5, False),
        (0.501, None),
        (2.0, None),
        (2.001, True),
        (6.1, True),
        (20.0, True),
        (-0.5, False),
        (-0.501, None),
    ],
)
def test_the_first_audio_is_held_against_the_told_start(begins: float, lost: bool | None) -> None:
    beginning = beginning_of(streaming(0), heard(begins))
    assert beginning == Bound(heard_at_ms=at(begins), told_at_ms=START, source="start-timestamp", missing=lost)


@pytest.mark.parametrize(
    ("begins", "first", "lost", "source"),
    [
        (0.15, FRAGMENT, False, "start-fragment"),
        # Connect's time was late, the fragment is the one that it names: nothing came before.
        (-1.5, FRAGMENT, False, "start-fragment"),
        # The fragment was there, and its audio begins long after streaming did.
        (3.0, FRAGMENT, True, "start-timestamp"),
        # The fragment with the first words was not heard, though the time seems right.
        (1.1, LATER, True, "start-fragment"),
        (-1.0, LATER, True, "start-fragment"),
        (0.2, LATER, False, "start-timestamp"),
    ],
)
def test_the_fragment_of_the_first_audio_is_held_against_the_told_one(
    begins: float, first: str, lost: bool, source: str
) -> None:
    beginning = beginning_of(streaming(0, fragment=FRAGMENT), heard(begins, fragment=first))
    assert (beginning.missing, beginning.source) == (lost, source)


def test_a_start_that_was_not_told_proves_nothing() -> None:
    assert beginning_of(Streaming(), heard()) == Bound(heard_at_ms=START)
    assert reasons_of(beginning_of(Streaming(), heard()), Bound(missing=False)) == ("beginning-not-proven",)


def test_words_before_a_pause_that_were_never_heard_are_a_missing_beginning() -> None:
    # The first part was on a stream whose fragments have higher numbers.
    told = streaming(0, 40, stops=(20,), over=60, fragment=LATER)
    assert beginning_of(told, heard(40, fragment=FRAGMENT)).missing


@pytest.mark.parametrize(
    ("number", "other", "later"),
    [("10", "9", True), ("9", "9", False), ("9", "10", False), ("", "9", None), ("9", "", None), ("x", "9", None)],
)
def test_fragments_are_told_apart_by_their_numbers(number: str, other: str, later: bool | None) -> None:
    assert fragment_is_later(number, other) is later


# The end


@pytest.mark.parametrize(
    ("told", "ends", "lost", "source"),
    [
        (streaming(0, over=60), 60.0, False, "disconnect-timestamp"),
        (streaming(0, over=60), 58.0, False, "disconnect-timestamp"),
        (streaming(0, over=60), 57.9, True, "disconnect-timestamp"),
        (streaming(0, over=60), 61.5, False, "disconnect-timestamp"),
        (streaming(0), 60.0, None, None),
        # Streaming was stopped and not started again.
        (streaming(0, stops=(30,)), 30.0, False, "stop-timestamp"),
        (streaming(0, stops=(30,), over=60), 29.5, False, "stop-timestamp"),
        (streaming(0, stops=(30,), over=60), 29.4, None, "stop-timestamp"),
        (streaming(0, stops=(30,), over=60), 28.0, None, "stop-timestamp"),
        (streaming(0, stops=(30,), over=60), 31.0, False, "stop-timestamp"),
        (streaming(0, stops=(30,), over=60), 20.0, True, "stop-timestamp"),
        # It was started again: the end is that of the contact.
        (streaming(0, 40, stops=(30,), over=60), 30.0, True, "disconnect-timestamp"),
        (streaming(0, 40, stops=(30,)), 60.0, None, None),
        (streaming(0, 40, stops=(30, 50), over=60), 50.0, False, "stop-timestamp"),
        # Connect notes a stop for a contact that is over.
        (streaming(0, stops=(61,), over=60), 60.0, False, "disconnect-timestamp"),
    ],
)
def test_the_last_audio_is_held_against_the_told_end(
    told: Streaming, ends: float, lost: bool | None, source: str | None
) -> None:
    end = end_of(told, heard(end=ends))
    assert (end.heard_at_ms, end.missing, end.source) == (at(ends), lost, source)


@pytest.mark.parametrize(
    ("told", "reasons"),
    [
        (streaming(0, over=1), ()),
        (streaming(0, over=30), ("beginning-missing", "end-missing")),
        (streaming(0), ("beginning-not-proven", "end-not-proven")),
        (Streaming(disconnected_at_ms=START), ("beginning-not-proven", "end-not-proven")),
    ],
)
def test_a_call_without_any_audio_is_complete_only_if_it_had_no_time_for_it(
    told: Streaming, reasons: tuple[str, ...]
) -> None:
    assert reasons_of(beginning_of(told, None), end_of(told, None)) == reasons


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_hearing_less_never_proves_more(one: int, other: int) -> None:
    told, less, more = streaming(0, over=60), min(one, other), max(one, other)
    late = [beginning_of(told, Heard(origin_ms=START + lost, end_ms=at(60))) for lost in (less, more)]
    early = [end_of(told, Heard(origin_ms=START, end_ms=at(60) - lost)) for lost in (less, more)]
    for good, bad in (late, early):
        assert good.proven or not bad.proven


# Pauses


def test_streaming_that_is_stopped_and_started_several_times_has_several_pauses() -> None:
    told = streaming(0, 20, 40, stops=(10, 30, 50), over=60)
    assert told.pauses == (interval(10, 20), interval(30, 40))
    assert told.end.told_at_ms == at(50)


def test_a_module_that_a_flow_runs_again_makes_no_pause() -> None:
    assert streaming(0, 20, over=60).pauses == ()


def test_of_two_stops_in_a_row_the_last_one_begins_the_pause() -> None:
    assert streaming(0, 40, stops=(10, 30)).pauses == (interval(30, 40),)


@pytest.mark.parametrize(
    ("gap", "left"),
    [
        (missing(10, 20), []),
        (missing(9.5, 20.5), []),
        (missing(9.4, 20.5), [missing(9.4, 10)]),
        (missing(9.5, 20.6), [missing(20, 20.6)]),
        # The last words before the stop, the first ones after the start, or both.
        (missing(5, 20), [missing(5, 10)]),
        (missing(10, 25), [missing(20, 25)]),
        (missing(5, 25), [missing(5, 10), missing(20, 25)]),
        # Streaming went on for a moment.
        (missing(11, 19), []),
        # Another place, another cause.
        (missing(8, 10), [missing(8, 10)]),
        (missing(20, 21), [missing(20, 21)]),
        (missing(10, 20, GapReason.UNREADABLE), [missing(10, 20, GapReason.UNREADABLE)]),
    ],
)
def test_a_pause_is_no_gap_and_what_is_lost_beside_it_is(gap: Gap, left: list[Gap]) -> None:
    assert list(without_pauses([gap], origin_ms=START, pauses=[interval(10, 20)])) == left


def test_what_was_streamed_between_two_pauses_and_never_heard_is_a_gap() -> None:
    pauses = [interval(10, 20), interval(30, 40)]
    assert without_pauses([missing(10, 40)], origin_ms=START, pauses=pauses) == (missing(20, 30),)


# Intervals


def test_gaps_and_pauses_divide_the_time_of_a_call() -> None:
    gaps = [missing(5, 6), missing(50, 51.0001)]
    assert intervals_of(heard(), gaps=gaps, pauses=[interval(10, 20)]) == (
        interval(0, 5),
        interval(6, 10),
        interval(20, 50),
        interval(51.001, 60),
    )


def test_an_interval_starts_where_the_audio_does() -> None:
    assert intervals_of(heard(3, 8), gaps=[missing(1, 2)], pauses=[]) == (interval(3, 4), interval(5, 8))


@given(INTERVALS, st.lists(INTERVALS, max_size=5))
def test_what_is_left_of_an_interval_is_all_of_it_but_the_holes(whole: Interval, holes: list[Interval]) -> None:
    left = subtracted(whole, holes)
    assert all(one.start_ms < one.end_ms for one in left)
    assert all(one.end_ms < another.start_ms for one, another in pairwise(left))
    ends = {time for one in (whole, *holes) for time in (one.start_ms, one.end_ms)}
    # Every place changes at an end of some interval only.
    for time in {place for end in ends for place in (end - 1, end)}:
        wanted = _holds([whole], time) and not _holds(holes, time)
        assert _holds(left, time) == wanted


@given(st.lists(INTERVALS, max_size=4), INTERVALS)
def test_what_is_covered_lies_in_one_interval_up_to_the_tolerance(have: list[Interval], wanted: Interval) -> None:
    tolerance = min(TOLERANCE_MS, (wanted.end_ms - wanted.start_ms) // 10)
    inner = range(wanted.start_ms + tolerance, wanted.end_ms - tolerance)
    if covers(have, wanted):
        assert any(one.start_ms <= inner.start and inner.stop <= one.end_ms for one in have)


@given(st.lists(INTERVALS, max_size=4), INTERVALS, INTERVALS)
def test_more_cover_covers_as_much(have: list[Interval], more: Interval, wanted: Interval) -> None:
    if covers(have, wanted):
        assert covers([*have, more], wanted)
        longer = [Interval(start_ms=one.start_ms - 1, end_ms=one.end_ms + 1) for one in have]
        assert covers(longer, wanted)


@given(st.lists(INTERVALS, max_size=4), INTERVALS, st.integers(1, 20_000))
def test_a_hole_longer_than_the_tolerance_is_never_covered(have: list[Interval], hole: Interval, by: int) -> None:
    wanted = Interval(start_ms=hole.start_ms - by, end_ms=hole.end_ms + by)
    left = [piece for one in have for piece in subtracted(one, [hole])]
    if hole.end_ms - hole.start_ms > 2 * TOLERANCE_MS:
        assert not covers(left, wanted)


@pytest.mark.parametrize(
    ("have", "covered"),
    [
        ((), False),
        ((interval(0, 60),), True),
        ((interval(12, 58),), True),
        ((interval(12.001, 60),), False),
        ((interval(0, 47.999),), False),
        ((interval(0, 30), interval(31, 60)), False),
    ],
)
def test_seconds_of_skew_between_two_clocks_are_borne(have: tuple[Interval, ...], covered: bool) -> None:
    assert covers(have, interval(10, 50)) is covered


def test_a_short_time_is_not_swallowed_by_the_tolerance() -> None:
    assert not covers([interval(0, 10)], interval(10, 12))
    assert not covers([interval(0, 10)], interval(9, 12))
    assert covers([interval(0, 10)], interval(8.1, 10.1))


def _holds(intervals: Iterable[Interval], time: int) -> bool:
    return any(one.start_ms <= time < one.end_ms for one in intervals)


@pytest.mark.parametrize(
    ("end", "unproven"),
    [
        # A contact that is over at 12:00:09 may have been over at 12:00:09.999.
        ({"heard_at_ms": 8_600, "told_at_ms": 9_000, "source": "disconnect-timestamp"}, 1_399),
        ({"heard_at_ms": 9_999, "told_at_ms": 9_000, "source": "disconnect-timestamp"}, 0),
        ({"heard_at_ms": 8_600, "told_at_ms": 9_100, "source": "disconnect-timestamp"}, 500),
        ({"heard_at_ms": 8_600, "told_at_ms": 9_000, "source": "stop-timestamp"}, 400),
        ({"heard_at_ms": None, "told_at_ms": 9_000, "source": "disconnect-timestamp"}, None),
        ({"heard_at_ms": 8_600, "told_at_ms": None, "source": None}, None),
    ],
)
def test_what_nothing_proves_right_before_the_end_is_told(end: dict[str, Any], unproven: int | None) -> None:
    assert unproven_ms(end) == unproven
