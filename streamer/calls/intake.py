"""Take calls while there are free slots, keep them while they run, and give them back on the way out."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from callscribe.contract.metrics import StreamerCount
from callscribe.live.call import InvalidLiveCall, LiveCall
from streamer.calls.call import CallRun, Outcome, Result, Services
from streamer.calls.store import AlreadyRunning, Finished, Gone, LeaseLost, NotYet, Taken
from streamer.logs import CALL_ID, failure

if TYPE_CHECKING:
    from streamer.announcer import Announcer
    from streamer.calls.queue import CallQueue, Message
    from streamer.calls.store import Item
    from streamer.liveness import Health
    from streamer.protection import TaskProtection

DRAIN_SECONDS: Final = 100.0
"""Longest hand-over of all calls; ECS kills a task 120 seconds after it has asked it to stop."""

_FULL_SECONDS: Final = 10.0
_RETRY_SECONDS: Final = 5.0
# How Python says that a value is not what it should be; of AWS's errors none is among them.
_UNUSABLE: Final = (ValueError, TypeError, LookupError, ArithmeticError)

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Work:
    """A message in our hands, and the call once it is ours."""

    message: Message
    run: CallRun | None = None


class Intake:
    """The calls of one process.

    Args:
        queue: Where calls are announced.
        services: What every call works with.
        announcer: Tells the account of completed calls.
        health: Told that the loops turn.
        protection: Told whether there are calls.
        slots: Calls at once.
        lease: How long a call stays with a streamer that has stopped renewing; it is renewed every third of it.
        clock: Returns seconds since 1970.
        jitter: Returns a number from 0 to 1.
    """

    def __init__(
        self,
        *,
        queue: CallQueue,
        services: Services,
        announcer: Announcer,
        health: Health,
        protection: TaskProtection,
        slots: int,
        lease: timedelta,
        clock: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._queue = queue
        self._services = services
        self._store = services.store
        self._metrics = services.metrics
        self._announcer = announcer
        self._health = health
        self._protection = protection
        self._slots = slots
        self._lease_seconds = lease.total_seconds()
        self._spread_seconds = self._lease_seconds / 6
        self._clock = clock
        self._jitter = jitter
        self._work: dict[str, _Work] = {}
        self._draining = asyncio.Event()
        self._renewing = asyncio.Lock()
        self._changed = asyncio.Event()

    @property
    def runs(self) -> list[CallRun]:
        """The calls that are being worked on."""
        return [work.run for work in self._work.values() if work.run is not None]

    @property
    def slots_used(self) -> int:
        """Messages in our hands."""
        return len(self._work)

    def drain(self) -> None:
        """Take no more calls, and hand over those there are; `run` then ends."""
        self._health.draining = True
        self._draining.set()
        self._note_change()

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until *condition* holds; it is asked whenever a message or call comes or goes."""
        while not condition():
            await self._changed.wait()

    async def run(self) -> None:
        """Work until drained. Cancelling it instead leaves all leases to run out."""
        async with asyncio.TaskGroup() as tasks:
            heartbeat = tasks.create_task(self._heartbeat())
            receiving = await self._take_messages(tasks)
            _log.info("draining", extra={"calls": len(self.runs)})
            self._health.ended("intake")
            # A renewal that is under way could hide a message again that has just been given back.
            async with self._renewing:
                for run in self.runs:
                    run.hand_over()
            async with asyncio.timeout(DRAIN_SECONDS):
                # Not broken off: the queue could give a message to the request that nobody reads any more.
                for message in await receiving:
                    await self._give_back(message)
                await self.wait_until(lambda: not self._work)
            heartbeat.cancel()
        self._health.ended("heartbeat")

    async def _take_messages(self, tasks: asyncio.TaskGroup) -> asyncio.Task[list[Message]]:
        """Take messages until draining, and return the request that is under way then."""
        draining = tasks.create_task(self._draining.wait())
        while True:
            self._health.beat("intake")
            free = self._slots - len(self._work)
            asking = self._receive(free) if free > 0 else self._wait_for_a_slot()
            receiving = tasks.create_task(asking)
            await asyncio.wait({receiving, draining}, return_when=asyncio.FIRST_COMPLETED)
            if self._draining.is_set():
                return receiving
            for message in receiving.result():
                if (known := self._work.get(message.message_id)) is not None:
                    known.message = message  # its lease has run out: only the newest delivery can be renewed
                    continue
                self._work[message.message_id] = work = _Work(message)
                tasks.create_task(self._work_on(work))
            self._note_change()

    async def _receive(self, limit: int) -> list[Message]:
        try:
            return await self._queue.receive(limit)
        except (ClientError, BotoCoreError) as error:
            _log.warning("no calls can be taken", extra=failure(error))
            await asyncio.sleep(_RETRY_SECONDS * (0.5 + self._jitter()))
            return []

    async def _wait_for_a_slot(self) -> list[Message]:
        try:
            async with asyncio.timeout(_FULL_SECONDS):
                await self.wait_until(lambda: len(self._work) < self._slots or self._draining.is_set())
        except TimeoutError:
            pass
        return []

    async def _heartbeat(self) -> None:
        while True:
            self._health.beat("heartbeat")
            await asyncio.sleep(self._lease_seconds / 3 - self._spread_seconds)
            for run in self.runs:
                run.report_lag()
            # Each by itself: messages that ran out while the table is out of reach would go to streamers for which it
            # is as well.
            for renew in (self._renew_messages, self._renew_leases):
                try:
                    async with asyncio.timeout(self._lease_seconds / 4):
                        await renew()
                except (ClientError, BotoCoreError, TimeoutError) as error:
                    _log.warning("leases are not renewed", extra=failure(error))

    async def _renew_messages(self) -> None:
        async with self._renewing:
            if not self._draining.is_set():
                await self._queue.renew([work.message for work in self._work.values()])

    async def _renew_leases(self) -> None:
        runs = self.runs
        async with asyncio.TaskGroup() as renewals:
            for run in runs:
                renewals.create_task(self._renew_lease(run))
                # All at once would hold up the audio of every call.
                await asyncio.sleep(self._spread_seconds / len(runs))

    async def _renew_lease(self, run: CallRun) -> None:
        try:
            run.apply_hints(await self._store.renew(run.lease))
        except LeaseLost:
            run.lose()
        except (ClientError, BotoCoreError) as error:
            _log.warning("a lease is not renewed", extra={"call_id": run.lease.call_id, **failure(error)})

    async def _work_on(self, work: _Work) -> None:
        try:
            # A message that was given back can be delivered to us again before the queue has confirmed that it was.
            while await self._follow(work) is not work.message:
                pass
        except Exception as error:  # noqa: BLE001 - one call's failure is not another's
            _log.error("a call could not be settled; it comes again", extra=failure(error))
            await self._give_back(work.message, seconds=self._lease_seconds)
        finally:
            del self._work[work.message.message_id]
            self._note_change()

    async def _follow(self, work: _Work) -> Message:
        """Work on a call until that is settled, and return the delivery of its message by which it was."""
        message = work.message
        try:
            call = LiveCall.from_json(message.body)
        except InvalidLiveCall as invalid:
            await self._refuse(message, code="InvalidAnnouncement", error_message=str(invalid))
            return message
        CALL_ID.set(call.call_id)
        try:
            found = await self._store.take(call, message.message_id, holds=lambda: self._queue.holds(work.message))
        except _UNUSABLE as error:
            # What the table holds of the call is no other when the message comes again.
            await self._refuse(message, code="Streamer.Unexpected", **failure(error))
            return message
        match found:
            case AlreadyRunning():
                _log.info("the call was announced twice")
                await self._queue.delete(message)
            case NotYet(lease_until=lease_until):
                await self._queue.release(message, seconds=lease_until - self._clock() + 1)
            case Finished(to_announce=item):
                await self._finish(message, item)
            case Gone():
                _log.info("the call has failed already")
            case Taken() as taken:
                result = await self._run(work, call, taken)
                message = work.message
                await self._settle(message, result)
        return message

    async def _refuse(self, message: Message, *, code: str, **details: str) -> None:
        """Put a message aside that nobody can work on, instead of receiving it again and again."""
        self._metrics.add(StreamerCount.MESSAGES_REFUSED)
        _log.error("a message is refused", extra={"message_id": message.message_id, **details, "error_code": code})
        await self._queue.to_failed_calls(message, code=code)

    async def _run(self, work: _Work, call: LiveCall, taken: Taken) -> Result:
        run = work.run = CallRun(call=call, taken=taken, services=self._services)
        if taken.lease.epoch == 1:
            self._metrics.add(StreamerCount.CALLS_STARTED)
            self._metrics.waited(round(self._clock() * 1000) - work.message.sent_at_ms)
        _log.info("the call is taken", extra={"epoch": taken.lease.epoch, "receive_count": work.message.receive_count})
        if self._draining.is_set():
            run.hand_over()
        self._note_change()
        try:
            return await run.run()
        finally:
            work.run = None

    async def _settle(self, message: Message, result: Result) -> None:
        match result.outcome:
            case Outcome.COMPLETED:
                await self._finish(message, result.item)
            case Outcome.FAILED:
                await self._queue.to_failed_calls(message, code=result.error_code)
            case Outcome.HANDED_OVER:
                await self._queue.release(message)
            case Outcome.LOST:
                pass  # the message belongs to whoever has the call

    async def _finish(self, message: Message, to_announce: Item | None) -> None:
        if to_announce is not None:
            await self._announcer.announce(to_announce)
            await self._store.mark_announced(to_announce)
        await self._queue.delete(message)

    async def _give_back(self, message: Message, *, seconds: float = 0) -> None:
        try:
            await self._queue.release(message, seconds=seconds)
        except (ClientError, BotoCoreError) as error:
            _log.warning("the message comes again when its lease has run out", extra=failure(error))

    def _note_change(self) -> None:
        self._metrics.slots_used = len(self._work)
        self._protection.set_busy(bool(self._work))
        self._changed.set()
        self._changed = asyncio.Event()
