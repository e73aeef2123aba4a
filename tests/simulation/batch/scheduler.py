"""Simulated time for synchronous code: many tasks, of which one runs at a time, and a clock that jumps.

A task is a thread that holds the baton. It gives it away only in :meth:`Scheduler.sleep`, whose end is an entry of one
heap, so that which task runs when is a matter of the entries' times and of nothing else: the same history always
happens in the same order.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

BEGIN: Final = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
"""When every history begins."""

# A task that waits for the baton for as long in real time has met a fault of the simulation. A run with a nice of 19,
# beside others that took both cores, has waited for two minutes, and for nothing.
_REAL_PATIENCE_SECONDS: Final = 1200


class Killed(BaseException):
    """The process that a task stands for ends here: nothing in it can catch this."""


class Timer:
    """Something that is due.

    Attributes:
        at: When, in seconds since the begin.
        cancelled: Whether nothing is to happen.
    """

    __slots__ = ("act", "at", "cancelled", "task")

    def __init__(self, at: float, act: Callable[[], None] | None, task: Task | None) -> None:
        self.at = at
        self.act = act
        self.task = task
        self.cancelled = False

    def cancel(self) -> None:
        """Let it not happen."""
        self.cancelled = True


class Task:
    """A process that holds the baton at times.

    Attributes:
        name: Its name.
        role: What it does, by which faults find it.
        calls: Calls to the outside it has made.
        killed: Whether it ends at the next of them.
    """

    def __init__(self, name: str, role: str) -> None:
        self.name = name
        self.role = role
        self.calls = 0
        self.killed = False
        self.waits_for: Timer | None = None
        self._turn = threading.Semaphore(0)

    def wake(self) -> None:
        """Give it the baton."""
        self._turn.release()

    def await_turn(self) -> None:
        """Wait for the baton."""
        if not self._turn.acquire(timeout=_REAL_PATIENCE_SECONDS):
            raise RuntimeError(f"{self.name} never got the baton")


class _Thread:
    """A thread that runs one task after another."""

    def __init__(self) -> None:
        self._work: Callable[[], None] | None = None
        self._there = threading.Semaphore(0)
        threading.Thread(target=self._run, daemon=True).start()

    def do(self, work: Callable[[], None]) -> None:
        self._work = work
        self._there.release()

    def _run(self) -> None:
        while True:
            self._there.acquire()
            if self._work is not None:
                self._work()


_idle: list[_Thread] = []


class Scheduler:
    """The clock, and who runs at it.

    Attributes:
        now: Seconds since the begin.
        steps: Entries handled so far.
    """

    def __init__(self, *, most_steps: int) -> None:
        self.now = 0.0
        self.steps = 0
        self._most_steps = most_steps
        self._number = 0
        self._heap: list[tuple[float, int, Timer]] = []
        self._main = Task("main", "main")
        self._running = self._main
        self._until = float("inf")
        self._failure: BaseException | None = None

    @property
    def running(self) -> Task:
        """Who has the baton."""
        return self._running

    def time(self) -> datetime:
        """Return the time (aware, UTC)."""
        return datetime.fromtimestamp(self.epoch(), UTC)

    def epoch(self) -> float:
        """Return the time in seconds since the epoch."""
        return BEGIN.timestamp() + self.now

    def monotonic(self) -> float:
        """Return the time in seconds since the begin, as a process' own clock."""
        return self.now

    def after(self, seconds: float, act: Callable[[], None]) -> Timer:
        """Have something done later; it must not sleep."""
        return self._add(Timer(self.now + max(0.0, seconds), act, None))

    def spawn(self, name: str, role: str, work: Callable[[], None]) -> Task:
        """Start a task, whose first turn is at this moment of the clock."""
        task = Task(name, role)
        self._add(Timer(self.now, None, task))
        thread = _idle.pop() if _idle else _Thread()
        thread.do(lambda: self._live(thread, task, work))
        return task

    def sleep(self, seconds: float) -> None:
        """Let time pass for the task that runs.

        Raises:
            Killed: It was killed meanwhile, or before.
        """
        me = self._running
        if me is self._main:
            raise RuntimeError("nothing but tasks may wait")
        if me.killed:
            raise Killed
        me.waits_for = self._add(Timer(self.now + max(0.0, seconds), None, me))
        self._pass_on(me)
        me.waits_for = None
        if me.killed:
            raise Killed

    def kill(self, task: Task) -> None:
        """End a task where it waits."""
        task.killed = True
        if task.waits_for is not None:
            task.waits_for.cancel()
            task.waits_for = self._add(Timer(self.now, None, task))

    def run(self, *, until: float = float("inf")) -> None:
        """Let happen what is due, up to a time or until nothing is left.

        Raises:
            RuntimeError: It does not come to an end.
        """
        self._until = until
        self._running = self._main
        self._pass_on(self._main)
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        if until != float("inf"):
            self.now = max(self.now, until)

    def _add(self, timer: Timer) -> Timer:
        self._number += 1
        heapq.heappush(self._heap, (timer.at, self._number, timer))
        return timer

    def _live(self, thread: _Thread, task: Task, work: Callable[[], None]) -> None:
        task.await_turn()
        try:
            work()
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 - a fault of the simulation, told by whoever runs it
            self._failure = self._failure or error
        _idle.append(thread)
        self._pass_on(None)

    def _next(self) -> Timer | None:
        while self._heap and self._failure is None:
            if self._heap[0][2].cancelled:
                heapq.heappop(self._heap)
                continue
            if self._heap[0][0] > self._until:
                return None
            self.steps += 1
            if self.steps > self._most_steps:
                self._failure = RuntimeError(f"no end after {self._most_steps} steps")
                return None
            timer = heapq.heappop(self._heap)[2]
            self.now = timer.at
            return timer
        return None

    def _pass_on(self, me: Task | None) -> None:
        """Do what is due until it is the turn of *me* again; a task that has ended only hands the baton on."""
        while True:
            timer = self._next()
            who = self._main if timer is None else timer.task
            if who is None:
                if timer is not None and timer.act is not None:
                    try:
                        timer.act()
                    except BaseException as error:  # noqa: BLE001 - told by whoever runs the history
                        self._failure = self._failure or error
                continue
            self._running = who
            if who is me:
                return
            who.wake()
            if me is not None:
                me.await_turn()
            return
