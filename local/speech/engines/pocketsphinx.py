"""Real recognition: pocketsphinx in processes of its own."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import multiprocessing
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TypeVar

from local.speech.audio import Channel
from local.speech.engines import Recognition, Word, recogniser
from local.speech.engines.language_model import split_vocabulary
from local.speech.engines.recogniser import LanguageModel
from local.speech.errors import ListenError

T = TypeVar("T")

log = logging.getLogger(__name__)

# Channels whose words are kept, so that the same recording is not decoded twice in one run.
MAX_CACHED_CHANNELS = 256


def _process(language_model: LanguageModel) -> ProcessPoolExecutor:
    # "spawn" is the one start method that behaves the same on Linux and macOS, and inherits no event loop.
    return ProcessPoolExecutor(
        1,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=recogniser.prepare,
        initargs=(language_model,),
    )


@dataclass
class _Worker:
    """One single-worker process and how many jobs wait for it."""

    language_model: LanguageModel
    process: ProcessPoolExecutor = field(init=False)
    jobs: int = 0

    def __post_init__(self) -> None:
        self.process = _process(self.language_model)

    async def run(self, function: Callable[..., T], *arguments: object) -> T:
        self.jobs += 1
        process = self.process
        try:
            return await asyncio.get_running_loop().run_in_executor(process, function, *arguments)
        except BrokenProcessPool:
            if self.process is process:
                self.process = _process(self.language_model)
            raise
        finally:
            self.jobs -= 1


class PocketsphinxEngine:
    """Recognises English with the model that ships inside the pocketsphinx wheel.

    Args:
        language_model: ``clinic``, which knows the sample calls, or ``general``, the one inside the wheel: slower, and
            better at anything else.
        workers: Processes; each takes about 150 MB and decodes one channel at a time.
    """

    name = "local-pocketsphinx"
    version = version("pocketsphinx")
    arch = "pocketsphinx"
    languages: frozenset[str] | None = frozenset({"en", "en-US", "en-GB", "en-AU", "en-IN", "en-NZ", "multi"})

    def __init__(self, *, workers: int, language_model: LanguageModel = "clinic") -> None:
        self._language_model = language_model
        self._workers = [_Worker(language_model) for _ in range(workers)]
        self._cache: OrderedDict[str, tuple[Word, ...]] = OrderedDict()
        self._warming: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start the processes and let them load their models in the background."""
        self._warming = [asyncio.create_task(worker.run(_nothing)) for worker in self._workers]

    async def transcribe(self, channel: Channel, vocabulary: tuple[str, ...]) -> Recognition:
        """Recognise one channel in the process with the least to do.

        A process that dies is replaced and the channel tried once more.

        Raises:
            ListenError: 500, the process died twice over the same audio.
        """
        spoken, unknown = await asyncio.to_thread(split_vocabulary, vocabulary)
        key = hashlib.sha256(channel.pcm)
        key.update(repr((channel.rate, spoken)).encode())
        if (words := self._cache.get(key.hexdigest())) is None:
            words = await self._recognise(channel, tuple(spoken))
            self._cache[key.hexdigest()] = words
            if len(self._cache) > MAX_CACHED_CHANNELS:
                self._cache.popitem(last=False)
        return Recognition(words, tuple(unknown))

    async def _recognise(self, channel: Channel, spoken: tuple[str, ...]) -> tuple[Word, ...]:
        job = (recogniser.recognise, channel.pcm, channel.rate, self._language_model, spoken)
        try:
            return await self._least_busy().run(*job)
        except BrokenProcessPool:
            log.warning("a recognition process died; trying once more")
        try:
            return await self._least_busy().run(*job)
        except BrokenProcessPool as problem:
            raise ListenError.documented(500) from problem

    def _least_busy(self) -> _Worker:
        return min(self._workers, key=lambda worker: worker.jobs)

    async def close(self) -> None:
        """Stop the processes; what they decode at this moment is lost."""
        for task in self._warming:
            task.cancel()
        await asyncio.gather(*self._warming, return_exceptions=True)
        # The engine is the only one in this process that starts children. They may be in the middle of a long decode.
        for child in multiprocessing.active_children():
            child.terminate()
        for worker in self._workers:
            await asyncio.to_thread(worker.process.shutdown, cancel_futures=True)


def _nothing() -> None:
    """Be a job: the process prepares itself before its first one."""
