"""Audio that has no final words yet, so that it can be sent again."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import deque
from operator import attrgetter
from typing import TYPE_CHECKING, Final

import msgspec

from callscribe.live.call import CHANNEL_ROLES, SAMPLE_RATE
from streamer.media.stereo import FRAME_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streamer.deepgram.encoding import Encoding
    from streamer.media.stereo import StereoAudio

_CHANNELS: Final = len(CHANNEL_ROLES)

_WINDOW: Final = SAMPLE_RATE // 50
_LOUD: Final = 328
"""Mean magnitude of samples as loud as speech: a hundredth of full scale, -40 dB. Speech on a telephone line has about
-26 dB (ITU-T Recommendation P.56 measures it so), its noise -60."""

_start = attrgetter("start")


class _Piece(msgspec.Struct, frozen=True, gc=False):
    """Audio as it is sent, with the positions of its first sample and after its last."""

    start: int
    end: int
    data: bytes


class ReplayBuffer:
    """Stereo audio, as it is sent, by its position on the call's clock, from the oldest that may be needed again.

    Audio comes in *sections*: within one every piece begins where the one before ended, between two the stream had
    nothing.

    Args:
        capacity: samples from which on the buffer counts as full.
        encoding: how audio is sent.

    Attributes:
        frame_bytes: of the samples of both channels at one time, as they are sent.
        end: position after the newest audio; 0 before any.
        held: samples in the buffer.
    """

    def __init__(self, capacity: int, encoding: Encoding) -> None:
        self._capacity = capacity
        self._encoding = encoding
        self.frame_bytes = encoding.frame_bytes
        self._pieces: deque[_Piece] = deque()
        self.end = 0
        self.held = 0

    @property
    def full(self) -> bool:
        """Whether audio must be released before more is taken."""
        return self.held >= self._capacity

    def append(self, audio: StereoAudio) -> None:
        """Take the next piece.

        Raises:
            ValueError: it begins before the end of the one before, or holds half a sample.
        """
        if len(audio.pcm) % FRAME_BYTES:
            raise ValueError("audio must come in whole samples of both channels")
        if audio.start < self.end:
            raise ValueError("audio must come in order")
        if not audio.pcm:
            return
        start, end = audio.start, audio.end
        self._pieces.append(_Piece(start, end, self._encoding.written(audio.pcm)))
        self.end = end
        self.held += end - start

    def next_audio(self, position: int) -> int | None:
        """Return where the audio at or after a position begins; `None` when there is none yet."""
        if position >= self.end or not self._pieces:
            return None
        piece = self._pieces[self._index(position)]
        return max(position, piece.start)

    def read(self, position: int, limit: int, *, silent_until: Sequence[int]) -> bytes:
        """Return audio from a position on, within its section.

        Args:
            position: first sample.
            limit: most samples to return.
            silent_until: position of each channel before which it is to be silent.

        Returns:
            Interleaved samples as they are sent; empty where there is no audio at the position yet.
        """
        if position >= self.end or not self._pieces:
            return b""
        index = self._index(position)
        parts: list[bytes] = []
        at, last = position, position + limit
        while at < last and index < len(self._pieces):
            piece = self._pieces[index]
            if piece.start > at:
                break
            end = min(piece.end, last)
            whole = at == piece.start and end == piece.end
            parts.append(piece.data if whole else self._part(piece, at, end))
            at, index = end, index + 1
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        if position < max(silent_until):
            return self._silenced(data, [until - position for until in silent_until])
        return data

    def sound(self, channel: int, start: int, end: int) -> int | None:
        """Return where a channel's first sample is that is not zero, between two positions; `None` where all are.

        What is not in the buffer is silent.
        """
        sample, frame, silence = self._encoding.sample_bytes, self.frame_bytes, self._encoding.silence
        for first, stereo in self._between(start, end):
            bytes_of_samples = (stereo[sample * channel + byte :: frame] for byte in range(sample))
            silent = min(len(data) - len(data.lstrip(silence)) for data in bytes_of_samples)
            if silent < len(stereo) // frame:
                return first + silent
        return None

    def loud(self, channel: int, start: int, end: int) -> list[int]:
        """Return where a channel is as loud as speech, between two positions: one for each 20 ms that are."""
        found: list[int] = []
        for first, stereo in self._between(start, end):
            samples = array("h", self._encoding.read(stereo))[channel::_CHANNELS]
            for at in range(0, len(samples), _WINDOW):
                if sum(map(abs, samples[at : at + _WINDOW])) >= _LOUD * _WINDOW:
                    found.append(first + at)
        return found

    def _between(self, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Return the audio between two positions, each piece with its position."""
        if start >= min(end, self.end) or not self._pieces:
            return
        for index in range(self._index(start), len(self._pieces)):
            piece = self._pieces[index]
            if piece.start >= end:
                return
            first = max(start, piece.start)
            yield first, self._part(piece, first, min(end, piece.end))

    def release(self, position: int) -> None:
        """Forget the pieces that end at or before a position."""
        while self._pieces and self._pieces[0].end <= position:
            piece = self._pieces.popleft()
            self.held -= piece.end - piece.start

    def _index(self, position: int) -> int:
        """Return which piece holds a position, or is the first after it."""
        newest = len(self._pieces) - 1
        if self._pieces[newest].start <= position:
            return newest  # nearly always: what has just come is sent
        index = bisect_right(self._pieces, position, key=_start) - 1
        return index if index >= 0 and position < self._pieces[index].end else index + 1

    def _part(self, piece: _Piece, start: int, end: int) -> bytes:
        frame = self.frame_bytes
        return piece.data[(start - piece.start) * frame : (end - piece.start) * frame]

    def _silenced(self, data: bytes, samples: Sequence[int]) -> bytes:
        """Return stereo audio with the first samples of each channel set to zero."""
        sample, frame = self._encoding.sample_bytes, self.frame_bytes
        audio = bytearray(data)
        length = len(audio) // frame
        for channel, wanted in enumerate(samples):
            count = min(max(wanted, 0), length)
            for byte in range(sample * channel, sample * (channel + 1)):
                audio[byte : count * frame : frame] = self._encoding.silence[:1] * count
        return bytes(audio)
