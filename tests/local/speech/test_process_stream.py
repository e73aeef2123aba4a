"""A channel whose process is slow: what waits, in which order it is done, and what is left out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Any, cast

import pytest

from local.speech.engines import Passage, StreamRequest, live_channel
from local.speech.engines.live_channel import Tools
from local.speech.engines.process import RecognitionProcess
from local.speech.engines.process_stream import MOST_WAITING_SECONDS, ProcessStream
from tests.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.asyncio

RATE = 8_000


def seconds(length: float) -> bytes:
    return bytes(2 * round(length * RATE))


class SlowProcess:
    """Does what it is asked when it is told to, and hears one passage in each piece of audio."""

    def __init__(self) -> None:
        self.channels = 0
        self.asked: list[tuple[str, Any]] = []
        self.dead = False
        self._position = 0.0
        self._free = asyncio.Event()
        self._free.set()

    def stop(self) -> None:
        self._free.clear()

    def go_on(self) -> None:
        self._free.set()

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        await self._free.wait()
        if self.dead:
            raise BrokenProcessPool
        if function is live_channel.feed:
            _, pcm, interim = arguments
            begin, self._position = self._position, self._position + len(pcm) / 2 / RATE
            self.asked.append(("feed", (round(self._position - begin, 3), interim)))
            return [Passage(begin, self._position, ())]
        self.asked.append((function.__name__, None))
        finalized = Passage(self._position, self._position, (), from_finalize=True)
        return [finalized] if function is live_channel.finalize else []


class Listener:
    """A stream, and what it returned."""

    def __init__(self) -> None:
        self.process = SlowProcess()
        self.news = asyncio.Event()
        request = StreamRequest(RATE, True, 0.3)
        self.stream = ProcessStream(cast("RecognitionProcess", self.process), request, _no_tools, self.news.set)
        self.heard: list[Passage] = []

    @property
    def heard_to(self) -> float:
        """Seconds of the stream."""
        return self.heard[-1].end if self.heard else 0.0

    def hear(self, heard: Sequence[Passage]) -> None:
        self.heard += heard

    async def until(self, there: Callable[[], bool]) -> None:
        """Collect news until something is there."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not there():
                await self.news.wait()
                self.news.clear()
                self.hear(await self.stream.feed(b""))


def _no_tools(_: tuple[str, ...]) -> Tools:
    raise AssertionError


async def test_what_is_recognised_comes_without_further_audio() -> None:
    listener = Listener()
    listener.hear(await listener.stream.feed(seconds(0.2)))
    assert listener.heard == []
    await listener.until(lambda: bool(listener.heard))
    assert listener.heard_to == pytest.approx(0.2)


async def test_audio_that_came_meanwhile_is_taken_at_once_and_interim_words_are_left_out() -> None:
    listener = Listener()
    listener.process.stop()
    for _ in range(30):
        assert await listener.stream.feed(seconds(0.1)) == []
    listener.process.go_on()
    await listener.until(lambda: listener.heard_to >= 3.0)
    listener.hear(await listener.stream.feed(seconds(0.3)))
    await listener.until(lambda: listener.heard_to >= 3.3)
    assert [asked for name, asked in listener.process.asked if name == "feed"] == [(3.0, False), (0.3, True)]


async def test_finalize_is_obeyed_after_what_came_before_it_and_before_what_came_later() -> None:
    listener = Listener()
    listener.process.stop()
    await listener.stream.feed(seconds(1))
    listener.hear(await listener.stream.finalize())
    await listener.stream.feed(seconds(2))
    listener.process.go_on()
    await listener.until(lambda: listener.heard_to >= 3.0)
    assert [passage.from_finalize for passage in listener.heard] == [False, True, False]
    assert [name for name, _ in listener.process.asked] == [
        "open_channel",
        "feed",
        "finalize",
        "feed",
    ]


async def test_the_end_waits_for_everything() -> None:
    listener = Listener()
    await listener.stream.feed(seconds(0.25))
    await listener.stream.feed(seconds(0.01))
    listener.hear(await listener.stream.finish())
    assert listener.heard[-1].end == pytest.approx(0.26)
    assert listener.process.asked[-1][0] == "finish"


async def test_a_client_has_to_wait_where_too_much_is_waiting_already() -> None:
    listener = Listener()
    listener.process.stop()
    feeding = asyncio.create_task(listener.stream.feed(seconds(MOST_WAITING_SECONDS + 1)))
    _, waiting = await asyncio.wait([feeding], timeout=0.3)
    assert waiting
    listener.process.go_on()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await feeding


async def test_a_process_that_dies_ends_the_stream() -> None:
    listener = Listener()
    listener.process.dead = True
    await listener.stream.feed(seconds(1))
    with pytest.raises(BrokenProcessPool):
        await listener.until(lambda: False)
    with pytest.raises(BrokenProcessPool):
        await listener.stream.finish()
    await listener.stream.release()


async def test_a_released_stream_is_forgotten_once_whatever_is_left_to_do() -> None:
    listener = Listener()
    await listener.stream.feed(seconds(0.2))
    await listener.until(lambda: bool(listener.heard))
    assert listener.process.channels == 1
    await listener.stream.feed(seconds(5))
    await listener.stream.release()
    await listener.stream.release()
    assert listener.process.channels == 0
    assert [name for name, _ in listener.process.asked].count("release") == 1
