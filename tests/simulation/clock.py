"""Simulated time: an event loop whose clock jumps to the next timer, and processes on it that can be frozen.

Nothing waits. Sockets on loopback work as ever, for the few tests that need them. Whatever runs on the loop runs in
the same order each time: tasks are told apart by their numbers, not by where they lie in memory.
"""

from __future__ import annotations

import asyncio
import heapq
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final, TypeVar

T = TypeVar("T")

EPOCH: Final = 1_800_000_000.0
"""When histories begin, seconds since 1970."""

_START: Final = 1000.0
_OWN_SOCKETS: Final = 1
_ON_ITS_WAY_SECONDS: Final = 0.002


@dataclass(eq=False)
class Process:
    """What is stopped as one: all tasks and timers that began in its context.

    Attributes:
        name: For traces.
        frozen: Whether nothing of it runs, as after SIGSTOP. What is due waits.
    """

    name: str
    frozen: bool = False
    _due: list[asyncio.Handle] = field(default_factory=list)

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run a coroutine as a task of this process."""
        context = copy_context()
        context.run(PROCESS.set, self)
        return asyncio.get_running_loop().create_task(work, context=context)

    def freeze(self) -> None:
        """Stop until `thaw`."""
        self.frozen = True

    def thaw(self) -> None:
        """Go on; whatever fell due meanwhile runs now, in order."""
        self.frozen = False
        due, self._due = self._due, []
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedTimeLoop)
        loop.run_soon(due)

    def holds(self, handle: asyncio.Handle) -> bool:
        """Whether nothing may run now; what falls due is kept."""
        if self.frozen:
            self._due.append(handle)
        return self.frozen


PROCESS: Final[ContextVar[Process | None]] = ContextVar("process", default=None)
"""The process to which the running code belongs; `None` for the world around all of them."""


def outside(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Run a coroutine as a task of the world, whoever calls."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimulatedTimeLoop)
    context = copy_context()
    context.run(PROCESS.set, None)
    task = loop.create_task(work, context=context)
    loop.outside.add(task)  # a loop itself does not keep its tasks
    task.add_done_callback(loop.outside.discard)
    return task


class _Selector(selectors.DefaultSelector):
    def __init__(self, skip: Callable[[float], None], elsewhere: Callable[[], bool]) -> None:
        super().__init__()
        self._skip = skip
        self._elsewhere = elsewhere

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if events or timeout == 0:
            return events
        if timeout is None or self._elsewhere():
            return super().select(None)
        # What is on its way over loopback is late on a busy machine, and arrives before time goes on.
        if len(self.get_map()) > _OWN_SOCKETS and (events := super().select(_ON_ITS_WAY_SECONDS)):
            return events
        self._skip(timeout)
        return []


class _Handle(asyncio.Handle):
    __slots__ = ()

    def _run(self) -> None:
        process = self._context.get(PROCESS)  # type: ignore[attr-defined]
        if process is None or not process.holds(self):
            super()._run()


class _TimerHandle(asyncio.TimerHandle):
    __slots__ = ()

    def _run(self) -> None:
        process = self._context.get(PROCESS)  # type: ignore[attr-defined]
        if process is None or not process.holds(self):
            super()._run()


class _Task(asyncio.Task[Any]):
    """A task whose place in a set is the same each time."""

    def __init__(self, *args: Any, number: int, **options: Any) -> None:
        self._number = number
        super().__init__(*args, **options)

    def __hash__(self) -> int:
        return self._number


class SimulatedTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer whenever nothing else is to be done.

    What threads of its executor do takes no time.
    """

    def __init__(self) -> None:
        self._now = _START
        self._in_threads = 0
        self.outside: set[asyncio.Task[Any]] = set()
        self._numbers = count()
        super().__init__(_Selector(self._skip, lambda: self._in_threads > 0))
        self.set_task_factory(self._new_task)

    def time(self) -> float:
        """Return seconds on the simulated clock."""
        return self._now

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Run a callback next, unless its process is frozen by then."""
        self._check_closed()  # type: ignore[attr-defined]
        handle = _Handle(callback, args, self, context)
        self.run_soon([handle])
        return handle

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Run a callback at a time, unless its process is frozen by then."""
        self._check_closed()  # type: ignore[attr-defined]
        timer = _TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)  # type: ignore[attr-defined]
        timer._scheduled = True  # type: ignore[attr-defined]
        return timer

    def run_in_executor(self, executor: Executor | None, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        """Run a function in a thread; until it returns the clock stands still."""
        future = super().run_in_executor(executor, func, *args)
        self._in_threads += 1
        future.add_done_callback(self._back)
        return future

    def run_soon(self, handles: list[asyncio.Handle]) -> None:
        """Run what fell due."""
        self._ready.extend(handles)  # type: ignore[attr-defined]

    async def end_others(self) -> None:
        """End every task but the one that calls."""
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in others:
                task.cancel()
            await asyncio.wait(others)

    def _new_task(self, loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> _Task:
        return _Task(work, loop=loop, number=next(self._numbers), **options)

    def _back(self, _: object) -> None:
        self._in_threads -= 1

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
