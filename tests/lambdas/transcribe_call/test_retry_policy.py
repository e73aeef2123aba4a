from __future__ import annotations

import math
from datetime import UTC, datetime
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.transcribe_call.retry_policy import (
    BASE_DELAY_SECONDS,
    MAX_VISIBILITY_SECONDS,
    pause_before_next_try,
)

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
DAY = 86_400.0
QUARTER = 900.0


def pause(
    tries: int,
    *,
    max_tries: int = 50,
    remaining: float = DAY,
    max_pause: float | None = None,
    retry_after: float | None = None,
    drawn: float = 1.0,
) -> int | None:
    return pause_before_next_try(
        tries=tries,
        max_tries=max_tries,
        remaining=remaining,
        max_pause=max_pause,
        retry_after=retry_after,
        random=lambda: drawn,
    )


@given(
    tries=st.integers(1, 2000),
    max_tries=st.integers(1, 1000),
    remaining=st.floats(-1e6, 14 * DAY),
    max_pause=st.none() | st.floats(1, 1e6),
    retry_after=st.none() | st.floats(0, 1e9),
    drawn=st.floats(0, 1),
)
def test_a_pause_is_one_that_sqs_takes_and_ends_before_the_time_is_over(
    tries: int, max_tries: int, remaining: float, max_pause: float | None, retry_after: float | None, drawn: float
) -> None:
    found = pause(
        tries, max_tries=max_tries, remaining=remaining, max_pause=max_pause, retry_after=retry_after, drawn=drawn
    )
    if found is None:
        assert tries >= max_tries or remaining <= 0
    else:
        assert 0 <= found <= min(math.ceil(remaining), MAX_VISIBILITY_SECONDS)


@given(retry_after=st.floats(0, 4 * 3600), drawn=st.floats(0, 1), tries=st.integers(1, 48))
def test_a_pause_is_at_least_what_the_server_asks_for(retry_after: float, drawn: float, tries: int) -> None:
    found = pause(tries, retry_after=retry_after, drawn=drawn)
    assert found is not None
    assert found >= retry_after


@pytest.mark.parametrize(("tries", "longest"), [(1, 5), (2, 10), (3, 20), (6, 160)])
def test_the_longest_pause_doubles_with_each_try(tries: int, longest: int) -> None:
    assert pause(tries) == longest


def test_the_longest_pause_stops_growing() -> None:
    assert pause(12, max_pause=300) == 300
    assert pause(49, max_pause=300) == 300
    assert pause(12, max_tries=1000) == QUARTER
    # Twice the even share of the tries that are left.
    assert pause(15, max_tries=50) == math.ceil(2 * DAY / 35)


def test_what_the_server_asks_for_comes_on_top_of_the_longest_pause() -> None:
    assert pause(12, max_pause=300, retry_after=3600) == 3900


def test_a_pause_is_spread_over_the_upper_half() -> None:
    assert [pause(5, drawn=drawn) for drawn in (0.0, 0.25, 0.5, 1.0)] == [40, 50, 60, BASE_DELAY_SECONDS * 16]


def test_the_last_try_is_kept_for_the_end() -> None:
    assert pause(49, remaining=7000.0, drawn=0.0) == 7000
    assert pause(50, remaining=7000.0) is None
    assert pause(3, remaining=0.0) is None


class Outage:
    """A call that waits while Deepgram is down: every request before its end is refused.

    Args:
        length: How long it lasts, in seconds from the call's first request on.
        request: How long a request takes that is refused.
        retry_after: Seconds that Deepgram asks to wait.
        max_wait: How long the call may wait.
        max_tries: Requests that may be sent.
    """

    def __init__(
        self,
        length: float,
        *,
        request: float = 1.0,
        retry_after: float | None = None,
        max_wait: float = DAY,
        max_tries: int = 50,
    ) -> None:
        self.length, self.request, self.retry_after = length, request, retry_after
        self.last_moment, self.max_tries = max_wait - 705, max_tries
        self.asked: list[float] = []

    def survived(self, random: Random) -> bool:
        now = 0.0
        while True:
            self.asked.append(now)
            if now >= self.length:
                return True
            now += self.request
            found = pause_before_next_try(
                tries=len(self.asked),
                max_tries=self.max_tries,
                remaining=self.last_moment - now,
                max_pause=None,
                retry_after=self.retry_after,
                random=random.random,
            )
            if found is None:
                return False
            now += found


@given(
    # A request that is still being refused when the last moment comes leaves no time for another.
    length=st.floats(0, DAY - 705 - 660),
    request=st.sampled_from([0.05, 10.0, 660.0]),
    retry_after=st.none() | st.floats(0, 7200),
    max_tries=st.integers(20, 500),
    random=st.randoms(use_true_random=False),
)
@settings(max_examples=300, deadline=None)
def test_an_outage_that_ends_in_time_loses_no_call(
    length: float, request: float, retry_after: float | None, max_tries: int, random: Random
) -> None:
    outage = Outage(length, request=request, retry_after=retry_after, max_tries=max_tries)
    assert outage.survived(random)
    assert len(outage.asked) <= max_tries
    if retry_after:
        pauses = [later - earlier - request for earlier, later in pairwise(outage.asked)]
        assert all(found >= retry_after for found in pauses[:-1])


@given(length=st.floats(0, 13 * DAY - 705), random=st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_so_it_is_with_the_longest_wait(length: float, random: Random) -> None:
    assert Outage(length, max_wait=13 * DAY).survived(random)


@pytest.mark.parametrize(
    ("hours", "requests", "late_minutes"), [(0.25, 10, 25), (1, 12, 60), (6, 20, 70), (20, 40, 70)]
)
def test_an_outage_spends_few_requests_and_is_left_soon_after_it_ends(
    hours: float, requests: int, late_minutes: int
) -> None:
    random = Random(7)
    outages = [Outage(hours * 3600) for _ in range(500)]
    assert all(outage.survived(random) for outage in outages)
    sent = sorted(len(outage.asked) for outage in outages)
    late = sorted((outage.asked[-1] - outage.length) / 60 for outage in outages)
    assert sent[len(sent) // 2] <= requests
    assert late[len(late) * 95 // 100] <= late_minutes
