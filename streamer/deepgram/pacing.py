"""No faster than Deepgram takes audio."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

RATE: Final = 1.25
"""Seconds of audio to the second (Deepgram docs, "Recovering From Connection Errors & Timeouts")."""

BURST_SECONDS: Final = 3.0
"""Audio that may go out at once: a stream that comes in fragments of a second is never held up."""


class Pacer:
    """Spreads audio over time: in any span of `t` seconds at most `burst + rate * t` seconds of it.

    Args:
        rate: seconds of audio to the second.
        burst: seconds of audio that may go out at once.
        clock: seconds on a clock that never goes back.
    """

    def __init__(
        self, *, rate: float = RATE, burst: float = BURST_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._lead = burst / rate
        self._clock = clock
        # When everything sent so far would have gone out without a burst.
        self._even = clock()

    def delay(self, seconds: float) -> float:
        """Count audio as sent and return how long to wait before sending it.

        Args:
            seconds: length of the audio.
        """
        now, even = self._clock(), self._even
        self._even = even = (even if even > now else now) + seconds / self._rate
        delay = even - self._lead - now
        return delay if delay > 0.0 else 0.0
