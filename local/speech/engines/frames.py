"""Test equipment: audio whose frames carry numbers, so that a test can say exactly which of them arrived.

A frame is 160 samples, 20 ms at 8 kHz: four samples that mark its beginning, four that carry a number from 0 to 65535,
and a fixed tail by which a frame that has lost or gained a sample is told from a whole one. Each sample is one that
mu-law has, so that a frame is the same however it was sent. `FrameReader` finds frames at any sample. Digital silence
between frames is silence; anything else is damage, and counted.

`FramesEngine` recognises frame 17 as the word ``f17``. Where its passages end follows from the audio alone and not from
where a stream began or how it was cut into messages: after `PAUSE_SAMPLES` of silence, which also ends the utterance,
and between two frames whose numbers differ in the hundreds. So whoever repeats a stream from the end of any final
passage gets the same passages again.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

from local.speech.audio import Channel
from local.speech.engines import Passage, Recognition, StreamRequest, Word

FRAME_SAMPLES = 160
FRAME_BYTES = FRAME_SAMPLES * 2
MAX_NUMBER = 0xFFFF
PAUSE_SAMPLES = 2_400
# Frames with consecutive numbers in one passage at the most: two seconds.
PASSAGE_FRAMES = 100
INTERIM_FRAMES = 25
# Silence in which nothing is heard is confirmed this often.
SILENCE_SAMPLES = 40_000

# No other part of a frame comes near the extremes.
_MARK = struct.pack("<4h", 32124, -32124, 32124, -32124)
_NUMBER = struct.Struct("<4h")
# Of a number's hexadecimal digits; never 0, so that no sample of a frame is silent.
_DIGITS = (*range(8, 121, 8), 132)
_HEAD_BYTES = len(_MARK) + _NUMBER.size
_TONES = (396, 428, 460, 492, 524, 556)
_TAIL_SAMPLES = FRAME_SAMPLES - _HEAD_BYTES // 2
_TAIL = struct.pack(f"<{_TAIL_SAMPLES}h", *(_TONES[at * at // 7 % len(_TONES)] for at in range(_TAIL_SAMPLES)))


def encode_frame(number: int) -> bytes:
    """Return the frame that carries a number: 160 samples, 16-bit little-endian mono.

    Raises:
        ValueError: The number is not from 0 to 65535.
    """
    if not 0 <= number <= MAX_NUMBER:
        raise ValueError(f"a frame carries 0 to {MAX_NUMBER}")
    return _MARK + _NUMBER.pack(*(_DIGITS[int(digit, 16)] for digit in f"{number:04x}")) + _TAIL


class FrameReader:
    """Finds the frames in one channel's audio, in whatever pieces it arrives.

    Attributes:
        position: Samples that are certain: everything before it is a frame that was returned, silence, or damage.
        damaged: Pieces that are neither a whole frame nor silence.
    """

    def __init__(self) -> None:
        self.position = 0
        self.damaged = 0
        self._pending = b""

    def feed(self, pcm: bytes) -> list[tuple[int, int]]:
        """Take 16-bit little-endian mono samples; return the frames now complete.

        Returns:
            The number and the first sample of each, in order.
        """
        data = self._pending + pcm
        found: list[tuple[int, int]] = []
        begin = self.position
        at = 0
        while True:
            mark = _find_mark(data, at)
            if data.count(0, at, mark) != mark - at:
                self.damaged += 1
            if mark + FRAME_BYTES > len(data):
                break
            if data.startswith(_TAIL, mark + _HEAD_BYTES):
                number = _number(_NUMBER.unpack_from(data, mark + len(_MARK)))
                if number is None:
                    self.damaged += 1
                else:
                    found.append((number, begin + mark // 2))
                at = mark + FRAME_BYTES
            else:
                self.damaged += 1
                # The frame may have lost samples, so that the next one begins within its length.
                at = _find_mark(data, mark + len(_MARK))
        self.position = begin + mark // 2
        self._pending = data[mark:]
        return found


def _number(samples: Sequence[int]) -> int | None:
    """Return the number that samples carry; `None` where they carry none."""
    if not all(sample in _DIGITS for sample in samples):
        return None
    return int("".join(f"{_DIGITS.index(sample):x}" for sample in samples), 16)


def _find_mark(data: bytes, start: int) -> int:
    """Return where the next mark begins, or may be about to begin at the end of what is there."""
    at = start
    while (at := data.find(_MARK, at)) != -1:
        if at % 2 == 0:
            return at
        at += 1
    for begun in range(len(_MARK) - 2, 0, -2):
        if len(data) - begun >= start and data.endswith(_MARK[:begun]):
            return len(data) - begun
    return len(data)


class FramesEngine:
    """Recognises numbered frames. `StreamRequest.endpointing` and vocabularies are ignored."""

    name = "local-frames"
    version = "1"
    arch = "frames"
    languages: frozenset[str] | None = None
    writes = False

    async def start(self) -> None:
        """Do nothing: there is nothing to prepare."""

    async def transcribe(self, channel: Channel, vocabulary: tuple[str, ...]) -> Recognition:  # noqa: ARG002
        """Return one word for each whole frame."""
        return Recognition(tuple(_word(*frame, channel.rate) for frame in FrameReader().feed(channel.pcm)))

    def open_stream(self, request: StreamRequest, news: Callable[[], None]) -> FrameStream:  # noqa: ARG002
        """Begin one channel, which recognises at once and never has news of its own."""
        return FrameStream(request)

    async def close(self) -> None:
        """Do nothing: there is nothing to stop."""


class FrameStream:
    """One channel of a stream of frames."""

    def __init__(self, request: StreamRequest) -> None:
        self._rate = request.rate
        self._interim = request.interim
        self._reader = FrameReader()
        self._numbers = NumberRanges()
        self._pending: list[tuple[int, int]] = []
        self._interim_at = INTERIM_FRAMES
        self._final_to = 0

    async def feed(self, pcm: bytes) -> Sequence[Passage]:
        """Take samples; return what they complete."""
        heard: list[Passage] = []
        for number, position in self._reader.feed(pcm):
            heard += self._silence_to(position)
            if self._pending and self._pending[-1][0] // PASSAGE_FRAMES != number // PASSAGE_FRAMES:
                heard.append(self._final(self._spoken_to))
            self._pending.append((number, position))
            self._numbers.add(number)
        heard += self._silence_to(self._reader.position)
        if self._interim and len(self._pending) >= self._interim_at:
            heard.append(self._passage(self._spoken_to, final=False))
            self._interim_at = len(self._pending) + INTERIM_FRAMES
        return heard

    async def finalize(self) -> Sequence[Passage]:
        """Return a passage up to the last whole frame, or up to now in silence."""
        return [self._final(self._certain_to, from_finalize=True)]

    async def finish(self) -> Sequence[Passage]:
        """Return the rest; a frame that is not whole at the end is left out of it."""
        return [self._final(self._certain_to)] if self._certain_to > self._final_to else []

    async def release(self) -> None:
        """Do nothing: there is nothing to let go of."""

    def report(self) -> dict[str, Any]:
        """Return the numbers heard, in order and as ranges, and how many pieces were damaged."""
        return {"numbers": self._numbers.ranges, "damaged": self._reader.damaged}

    @property
    def _spoken_to(self) -> int:
        return self._pending[-1][1] + FRAME_SAMPLES

    @property
    def _certain_to(self) -> int:
        return max(self._reader.position, self._final_to)

    def _silence_to(self, position: int) -> list[Passage]:
        if self._pending:
            pause = self._spoken_to + PAUSE_SAMPLES
            return [self._final(pause, speech_final=True)] if position >= pause else []
        return [self._final(position)] if position - self._final_to >= SILENCE_SAMPLES else []

    def _final(self, end: int, *, speech_final: bool = False, from_finalize: bool = False) -> Passage:
        passage = self._passage(end, speech_final=speech_final, from_finalize=from_finalize)
        self._pending.clear()
        self._interim_at = INTERIM_FRAMES
        self._final_to = end
        return passage

    def _passage(self, end: int, **kind: bool) -> Passage:
        words = tuple(_word(*frame, self._rate) for frame in self._pending)
        return Passage(self._final_to / self._rate, end / self._rate, words, **kind)


class NumberRanges:
    """Numbers in the order in which they came, consecutive ones as ranges.

    Attributes:
        ranges: First and last number of each.
    """

    def __init__(self) -> None:
        self.ranges: list[list[int]] = []

    def add(self, number: int) -> None:
        """Take the next number."""
        if self.ranges and self.ranges[-1][1] == number - 1:
            self.ranges[-1][1] = number
        else:
            self.ranges.append([number, number])


def _word(number: int, position: int, rate: int) -> Word:
    return Word(f"f{number}", position / rate, (position + FRAME_SAMPLES) / rate, 1.0)
