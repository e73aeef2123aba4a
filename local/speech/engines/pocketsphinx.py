"""Real recognition: pocketsphinx in processes of its own."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from importlib.metadata import version
from typing import Any, TypeVar

from local.speech.audio import Channel
from local.speech.engines import ENGLISH, Heard, Recognition, StreamRequest, Word, live_recogniser, recogniser
from local.speech.engines.language_model import split_vocabulary
from local.speech.engines.process import RecognitionProcess, RecognitionProcesses
from local.speech.engines.recogniser import LanguageModel

T = TypeVar("T")

log = logging.getLogger(__name__)

# Audio of a stream goes to its process in pieces no shorter than this.
FEED_SECONDS = 0.1


def recognise(language_model: LanguageModel, pcm: bytes, rate: int, spoken: tuple[str, ...]) -> tuple[Word, ...]:
    """Recognise one channel in a recognition process."""
    return recogniser.recognise(pcm, rate, language_model, spoken)


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
    languages: frozenset[str] | None = ENGLISH
    writes = True

    def __init__(self, *, workers: int, language_model: LanguageModel = "clinic") -> None:
        self._language_model = language_model
        self._processes = RecognitionProcesses(workers, partial(recogniser.decoder_for, language_model, ()))

    async def start(self) -> None:
        """Start the processes and let them load their models in the background."""
        self._processes.start(partial(live_recogniser.prepare, self._language_model))

    async def transcribe(self, channel: Channel, vocabulary: tuple[str, ...]) -> Recognition:
        """Recognise one channel in the process with the least to do.

        Raises:
            ListenError: 500, the process died twice over the same audio.
        """
        spoken, unknown = await asyncio.to_thread(split_vocabulary, vocabulary)
        job = partial(recognise, self._language_model)
        return Recognition(await self._processes.recognise(job, channel, tuple(spoken)), tuple(unknown))

    def open_stream(self, request: StreamRequest) -> PocketsphinxStream:
        """Begin one channel in the process with the least to do. A recording decoded there makes it wait."""
        return PocketsphinxStream(self._processes.least_busy(), request, self._language_model)

    async def close(self) -> None:
        """Stop the processes; what they decode at this moment is lost."""
        await self._processes.close()


class PocketsphinxStream:
    """One channel of a stream, decoded in a recognition process.

    If the process dies, what it has heard is lost, and the next call raises `BrokenProcessPool` or `KeyError`.
    """

    def __init__(self, process: RecognitionProcess, request: StreamRequest, language_model: LanguageModel) -> None:
        self._process = process
        self._request = request
        self._language_model = language_model
        self._key = str(uuid.uuid4())
        self._waiting = bytearray()
        self._piece = 2 * round(FEED_SECONDS * request.rate)
        self._opened = False
        process.channels += 1
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
        self._process.channels -= 1
        if self._opened:
            try:
                await self._process.run(live_recogniser.release, self._key)
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
            await self._process.run(
                live_recogniser.open_channel, self._key, self._request, self._language_model, tuple(spoken)
            )
        return await self._process.run(function, self._key, *arguments)
