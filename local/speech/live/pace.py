"""How fast audio comes in: Deepgram takes 1.25 seconds of it in a second (page "Recovering From Connection Errors")."""

from __future__ import annotations

from collections.abc import Callable

REAL_TIMES = 1.25


class PaceMeter:
    """Measures how much audio comes beyond the pace that Deepgram takes, as a bucket that leaks at that pace.

    Args:
        clock: Seconds on a monotonic clock.

    Attributes:
        ahead: The most audio, in seconds, that was ever too early: the burst that an allowance must cover.
    """

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self.ahead = 0.0
        self._clock = clock
        self._level = 0.0
        self._at = clock()

    def take(self, seconds: float) -> None:
        """Count audio that has arrived."""
        now = self._clock()
        self._level = max(0.0, self._level - (now - self._at) * REAL_TIMES) + seconds
        self._at = now
        self.ahead = max(self.ahead, self._level)
