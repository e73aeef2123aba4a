"""A call in which every word is a number that is said once, so that what was lost or repeated can be counted."""

from __future__ import annotations

import wave
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from callscribe.live.call import SAMPLE_RATE
from local.speech.engines.frames import FRAME_SAMPLES, encode_frame

_AGENT_NUMBERS = 30_000
# Both say two seconds of numbers, then are silent for half a second.
_TURN, _PAUSE = 100, 25


@dataclass(frozen=True, kw_only=True)
class NumberedCall:
    """A call of so many seconds; the speech server's engine `frames` hears its numbers."""

    seconds: int

    @property
    def words(self) -> int:
        """How many numbers are said, by both."""
        return 2 * len(self._numbers(0))

    def write(self, path: Path) -> Path:
        """Write its recording, the customer on the left."""
        path.parent.mkdir(parents=True, exist_ok=True)
        channels = []
        for channel in (0, 1):
            numbers = set(self._numbers(channel))
            first = 1 + channel * _AGENT_NUMBERS
            pcm = b"".join(
                encode_frame(number) if number in numbers else bytes(2 * FRAME_SAMPLES)
                for number in range(first, first + self._frames)
            )
            channels.append(memoryview(pcm).cast("h"))
        with wave.open(str(path), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE)
            samples = chain.from_iterable(zip(*channels, strict=True))
            file.writeframes(b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples))
        return path

    def compare(self, utterances: Iterable[Mapping[str, Any]]) -> tuple[int, int]:
        """How many numbers are missing from what was stored of it, and how many are there more than once."""
        heard = [
            (int(utterance["channel"]), int(word.strip(".,").lower().removeprefix("f")))
            for utterance in utterances
            for word in utterance["text"].split()
        ]
        said = {(channel, number) for channel in (0, 1) for number in self._numbers(channel)}
        return len(said - set(heard)), len(heard) - len(set(heard))

    @property
    def _frames(self) -> int:
        return self.seconds * SAMPLE_RATE // FRAME_SAMPLES

    def _numbers(self, channel: int) -> list[int]:
        first = 1 + channel * _AGENT_NUMBERS
        return [first + frame for frame in range(self._frames) if frame % (_TURN + _PAUSE) < _TURN]
