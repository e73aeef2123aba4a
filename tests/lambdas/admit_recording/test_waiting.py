from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lambdas.admit_recording.waiting import pause_seconds

START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
LONGEST = timedelta(days=15)  # an execution that waits for a transcription for 13 days, and more


def looks_within(patience: timedelta, *, bounded: bool = True) -> list[datetime]:
    """When an execution looks that begins to wait at the start."""
    end = START + patience
    looks = [START]
    while looks[-1] < end:
        pause = pause_seconds(since=START, now=looks[-1], until=end if bounded else None)
        looks.append(looks[-1] + timedelta(seconds=pause))
    return looks


def test_it_is_looked_soon_and_then_at_ever_longer_intervals() -> None:
    looks = looks_within(timedelta(hours=2))
    pauses = [(later - earlier).total_seconds() for earlier, later in pairwise(looks)]
    assert pauses[:10] == [30] * 10
    assert pauses[:-1] == sorted(pauses[:-1])
    assert all(pause <= 31 + (look - START).total_seconds() / 10 for pause, look in zip(pauses, looks, strict=False))


@given(st.timedeltas(timedelta(seconds=1), LONGEST))
def test_the_last_look_is_when_the_waiting_ends(patience: timedelta) -> None:
    last = looks_within(patience)[-1]
    assert START + patience <= last < START + patience + timedelta(seconds=1)


@given(st.timedeltas(timedelta(seconds=1), LONGEST), st.booleans())
def test_however_long_it_is_waited_the_looks_are_few(patience: timedelta, bounded: bool) -> None:
    assert len(looks_within(patience, bounded=bounded)) <= 100
