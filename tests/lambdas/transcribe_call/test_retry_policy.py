from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.transcribe_call.retry_policy import (
    BASE_DELAY_SECONDS,
    MAX_VISIBILITY_SECONDS,
    parse_retry_after,
    retry_delay,
)

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


@given(
    receive_count=st.integers(1, 2000),
    retry_after=st.none() | st.floats(0, 1e9),
    max_delay=st.floats(1, 1e6),
    drawn=st.floats(0, 1),
)
def test_the_delay_is_one_that_sqs_takes_and_not_longer_than_allowed(
    receive_count: int, retry_after: float | None, max_delay: float, drawn: float
) -> None:
    delay = retry_delay(receive_count=receive_count, retry_after=retry_after, max_delay=max_delay, random=lambda: drawn)
    assert 0 <= delay <= min(max_delay + 1, MAX_VISIBILITY_SECONDS)


@given(retry_after=st.floats(0, 3600), drawn=st.floats(0, 1), receive_count=st.integers(1, 50))
def test_the_delay_is_at_least_what_the_server_asks_for(retry_after: float, drawn: float, receive_count: int) -> None:
    delay = retry_delay(receive_count=receive_count, retry_after=retry_after, max_delay=3600, random=lambda: drawn)
    assert delay >= retry_after


@pytest.mark.parametrize(("receive_count", "longest"), [(1, 5), (2, 10), (3, 20), (6, 160), (9, 900)])
def test_the_longest_delay_doubles_with_each_attempt(receive_count: int, longest: int) -> None:
    assert retry_delay(receive_count=receive_count, retry_after=None, max_delay=900, random=lambda: 1.0) == longest


def test_the_delay_is_spread_over_the_whole_range() -> None:
    delays = [
        retry_delay(receive_count=5, retry_after=None, max_delay=900, random=lambda share=share: share)  # type: ignore[misc]
        for share in (0.0, 0.25, 0.5, 1.0)
    ]
    assert delays == [0, 20, 40, BASE_DELAY_SECONDS * 16]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        ("Fri, 20 Nov 2026 10:01:30 -0000", 90.0),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), None),
        ("9" * 5000, float(MAX_VISIBILITY_SECONDS)),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header: str | None, seconds: float | None) -> None:
    assert parse_retry_after(header, now=NOW) == seconds


@given(st.text(max_size=60))
def test_no_header_breaks_the_reader(header: str) -> None:
    assert (parse_retry_after(header, now=NOW) or 0.0) >= 0.0
