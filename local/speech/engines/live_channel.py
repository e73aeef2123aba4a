"""One channel of a stream inside a recognition process: taken apart into turns, decoded while they are spoken.

What tells speech from silence and what decodes is an engine's own (`Voice`, `TurnDecoder`); where turns begin and end,
what becomes final and when, is the same for all of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
import soxr

from local.speech.engines import Passage, StreamRequest, Word

RATE = 16_000
# Seconds of silence that end a turn lie between these: shorter pauses are within sentences.
SHORTEST_WINDOW = 0.3
LONGEST_WINDOW = 2.0
# Of the frames of a window this share may say otherwise.
TOLERANCE = 0.1
# Seconds before and after the detected speech that are decoded too.
MARGIN = 0.2
INTERIM_SECONDS = 0.5
# Words cannot stay open for ever: from the first on a passage ends in the next pause, at the second in any case.
LONG_SECONDS = 8.0
LONGEST_SECONDS = 15.0
PAUSE_SECONDS = 0.12
SILENCE_SECONDS = 5.0


class Voice(Protocol):
    """Tells speech from everything else, frame by frame.

    Attributes:
        frame_samples: Samples of a frame, at `RATE`.
        onset: Seconds in which there must be speech for a turn to begin.
    """

    frame_samples: int
    onset: float

    def speech(self, pcm: bytes) -> Sequence[bool]:
        """Take the next frames, all of them whole; return for each whether somebody speaks."""
        ...


class TurnDecoder(Protocol):
    """Recognises turns, one after another. Times are seconds from the beginning of the turn."""

    def begin(self) -> None:
        """Begin a turn."""

    def add(self, pcm: bytes) -> None:
        """Take the turn's next samples, at `RATE`."""

    def so_far(self) -> Sequence[Word]:
        """Return what has been said in the turn until now."""
        ...

    def end(self) -> Sequence[Word]:
        """End the turn; return what was said in it."""
        ...

    def release(self) -> None:
        """Let go of everything."""


@dataclass(frozen=True)
class Tools:
    """What an engine recognises one channel with."""

    voice: Voice
    decoder: TurnDecoder


