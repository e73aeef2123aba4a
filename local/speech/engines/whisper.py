"""Real recognition: Whisper in processes of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

from local.speech.audio import Channel
from local.speech.engines import ENGLISH, Recognition, StreamRequest, Word
from local.speech.engines.live_channel import Tools
from local.speech.engines.process import RecognitionProcesses
from local.speech.engines.process_stream import ProcessStream
from local.speech.engines.weights import bundled_model, check_model

# Whisper takes 223 tokens of what it should expect and leaves out the rest. A rare name has one in every three letters.
MAX_TERM_CHARACTERS = 600


def prepare(folder: Path, threads: int) -> None:
    """Load the model in a recognition process."""
    from local.speech.engines import whisper_model

    whisper_model.model(folder, threads)


def recognise(folder: Path, threads: int, pcm: bytes, rate: int, terms: tuple[str, ...]) -> tuple[Word, ...]:
    """Recognise one channel in a recognition process."""
    from local.speech.engines import whisper_model

    return whisper_model.recognise(pcm, rate, folder, threads, terms)


def live_tools(folder: Path, threads: int, vocabulary: tuple[str, ...]) -> Tools:
    """Return what one channel of a stream needs, in a recognition process."""
    from local.speech.engines import whisper_live

    return whisper_live.tools(folder, threads, vocabulary)


class WhisperEngine:
    """Recognises English with a Whisper model.

    All streams have one process together, in which they decode in turn: with the smallest model a turn takes it half a
    second, and words that are not final a fifth of one.

    Args:
        workers: Processes for recordings; each takes about 350 MB with the smallest model, as that for streams does,
            and recognises one channel at a time.
        threads: Of each process.
        folder: The model's. Default: the weights that come as a package.

    Raises:
        ValueError: The folder holds no model.
    """

    name = "local-whisper"
    version = version("faster-whisper")
    languages: frozenset[str] | None = ENGLISH
    writes = True

    def __init__(self, *, workers: int, threads: int = 1, folder: Path | None = None) -> None:
        check_model(folder := folder or bundled_model())
        self.arch = "whisper-tiny.en" if folder == bundled_model() else f"whisper ({folder.name})"
        self._recognise = partial(recognise, folder, threads)
        self._processes = RecognitionProcesses(workers, partial(prepare, folder, threads))
        self._live_tools = partial(live_tools, folder, threads)
        self._live = RecognitionProcesses(1, partial(prepare, folder, threads))

    async def start(self) -> None:
        """Start the processes and let them load the model in the background."""
        self._processes.start(bool)
        self._live.start(bool)

    async def transcribe(self, channel: Channel, vocabulary: tuple[str, ...]) -> Recognition:
        """Recognise one channel in the process with the least to do.

        Raises:
            ListenError: 500, the process died twice over the same audio.
        """
        used = expected_terms(vocabulary)
        words = await self._processes.recognise(self._recognise, channel, used)
        return Recognition(words, vocabulary[len(used) :])

    def open_stream(self, request: StreamRequest, news: Callable[[], None]) -> ProcessStream:
        """Begin one channel in the process for streams."""
        used = replace(request, vocabulary=expected_terms(request.vocabulary))
        return ProcessStream(self._live.least_busy(), used, self._live_tools, news)

    async def close(self) -> None:
        """Stop the processes; what they decode at this moment is lost."""
        await self._live.close()
        await self._processes.close()


def expected_terms(vocabulary: tuple[str, ...]) -> tuple[str, ...]:
    """Return as many of the terms, from the first on, as Whisper can take."""
    lengths = itertools.accumulate(len(term) + len(", ") for term in vocabulary)
    return vocabulary[: sum(length <= MAX_TERM_CHARACTERS for length in lengths)]
