"""When a call that could not be transcribed now is tried again, and when it is given up.

Two things bound the tries: time, as long as the execution waits for the call, and the requests sent. The requests are
paced so that they last for that time: an outage of the service that ends before a call's time is over loses no call,
how long or short it is, and during it a call is asked for less and less often.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

BASE_DELAY_SECONDS = 5.0
_SHORTEST_CAP_SECONDS = 15 * 60.0

# SQS refuses a visibility timeout that would keep a message hidden for more than 12 hours after it was received
# (Amazon SQS Developer Guide, "Amazon SQS visibility timeout"); the longest a function runs is taken off.
MAX_VISIBILITY_SECONDS = 12 * 60 * 60 - 15 * 60


def pause_before_next_try(
    *,
    tries: int,
    max_tries: int,
    remaining: float,
    max_pause: float | None,
    random: Callable[[], float],
    retry_after: float | None = None,
) -> int | None:
    """Return the seconds to wait before the next try; `None` when there is none.

    The pause is drawn from the upper half of a bound that doubles with each try ("equal jitter": AWS Architecture Blog,
    "Exponential Backoff And Jitter"), on top of what the server asked for, so that calls refused together do not come
    back together. The bound stops growing at *max_pause*. Without one it stops at twice an even share of the remaining
    time, at 15 minutes at least: no pause is then shorter than its share, so that the tries last for the time, and the
    last of them is kept for its end.

    Args:
        tries: How many there were, from 1.
        max_tries: How many there may be.
        remaining: Seconds until the last moment at which a try can still bring something.
        max_pause: Longest pause in seconds, beside what the server asks for; `None` has the tries last.
        random: Returns a number from 0 to 1.
        retry_after: Seconds the server asked to wait at least.
    """
    left = max_tries - tries
    if left <= 0 or remaining <= 0:
        return None
    if left == 1 and max_pause is None:
        return math.ceil(min(remaining, MAX_VISIBILITY_SECONDS))
    cap = max(_SHORTEST_CAP_SECONDS, 2 * remaining / left) if max_pause is None else max_pause
    # The exponent is bounded because 2.0 to the power of 1024 is an error.
    bound = min(cap, BASE_DELAY_SECONDS * 2.0 ** min(tries - 1, 60))
    pause = (retry_after or 0.0) + bound * (1 + random()) / 2
    return math.ceil(min(pause, remaining, MAX_VISIBILITY_SECONDS))
