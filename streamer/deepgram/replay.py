"""Audio that has no final words yet, so that it can be sent again."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from operator import attrgetter
from typing import TYPE_CHECKING

from streamer.media.stereo import FRAME_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamer.media.stereo import StereoAudio

_start = attrgetter("start")


class ReplayBuffer:
    """Stereo audio by its position on the call's clock, from the oldest that may be needed again.

    Audio comes in *sections*: within one every piece begins where the one before ended, between two the stream had
    nothing.

    Args:
        capacity: samples from which on the buffer counts as full.

    Attributes:
        end: position after the newest audio; 0 before any.
        held: samples in the buffer.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._pieces: deque[StereoAudio] = deque()
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
        self._pieces.append(audio)
        self.end = audio.end
        self.held += audio.end - audio.start

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
            Interleaved samples; empty where there is no audio at the position yet.
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
            parts.append(piece.pcm if whole else piece.pcm[_bytes(at - piece.start) : _bytes(end - piece.start)])
            at, index = end, index + 1
        pcm = parts[0] if len(parts) == 1 else b"".join(parts)
        if position < max(silent_until):
            return _silenced(pcm, [until - position for until in silent_until])
        return pcm

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


def _bytes(samples: int) -> int:
    return samples * FRAME_BYTES


def _silenced(pcm: bytes, samples: Sequence[int]) -> bytes:
    """Return stereo audio with the first samples of each channel set to zero."""
    audio = bytearray(pcm)
    length = len(audio) // FRAME_BYTES
    for channel, wanted in enumerate(samples):
        count = min(max(wanted, 0), length)
        for byte in (2 * channel, 2 * channel + 1):
            audio[byte : _bytes(count) : FRAME_BYTES] = bytes(count)
    return bytes(audio)
