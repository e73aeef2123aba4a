"""An event loop whose clock jumps to the next timer whenever nothing else is to be done.

Sockets on loopback work as ever; minutes of waiting take no time.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):
    def __init__(self, skip: Callable[[float], None]) -> None:
        super().__init__()
        self._skip = skip

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if events or timeout == 0:
            return events
        if timeout is None:
            return super().select(None)
        self._skip(timeout)
        return []


class SimulatedTimeLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._now = 1000.0
        super().__init__(_Selector(self._skip))

    def time(self) -> float:
        return self._now

    def _skip(self, seconds: float) -> None:
        self._now += max(seconds, 1e-6)


def simulate(work: Coroutine[Any, Any, T], *, limit: float = 7200.0) -> T:
    """Run a coroutine on a simulated clock; no task may be left behind.

    Raises:
        TimeoutError: it took longer than the limit, in simulated seconds.
    """

    async def bounded() -> T:
        async with asyncio.timeout(limit):
            result = await work
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks left behind: {left}"
        return result

    with asyncio.Runner(loop_factory=SimulatedTimeLoop) as runner:
        return runner.run(bounded())
