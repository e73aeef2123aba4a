"""Real recognition: pocketsphinx in processes of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from importlib.metadata import version

from local.speech.audio import Channel
from local.speech.engines import ENGLISH, Recognition, StreamRequest, pocketsphinx_live, recogniser
from local.speech.engines.process import RecognitionProcesses
from local.speech.engines.process_stream import ProcessStream
from local.speech.engines.pronunciations import split_vocabulary


class PocketsphinxEngine:
    """Recognises English with the model that ships inside the pocketsphinx wheel.

    Args:
        workers: Processes; each takes about 150 MB and decodes one channel at a time.
    """

    name = "local-pocketsphinx"
    version = version("pocketsphinx")
    arch = "pocketsphinx"
    languages: frozenset[str] | None = ENGLISH
    writes = True

    def __init__(self, *, workers: int) -> None:
        self._processes = RecognitionProcesses(workers, partial(recogniser.decoder_for, ()))

    async def start(self) -> None:
        """Start the processes and let them load their models in the background."""
        self._processes.start(pocketsphinx_live.prepare)

    async def transcribe(self, channel: Channel, vocabulary: tuple[str, ...]) -> Recognition:
        """Recognise one channel in the process with the least to do.

        Raises:
            ListenError: 500, the process died twice over the same audio.
        """
        spoken, unknown = await asyncio.to_thread(split_vocabulary, vocabulary)
        return Recognition(
            await self._processes.recognise(recogniser.recognise, channel, tuple(spoken)), tuple(unknown)
        )

    def open_stream(self, request: StreamRequest, news: Callable[[], None]) -> ProcessStream:
        """Begin one channel in the process with the least to do. A recording decoded there makes it wait."""
        return ProcessStream(self._processes.least_busy(), request, pocketsphinx_live.tools, news)

    async def close(self) -> None:
        """Stop the processes; what they decode at this moment is lost."""
        await self._processes.close()
