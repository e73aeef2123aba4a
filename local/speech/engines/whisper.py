"""Real recognition of recordings: Whisper in processes of its own."""

from __future__ import annotations

import itertools
from functools import partial
from importlib.metadata import version
from pathlib import Path

from local.speech.audio import Channel
from local.speech.engines import ENGLISH, Recognition, Word
from local.speech.engines.process import RecognitionProcesses
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


class WhisperEngine:
    """Recognises English with a Whisper model.

    Args:
        workers: Processes; each takes about 350 MB with the smallest model and recognises one channel at a time.
        threads: Of each process.
        folder: The model's. Default: the weights that come as a package.

    Raises:
        ValueError: The folder holds no model.
    """

    name = "local-whisper"
    version = version("faster-whisper")
    languages: frozenset[str] | None = ENGLISH

    def __init__(self, *, workers: int, threads: int = 1, folder: Path | None = None) -> None:
        check_model(folder := folder or bundled_model())
        self.arch = "whisper-tiny.en" if folder == bundled_model() else f"whisper ({folder.name})"
        self._recognise = partial(recognise, folder, threads)
        self._processes = RecognitionProcesses(workers, partial(prepare, folder, threads))

    async def start(self) -> None:
        """Start the processes and let them load the model in the background."""
        self._processes.start(bool)

    async def transcribe(self, channel: Channel, vocabulary: tuple[str, ...]) -> Recognition:
        """Recognise one channel in the process with the least to do.

        Raises:
            ListenError: 500, the process died twice over the same audio.
        """
        used = expected_terms(vocabulary)
        words = await self._processes.recognise(self._recognise, channel, used)
        return Recognition(words, vocabulary[len(used) :])

    async def close(self) -> None:
        """Stop the processes; what they decode at this moment is lost."""
        await self._processes.close()


def expected_terms(vocabulary: tuple[str, ...]) -> tuple[str, ...]:
    """Return as many of the terms, from the first on, as Whisper can take."""
    lengths = itertools.accumulate(len(term) + len(", ") for term in vocabulary)
    return vocabulary[: sum(length <= MAX_TERM_CHARACTERS for length in lengths)]
