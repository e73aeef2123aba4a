"""One channel of a stream whose recognition runs in a process, and may fall behind there without holding up anybody."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from local.speech.engines import Passage, StreamRequest, live_channel
from local.speech.engines.live_channel import Tools
from local.speech.engines.process import RecognitionProcess

log = logging.getLogger(__name__)

# Audio goes to the process in pieces no shorter than this.
PIECE_SECONDS = 0.1
# Where more than this is waiting there is no time for words that are not final.
BEHIND_SECONDS = 1.0
# Nothing that was said is dropped: where more than this is waiting, the client has to wait too.
MOST_WAITING_SECONDS = 60.0

Order = Callable[[str], list[Passage]]


class ProcessStream:
    """One channel, decoded in a recognition process.

    Audio that comes while the process is at work waits, and is then taken in one piece. If the process dies, what it
    has heard is lost, and the next call raises `BrokenProcessPool` or `KeyError`.

    Args:
        process: Where the channel is kept.
        request: How it is to be recognised.
        tools: Makes what it is recognised with, in the process; has to be picklable.
        news: Called when there is something to return.
    """

    def __init__(
        self,
        process: RecognitionProcess,
        request: StreamRequest,
        tools: Callable[[tuple[str, ...]], Tools],
        news: Callable[[], None],
    ) -> None:
        self._process = process
        self._request = request
        self._tools = tools
        self._news = news
        self._key = str(uuid.uuid4())
        self._bytes_per_second = 2 * request.rate
        self._waiting = bytearray()
        # What has to be done before that audio: audio of its own first, then the order.
        self._orders: deque[tuple[bytes, Order]] = deque()
        self._heard: list[Passage] = []
        self._work: asyncio.Task[None] | None = None
        self._opened = self._released = False
        process.channels += 1

    async def feed(self, pcm: bytes) -> Sequence[Passage]:
        """Take samples; wait only while far too many are waiting already."""
        self._waiting += pcm
        if self._seconds_waiting >= PIECE_SECONDS:
            self._begin_work()
        while self._seconds_waiting > MOST_WAITING_SECONDS and self._work is not None and not self._work.done():
            await asyncio.wait([self._work], timeout=PIECE_SECONDS)
        return self._news_until_now()

    async def finalize(self) -> Sequence[Passage]:
        """Have everything made final that was fed so far, and return what is there; the rest comes later."""
        self._order(live_channel.finalize)
        return self._news_until_now()

    async def finish(self) -> Sequence[Passage]:
        """End the stream and return the rest, however long it takes."""
        self._order(live_channel.finish)
        if self._work is not None:
            await asyncio.wait([self._work])
        return self._news_until_now()

    async def release(self) -> None:
        """Let the process forget the channel."""
        if self._released:
            return
        self._released = True
        self._process.channels -= 1
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
        if self._opened:
            try:
                await self._process.run(live_channel.release, self._key)
            except BrokenProcessPool:
                log.warning("a recognition process died with streams in it")

    def report(self) -> dict[str, Any]:
        """Return nothing: speech has no numbers."""
        return {}

    @property
    def _seconds_waiting(self) -> float:
        return len(self._waiting) / self._bytes_per_second

    def _order(self, order: Order) -> None:
        self._orders.append((self._taken(), order))
        self._begin_work()

    def _taken(self) -> bytes:
        pcm = bytes(self._waiting)
        self._waiting.clear()
        return pcm

    def _news_until_now(self) -> Sequence[Passage]:
        """Return what is new.

        Raises:
            BrokenProcessPool: The process died.
        """
        if self._work is not None and self._work.done():
            self._work.result()
        heard, self._heard = self._heard, []
        return heard

    def _begin_work(self) -> None:
        if self._work is None or (self._work.done() and not self._work.exception()):
            self._work = asyncio.create_task(self._do_work())
            self._work.add_done_callback(lambda _: self._news())

    async def _do_work(self) -> None:
        if not self._opened:
            self._opened = True
            await self._process.run(live_channel.open_channel, self._key, self._request, self._tools)
        while self._orders or self._seconds_waiting >= PIECE_SECONDS:
            pcm, order = self._orders.popleft() if self._orders else (self._taken(), None)
            if pcm:
                behind = order is not None or len(pcm) > BEHIND_SECONDS * self._bytes_per_second
                await self._run(live_channel.feed, pcm, not behind)
            if order is not None:
                await self._run(order)

    async def _run(self, function: Callable[..., list[Passage]], *arguments: object) -> None:
        if heard := await self._process.run(function, self._key, *arguments):
            self._heard += heard
            self._news()
