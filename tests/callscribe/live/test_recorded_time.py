"""When a recording can have been made, by its name, its length and what Connect says of its contact."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscribe.contract.call_kind import CallKind
from callscribe.live.coverage import Interval
from callscribe.live.recorded_time import possible_time
from callscribe.recordings.calls import CallRecording, StartSource
from callscribe.recordings.clinics import ClinicDecision
from callscribe.recordings.keys import parse_key

NINE = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
CALL = CallRecording(
    clinic_id="harbour",
    call_id="call-7",
    kind=CallKind.AGENT,
    started_at=NINE + timedelta(minutes=1),
    layout="connect",
    started_at_source=StartSource.KEY_MINUTE,
)


def at(seconds: float) -> datetime:
    return NINE + timedelta(seconds=seconds)


def possible(
    *, seconds: float, joined: float | None = None, over: float | None = None, written: float = 3600
) -> tuple[float, float] | None:
    """When a recording of 09:01 can have been made, in seconds since 09:00."""
    time = possible_time(
        CALL,
        seconds=seconds,
        written_at=at(written),
        agent_joined_at=None if joined is None else at(joined),
        disconnected_at=None if over is None else at(over),
    )
    return _seconds(time)


def _seconds(time: Interval | None) -> tuple[float, float] | None:
    if time is None:
        return None
    return time.start_ms / 1000 - NINE.timestamp(), time.end_ms / 1000 - NINE.timestamp()


def test_a_name_tells_the_minute_only() -> None:
    assert possible(seconds=100) == (60, 220)


@pytest.mark.parametrize(
    ("facts", "time"),
    [
        # It ends no later than its contact, and was written after its end.
        ({"over": 200}, (60, 200)),
        ({"written": 190}, (60, 191)),
        # It begins when the agent joins, or later.
        ({"joined": 95}, (95, 220)),
        ({"joined": 95, "over": 196}, (95, 196)),
        # Two of Connect's clocks are a little apart.
        ({"joined": 58.5}, (58.5, 220)),
        ({"joined": 121}, (120, 220)),
        # Somebody who joined in another minute joined another recording.
        ({"joined": 20}, (60, 220)),
        ({"joined": 150}, (60, 220)),
        # It is longer than there was time for it.
        ({"joined": 95, "over": 180}, (95, 195)),
        ({"written": 100}, (60, 160)),
    ],
)
def test_what_connect_and_s3_say_narrows_it_down(facts: dict[str, float], time: tuple[float, float]) -> None:
    assert possible(seconds=100, **facts) == time


def test_an_agent_who_leaves_a_caller_ends_the_recording_before_the_contact() -> None:
    """Eight minutes with an agent, then twenty with somebody outside; the recording may be of any of the first."""
    assert possible(seconds=460, joined=92, over=1708) == (92, 580)


FACTS: dict[str, Any] = {"agent_joined_at": at(95), "disconnected_at": at(200)}


@pytest.mark.parametrize("source", [StartSource.KEY_DAY, StartSource.LAST_MODIFIED, StartSource.LIVE, None])
def test_a_recording_of_whoever_may_have_been_made_at_any_time_of_its_day(source: StartSource | None) -> None:
    own = replace(CALL, layout="callscribe", started_at_source=source)
    assert possible_time(own, seconds=100, written_at=at(300), **FACTS) is None


def test_a_recording_begins_no_earlier_than_whoever_made_it_says_its_call_did() -> None:
    own = replace(CALL, started_at=at(12), layout="callscribe", started_at_source=StartSource.METADATA)
    assert _seconds(possible_time(own, seconds=100, written_at=at(300), **FACTS)) == (12, 200)
    assert _seconds(possible_time(own, seconds=100, written_at=at(150), **FACTS)) == (12, 151)


@given(
    began=st.floats(60, 119.999),
    joined_before=st.floats(0, 59) | st.none(),
    seconds=st.floats(1, 14_400),
    went_on=st.floats(0, 3600) | st.none(),
    written_after=st.floats(0, 86_400),
)
def test_no_sample_of_a_recording_is_outside_of_its_possible_time(
    began: float, joined_before: float | None, seconds: float, went_on: float | None, written_after: float
) -> None:
    over = None if went_on is None else at(began + seconds + went_on)
    time = possible_time(
        CALL,
        seconds=seconds,
        written_at=at(began + seconds + written_after).replace(microsecond=0),
        agent_joined_at=None if joined_before is None else at(began - joined_before),
        disconnected_at=over,
    )
    assert isinstance(time, Interval)
    assert time.start_ms - 1 <= at(began).timestamp() * 1000
    assert at(began + seconds).timestamp() * 1000 <= time.end_ms + 1


def test_the_minute_is_that_of_the_name() -> None:
    key = "connect/main/CallRecordings/2026/11/20/call-7_20261120T09:01_UTC.wav"
    assert parse_key(key).of(ClinicDecision(clinic_id="harbour", source=None)) == CALL
