"""Real recognition: pocketsphinx in processes of its own."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import multiprocessing
import uuid
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, TypeVar

from local.speech.audio import Channel
from local.speech.engines import Heard, Recognition, StreamRequest, Word, live_recogniser, recogniser
from local.speech.engines.language_model import split_vocabulary
from local.speech.engines.recogniser import LanguageModel
from local.speech.errors import ListenError

T = TypeVar("T")

log = logging.getLogger(__name__)

# Channels whose words are kept, so that the same recording is not decoded twice in one run.
MAX_CACHED_CHANNELS = 256
# Audio of a stream goes to its process in pieces no shorter than this.
FEED_SECONDS = 0.1


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
    """One single-worker process, how many jobs wait for it and how many channels of streams it keeps."""

    language_model: LanguageModel
    process: ProcessPoolExecutor = field(init=False)
    jobs: int = 0
    channels: int = 0

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
    writes = True

    def __init__(self, *, workers: int, language_model: LanguageModel = "clinic") -> None:
        self._language_model = language_model
        self._workers = [_Worker(language_model) for _ in range(workers)]
        self._cache: OrderedDict[str, tuple[Word, ...]] = OrderedDict()
        self._warming: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start the processes and let them load their models in the background."""
        self._warming = [
            asyncio.create_task(worker.run(live_recogniser.prepare, self._language_model)) for worker in self._workers
        ]

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

    def open_stream(self, request: StreamRequest) -> PocketsphinxStream:
        """Begin one channel in the process with the least to do. A recording decoded there makes it wait."""
        return PocketsphinxStream(self._least_busy(), request)

    def _least_busy(self) -> _Worker:
        return min(self._workers, key=lambda worker: (worker.jobs + worker.channels, worker.channels))

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


class PocketsphinxStream:
    """One channel of a stream, decoded in a recognition process.

    If the process dies, what it has heard is lost, and the next call raises `BrokenProcessPool` or `KeyError`.
    """

    def __init__(self, worker: _Worker, request: StreamRequest) -> None:
        self._worker = worker
        self._request = request
        self._key = str(uuid.uuid4())
        self._waiting = bytearray()
        self._piece = 2 * round(FEED_SECONDS * request.rate)
        self._opened = False
        worker.channels += 1
        self._released = False

    async def feed(self, pcm: bytes) -> Sequence[Heard]:
        """Take samples; they go to the process in pieces of a tenth of a second."""
        self._waiting += pcm
        return await self._flush() if len(self._waiting) >= self._piece else ()

    async def finalize(self) -> Sequence[Heard]:
        """Make everything final that was fed so far."""
        return [*await self._flush(), *await self._run(live_recogniser.finalize)]

    async def finish(self) -> Sequence[Heard]:
        """End the stream and return the rest."""
        return [*await self._flush(), *await self._run(live_recogniser.finish)]

    async def replace_vocabulary(self, vocabulary: tuple[str, ...]) -> None:
        """Make other terms likely, from the next utterance on."""
        spoken, _ = await asyncio.to_thread(split_vocabulary, vocabulary)
        await self._run(live_recogniser.replace_vocabulary, tuple(spoken))

    async def release(self) -> None:
        """Let the process forget the channel."""
        if self._released:
            return
        self._released = True
        self._worker.channels -= 1
        if self._opened:
            try:
                await self._worker.run(live_recogniser.release, self._key)
            except BrokenProcessPool:
                log.warning("a recognition process died with streams in it")

    def report(self) -> dict[str, Any]:
        """Return nothing: speech has no numbers."""
        return {}

    async def _flush(self) -> Sequence[Heard]:
        pcm = bytes(self._waiting)
        self._waiting.clear()
        return await self._run(live_recogniser.feed, pcm)

    async def _run(self, function: Callable[..., T], *arguments: object) -> T:
        if not self._opened:
            spoken, _ = await asyncio.to_thread(split_vocabulary, self._request.vocabulary)
            self._opened = True
            await self._worker.run(
                live_recogniser.open_channel, self._key, self._request, self._worker.language_model, tuple(spoken)
            )
        return await self._worker.run(function, self._key, *arguments)
