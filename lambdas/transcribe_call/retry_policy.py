"""When a call that could not be transcribed now is tried again."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

BASE_DELAY_SECONDS = 5.0

# SQS refuses a visibility timeout that would keep a message hidden for more than 12 hours after it was received
# (Amazon SQS Developer Guide, "Amazon SQS visibility timeout"); the longest a function runs is taken off.
MAX_VISIBILITY_SECONDS = 12 * 60 * 60 - 15 * 60


def retry_delay(*, receive_count: int, retry_after: float | None, max_delay: float, random: Callable[[], float]) -> int:
    """Return the seconds to wait before the next attempt.

    The wait is drawn from zero to a bound that doubles with each attempt ("full jitter": AWS Architecture Blog,
    "Exponential Backoff And Jitter"), on top of what the server asked for, so that calls refused together do not come
    back together.

    Args:
        receive_count: How often the message has been received, from 1.
        retry_after: Seconds the server asked to wait at least.
        max_delay: Longest wait in seconds; it also caps what a server may ask for.
        random: Returns a number from 0 to 1.
    """
    cap = min(max_delay, MAX_VISIBILITY_SECONDS)
    # The exponent is bounded because 2.0 to the power of 1024 is an error.
    bound = min(cap, BASE_DELAY_SECONDS * 2.0 ** min(receive_count - 1, 60))
    return math.ceil(min(cap, (retry_after or 0.0) + random() * bound))


def parse_retry_after(value: str | None, *, now: datetime) -> float | None:
    """Return the seconds a `Retry-After` header asks for, given as seconds or as an HTTP date (RFC 9110, 10.2.3).

    Anything else, and a date in the past, counts as no header.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        # Longer than SQS can wait anyway, and int() of thousands of digits is slow.
        return float(text) if len(text) <= 9 else float(MAX_VISIBILITY_SECONDS)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = (moment - now).total_seconds()
    return seconds if seconds > 0 else None
