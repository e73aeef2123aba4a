"""Test equipment: audio whose frames carry numbers, so that a test can say exactly which of them arrived.

A frame is 160 samples, 20 ms at 8 kHz: four samples that mark its beginning, two that carry a number from 0 to 65535,
and a fixed tail by which a frame that has lost or gained a sample is told from a whole one. `FrameReader` finds frames
at any sample. Digital silence between frames is silence; anything else is damage, and counted.
"""

from __future__ import annotations

import struct

FRAME_SAMPLES = 160
FRAME_BYTES = FRAME_SAMPLES * 2
MAX_NUMBER = 0xFFFF

# No other part of a frame comes near the extremes.
_MARK = struct.pack("<4h", 32767, -32768, 32767, -32768)
_NUMBER = struct.Struct("<2h")
_HEAD_BYTES = len(_MARK) + _NUMBER.size
_TAIL = struct.pack(f"<{FRAME_SAMPLES - 6}h", *(400 + position for position in range(FRAME_SAMPLES - 6)))


def encode_frame(number: int) -> bytes:
    """Return the frame that carries a number: 160 samples, 16-bit little-endian mono.

    Raises:
        ValueError: The number is not from 0 to 65535.
    """
    if not 0 <= number <= MAX_NUMBER:
        raise ValueError(f"a frame carries 0 to {MAX_NUMBER}")
    # Never 0, so that no sample of a frame is silent.
    return _MARK + _NUMBER.pack(1 + (number >> 8), 1 + (number & 0xFF)) + _TAIL


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
                high, low = _NUMBER.unpack_from(data, mark + len(_MARK))
                found.append((((high - 1) << 8) | (low - 1), begin + mark // 2))
                at = mark + FRAME_BYTES
            else:
                self.damaged += 1
                # The frame may have lost samples, so that the next one begins within its length.
                at = _find_mark(data, mark + len(_MARK))
        self.position = begin + mark // 2
        self._pending = data[mark:]
        return found


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
