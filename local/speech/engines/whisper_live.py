"""What runs inside a recognition process for streams with Whisper: its voice activity detector, and turns decoded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from faster_whisper.vad import get_vad_model

from local.speech.engines import Word, whisper_model
from local.speech.engines.live_channel import Tools


class SileroVoice:
    """Silero's voice activity detector, which keeps its state from one frame to the next."""

    frame_samples = 512
    onset = 0.1
    # Silero's own: speech begins above the first and goes on until it falls below the second.
    THRESHOLD = 0.5
    LOWER_THRESHOLD = 0.35
    # Samples of the frame before that it hears again with each.
    CONTEXT = 64

    def __init__(self) -> None:
        self._session = get_vad_model().session
        self._h = self._c = np.zeros((1, 1, 128), np.float32)
        self._before = np.zeros(self.CONTEXT, np.float32)
        self._spoken = False

    def speech(self, pcm: bytes) -> Sequence[bool]:
        """Take whole frames; return for each whether somebody speaks."""
        if not pcm:
            return []
        samples = np.concatenate([self._before, np.frombuffer(pcm, "<i2").astype(np.float32) / 32768])
        self._before = samples[-self.CONTEXT :]
        windows = np.lib.stride_tricks.sliding_window_view(samples, self.CONTEXT + self.frame_samples)
        frames = np.ascontiguousarray(windows[:: self.frame_samples])
        found, self._h, self._c = self._session.run(None, {"input": frames, "h": self._h, "c": self._c})
        return [self._speaks(float(probability)) for probability in np.ravel(found)]

    def _speaks(self, probability: float) -> bool:
        self._spoken = probability >= (self.LOWER_THRESHOLD if self._spoken else self.THRESHOLD)
        return self._spoken


class WhisperTurns:
    """Decodes turns with Whisper: each time from the beginning, which takes a fraction of a second."""

    def __init__(self, folder: Path, threads: int, vocabulary: tuple[str, ...]) -> None:
        self._folder = folder
        self._threads = threads
        self._vocabulary = vocabulary
        self._pcm = bytearray()

    def begin(self) -> None:
        """Begin a turn."""
        self._pcm.clear()

    def add(self, pcm: bytes) -> None:
        """Keep more of the turn."""
        self._pcm += pcm

    def so_far(self) -> Sequence[Word]:
        """Return what has been said until now, by a quick look."""
        return self._recognised(draft=True)

    def end(self) -> Sequence[Word]:
        """Return what was said."""
        words = self._recognised(draft=False)
        self._pcm.clear()
        return words

    def release(self) -> None:
        """Forget the turn."""
        self._pcm.clear()

    def _recognised(self, *, draft: bool) -> Sequence[Word]:
        return whisper_model.recognise_turn(
            bytes(self._pcm), self._folder, self._threads, self._vocabulary, draft=draft
        )


def tools(folder: Path, threads: int, vocabulary: tuple[str, ...]) -> Tools:
    """Return what one channel needs."""
    return Tools(SileroVoice(), WhisperTurns(folder, threads, vocabulary))
