"""The call that is played: what it sounds like and what is said in it."""

from __future__ import annotations

import difflib
import io
import re
import wave
from array import array
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

import msgspec

from callscribe.live.call import SAMPLE_RATE
from callscribe.serialization import decode_json

_NAME: Final = "sample"


class SaidTurn(msgspec.Struct):
    """What one party says in one go.

    Attributes:
        channel: 0 is the customer's, 1 the agent's.
        start: Seconds from the beginning.
        end: Seconds from the beginning.
        text: The words.
    """

    channel: int
    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A call of a customer and an agent.

    Attributes:
        recording: A wav file of two channels, the customer's first.
        channels: 16-bit PCM of the customer and of the agent, 8,000 samples a second.
        turns: What is said, in order.
    """

    recording: bytes
    channels: tuple[bytes, bytes]
    turns: tuple[SaidTurn, ...]

    @classmethod
    def of(cls, recording: bytes, turns: tuple[SaidTurn, ...]) -> Sample:
        """A call from its recording.

        Raises:
            ValueError: The recording is not one of two channels, 16 bits and 8,000 samples a second.
        """
        with wave.open(io.BytesIO(recording)) as file:
            if (file.getnchannels(), file.getsampwidth(), file.getframerate()) != (2, 2, SAMPLE_RATE):
                raise ValueError(f"a recording needs two channels of 16 bits and {SAMPLE_RATE} samples a second")
            samples = array("h", file.readframes(file.getnframes()))
        return cls(recording=recording, channels=(samples[0::2].tobytes(), samples[1::2].tobytes()), turns=turns)

    @classmethod
    def shipped(cls) -> Sample:
        """The one of this package: 20 seconds of computer voices about a bill, in English."""
        folder = files(__package__)
        turns = decode_json(tuple[SaidTurn, ...], folder.joinpath(f"{_NAME}.json").read_bytes(), "the sample")
        return cls.of(folder.joinpath(f"{_NAME}.wav").read_bytes(), turns)

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.channels[0]) / 2 / SAMPLE_RATE

    def heard(self, channel: int, text: str) -> tuple[int, int]:
        """How many words of a channel are in what was understood of it, in order, and how many were said."""
        said = _words(" ".join(turn.text for turn in self.turns if turn.channel == channel))
        matcher = difflib.SequenceMatcher(a=said, b=_words(text), autojunk=False)
        return sum(block.size for block in matcher.get_matching_blocks()), len(said)


def _words(text: str) -> list[str]:
    return re.findall(r"[\w']+", text.lower())
