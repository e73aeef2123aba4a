"""An event loop whose clock runs fast while there is nothing to do, so that a call of twenty seconds takes one.

Whatever in the process waits by the loop has the same clock: the streamer, the streams, Deepgram, the feed. The clock
runs as on the wall while anything works, in this process or, as far as it is told (`at_wall_speed`), in another. So a
busy machine takes longer for a test, and that is all: what would be in time on an idle one is.
"""

import asyncio
import selectors
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final

SPEED: Final = 60.0


class _Selector(selectors.DefaultSelector):
    """Waits less than it is asked to.

    Attributes:
        gained: Seconds by which the fast clock is ahead of the wall's; fewer than none, if the process was not run.
        outside: How many wait for work outside.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gained = 0.0
        self.outside = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.outside or timeout is None or timeout <= 0:
            return super().select(timeout)
        began = time.monotonic()
        events = super().select(timeout / SPEED)
        waited = time.monotonic() - began
        # No later than was asked for, however late the process is run again: nobody has missed anything.
        self.gained += min(SPEED * waited, timeout) - waited
        return events


class FastLoop(asyncio.SelectorEventLoop):
    """An event loop that counts `SPEED` seconds in each in which it has nothing to do."""

    def __init__(self) -> None:
        self._fast = _Selector()
        super().__init__(self._fast)

    def time(self) -> float:
        """Return seconds on the fast clock."""
        return super().time() + self._fast.gained

    @contextmanager
    def at_wall_speed(self) -> Iterator[None]:
        """Count as the wall's clock does meanwhile."""
        self._fast.outside += 1
        try:
            yield
        finally:
            self._fast.outside -= 1


def at_wall_speed() -> AbstractContextManager[None]:
    """Have the running loop count as the wall's clock does meanwhile: another process works for this one."""
    loop = asyncio.get_running_loop()
    return loop.at_wall_speed() if isinstance(loop, FastLoop) else nullcontext()
