"""Recognition processes: each holds its models and serves one call at a time, so that decoding never stops the server.

This module is light, since every process imports it; what an engine loads is imported in the process alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import multiprocessing
import os
import signal
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import parent_process
from multiprocessing.connection import wait
from typing import Any, TypeVar

from local.speech.audio import Channel
from local.speech.engines import Word
from local.speech.errors import ListenError

T = TypeVar("T")
Preparation = Callable[[], object]

log = logging.getLogger(__name__)

# Channels whose words are kept, so that the same recording is not decoded twice in one run.
MAX_CACHED_CHANNELS = 256


def _begin(prepare: Preparation) -> None:
    """Set a process up: leave Ctrl-C to the server, end with it, and load the models."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    prepare()


def _end_with_parent() -> None:
    if parent := parent_process():
        wait([parent.sentinel])
        os._exit(1)


@dataclass
class RecognitionProcess:
    """One process, how many jobs wait for it and how many channels of streams it keeps.

    Args:
        prepare: Called in the process before everything else; has to be picklable.
    """

    prepare: Preparation
    jobs: int = 0
    channels: int = 0
    _process: ProcessPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        self._process = self._new()

    def _new(self) -> ProcessPoolExecutor:
        # "spawn" is the one start method that behaves the same on Linux and macOS, and inherits no event loop.
        spawn = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(1, mp_context=spawn, initializer=_begin, initargs=(self.prepare,))

    async def run(self, function: Callable[..., T], *arguments: object) -> T:
        """Call a function in the process, after whatever waits already.

        Raises:
            BrokenProcessPool: The process died. The next call finds a new one.
        """
        self.jobs += 1
        process = self._process
        try:
            return await asyncio.get_running_loop().run_in_executor(process, function, *arguments)
        except BrokenProcessPool:
            if self._process is process:
                self._process = self._new()
            raise
        finally:
            self.jobs -= 1

    async def close(self) -> None:
        """Wait for the end of a process that has been told to end."""
        await asyncio.to_thread(self._process.shutdown, cancel_futures=True)


class RecognitionProcesses:
    """All processes of an engine, and the words of the channels that they have recognised.

    Args:
        count: How many.
        prepare: Called in each before everything else; has to be picklable.
    """

    def __init__(self, count: int, prepare: Preparation) -> None:
        self._processes = [RecognitionProcess(prepare) for _ in range(count)]
        self._words: OrderedDict[str, tuple[Word, ...]] = OrderedDict()
        self._warming: list[asyncio.Task[Any]] = []

    def start(self, function: Callable[[], object]) -> None:
        """Start every process and call a function in it, in the background."""
        self._warming = [asyncio.create_task(process.run(function)) for process in self._processes]

    def least_busy(self) -> RecognitionProcess:
        """Return the process with the least to do."""
        return min(self._processes, key=lambda process: (process.jobs + process.channels, process.channels))

    async def recognise(
        self, function: Callable[..., tuple[Word, ...]], channel: Channel, terms: tuple[str, ...]
    ) -> tuple[Word, ...]:
        """Call ``function(pcm, rate, terms)`` for one channel, unless its words are known.

        A process that dies is replaced and the channel tried once more.

        Raises:
            ListenError: 500, the process died twice over the same audio.
        """
        key = hashlib.sha256(channel.pcm)
        key.update(repr((channel.rate, terms)).encode())
        if (words := self._words.get(key.hexdigest())) is None:
            words = await self._with_one_retry(function, channel.pcm, channel.rate, terms)
            self._words[key.hexdigest()] = words
            if len(self._words) > MAX_CACHED_CHANNELS:
                self._words.popitem(last=False)
        return words

    async def _with_one_retry(self, function: Callable[..., T], *arguments: object) -> T:
        try:
            return await self.least_busy().run(function, *arguments)
        except BrokenProcessPool:
            log.warning("a recognition process died; trying once more")
        try:
            return await self.least_busy().run(function, *arguments)
        except BrokenProcessPool as problem:
            raise ListenError.documented(500) from problem

    async def close(self) -> None:
        """Stop the processes; what they decode at this moment is lost."""
        for task in self._warming:
            task.cancel()
        await asyncio.gather(*self._warming, return_exceptions=True)
        # Engines alone start children in a server's process. They may be in the middle of a long decode.
        for child in multiprocessing.active_children():
            child.terminate()
        for process in self._processes:
            await process.close()
