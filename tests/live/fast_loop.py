"""An event loop whose clock runs faster than the wall's, so that a call of twenty seconds takes one.

Whatever in the process waits by the loop runs faster alike: the streamer, the streams, Deepgram, the feed. What lives
in processes of its own, such as the table, seems slower instead.
"""

import asyncio
import selectors
from typing import Final

SPEED: Final = 12.0


class _Selector(selectors.DefaultSelector):
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(None if timeout is None else timeout / SPEED)


class FastLoop(asyncio.SelectorEventLoop):
    """An event loop that counts `SPEED` seconds in each."""

    def __init__(self) -> None:
        super().__init__(_Selector())

    def time(self) -> float:
        """Return seconds on the fast clock."""
        return super().time() * SPEED


def speed() -> float:
    """How many seconds the running loop counts in each."""
    return SPEED if isinstance(asyncio.get_running_loop(), FastLoop) else 1.0