class LiveChannel:
    """One channel of a stream.

    Positions are samples at `RATE`. `_position` is what was taken, `_decoded` what the decoder has of it, `_final`
    where the last final passage ended, `_turn` where the open turn began, `_voiced` the end of the last speech.

    Args:
        request: How the channel is to be recognised, but for the vocabulary, which is the decoder's.
        tools: Of this channel alone.
    """

    def __init__(self, request: StreamRequest, tools: Tools) -> None:
        self._interim = request.interim
        self._voice = tools.voice
        self._decoder = tools.decoder
        # Not in integers: those are dithered, and the same audio would not always give the same words.
        self._resampler = (
            None if request.rate == RATE else soxr.ResampleStream(request.rate, RATE, 1, dtype="float32", quality="HQ")
        )
        self._onset = self._frames(tools.voice.onset)
        self._window = self._frames(min(max(request.endpointing, SHORTEST_WINDOW), LONGEST_WINDOW))
        self._spoken: deque[bool] = deque(maxlen=max(self._onset, self._window))
        self._recent = bytearray()
        self._recent_bytes = 2 * (self._onset * self._voice.frame_samples + _samples(MARGIN))
        self._rest = b""
        self._held = bytearray()
        self._speaking = False
        self._position = self._decoded = self._final = self._turn = self._voiced = self._interim_due = 0

    def feed(self, pcm: bytes, *, interim: bool = True) -> list[Passage]:
        """Take samples at the stream's rate.

        Args:
            pcm: 16-bit little-endian mono.
            interim: Whether there is time for words that are not final.
        """
        heard = list(self._take(self._resampled(pcm)))
        if interim and self._interim and self._speaking and self._decoded >= self._interim_due:
            self._interim_due = self._decoded + _samples(INTERIM_SECONDS)
            if words := self._words(self._decoder.so_far()):
                heard.append(Passage(self._final / RATE, self._decoded / RATE, words, final=False))
        return heard

    def finalize(self) -> list[Passage]:
        """Make final what was fed; in silence only what can be no beginning of speech."""
        if not self._speaking:
            return [self._silence_to(max(self._final, self._quiet), from_finalize=True)]
        self._decode(b"")
        return [self._passage_to(self._position, from_finalize=True)]

    def finish(self) -> list[Passage]:
        """End the stream."""
        heard = list(self._take(self._resampled(b"", last=True)))
        self._position += len(self._rest) // 2
        if self._speaking:
            self._decode(self._rest)
            heard.append(self._passage_to(self._position))
        elif self._position > self._final:
            heard.append(self._silence_to(self._position))
        return heard

    def release(self) -> None:
        """Let go of the decoder."""
        self._decoder.release()

    def _frames(self, seconds: float) -> int:
        return max(1, round(seconds * RATE / self._voice.frame_samples))

    @property
    def _quiet(self) -> int:
        """Up to where silence is certain: what comes after may be the beginning of speech."""
        return self._position - self._recent_bytes // 2

    def _resampled(self, pcm: bytes, *, last: bool = False) -> bytes:
        if self._resampler is None:
            return pcm
        samples: npt.NDArray[np.float32] = self._resampler.resample_chunk(
            np.frombuffer(pcm, "<i2").astype(np.float32), last=last
        )
        return np.rint(samples).clip(-32_768, 32_767).astype("<i2").tobytes()

    def _take(self, pcm: bytes) -> Iterator[Passage]:
        data = self._rest + pcm
        size = 2 * self._voice.frame_samples
        whole = len(data) - len(data) % size
        self._rest = data[whole:]
        for start, spoken in zip(range(0, whole, size), self._voice.speech(data[:whole]), strict=True):
            yield from self._frame(data[start : start + size], spoken)

    def _frame(self, frame: bytes, spoken: bool) -> Iterator[Passage]:
        self._position += self._voice.frame_samples
        self._spoken.append(spoken)
        self._recent += frame
        del self._recent[: -self._recent_bytes]
        if spoken:
            self._voiced = self._position
        if not self._speaking:
            if self._share(self._onset) >= 1 - TOLERANCE:
                self._begin()
            elif self._quiet - self._final >= SILENCE_SECONDS * RATE:
                yield self._silence_to(self._quiet)
            return
        # Silence is for the decoder only if speech comes after it.
        if self._position - self._voiced <= _samples(MARGIN):
            self._decode(frame)
        else:
            self._held += frame
        length = (self._position - self._turn) / RATE
        if self._share(self._window) <= TOLERANCE:
            yield self._passage_to(self._decoded, speech_final=True)
        elif length >= LONGEST_SECONDS or (length >= LONG_SECONDS and self._pausing):
            self._decode(b"")
            yield self._passage_to(self._decoded)
            self._begin_turn(self._final)

    def _share(self, frames: int) -> float:
        """Return the share of speech in the last frames; between the two limits while there are too few."""
        if len(self._spoken) < frames:
            return 0.5
        return sum(list(self._spoken)[-frames:]) / frames

    @property
    def _pausing(self) -> bool:
        return self._position - self._voiced >= _samples(PAUSE_SECONDS)

    def _begin(self) -> None:
        onset = self._position - self._onset * self._voice.frame_samples
        self._begin_turn(max(onset - _samples(MARGIN), self._final, self._position - len(self._recent) // 2))
        self._decode(bytes(self._recent[len(self._recent) - 2 * (self._position - self._turn) :]))

    def _begin_turn(self, position: int) -> None:
        self._decoder.begin()
        self._speaking = True
        self._turn = self._decoded = position
        self._interim_due = position + _samples(INTERIM_SECONDS)

    def _decode(self, pcm: bytes) -> None:
        """Give the decoder what was held back, and more."""
        if data := bytes(self._held) + pcm:
            self._decoder.add(data)
            self._decoded += len(data) // 2
        self._held.clear()

    def _words(self, found: Sequence[Word]) -> tuple[Word, ...]:
        """Return words of the turn with times of the stream, none beyond what was said until now."""
        begin, end = self._turn / RATE, self._decoded / RATE
        return tuple(
            replace(word, start=round(min(begin + word.start, end), 3), end=round(min(begin + word.end, end), 3))
            for word in found
        )

    def _passage_to(self, end: int, *, speech_final: bool = False, from_finalize: bool = False) -> Passage:
        self._speaking = False
        words = self._words(self._decoder.end())
        self._held.clear()
        # What follows is a beginning of its own.
        self._spoken.clear()
        start, self._final = self._final, end
        return Passage(start / RATE, end / RATE, words, speech_final=speech_final, from_finalize=from_finalize)

    def _silence_to(self, end: int, *, from_finalize: bool = False) -> Passage:
        start, self._final = self._final, end
        return Passage(start / RATE, end / RATE, (), from_finalize=from_finalize)


def _samples(seconds: float) -> int:
    return round(seconds * RATE)


_channels: dict[str, LiveChannel] = {}


def open_channel(key: str, request: StreamRequest, tools: Callable[[tuple[str, ...]], Tools]) -> None:
    """Begin a channel, under a key that no other has.

    Args:
        key: The channel's.
        request: How it is to be recognised.
        tools: Makes what it is recognised with, for a vocabulary.
    """
    _channels[key] = LiveChannel(request, tools(request.vocabulary))


def feed(key: str, pcm: bytes, interim: bool) -> list[Passage]:
    """Feed a channel."""
    return _channels[key].feed(pcm, interim=interim)


def finalize(key: str) -> list[Passage]:
    """Make final what a channel was fed."""
    return _channels[key].finalize()


def finish(key: str) -> list[Passage]:
    """End a channel."""
    return _channels[key].finish()


def release(key: str) -> None:
    """Forget a channel, if it is there."""
    if channel := _channels.pop(key, None):
        channel.release()
