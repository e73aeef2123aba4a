"""Two tracks of mono audio become one stereo stream: what each has at a place, side by side, and silence elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from callscribe.live.call import CHANNEL_ROLES, SAMPLE_RATE, Gap, GapReason

SAMPLE_BYTES: Final = 2
FRAME_BYTES: Final = 2 * SAMPLE_BYTES

SKEW: Final = SAMPLE_RATE * 128 // 1000
"""Samples by which a track that there is not is behind the other: silence takes its place from there on."""
LONGEST_WAIT: Final = 2 * SAMPLE_RATE
"""Samples by which a track that there is may lag behind the other before silence takes its place. A fragment may have
all blocks of one track before those of the other, and lasts about a second."""
LONGEST_SILENCE: Final = SAMPLE_RATE * 10
"""Samples that are filled with silence where the stream has none; where more is missing, the audio jumps."""
MOST_SILENCE: Final = SAMPLE_RATE * 60
"""Samples of such silence that may exceed what was heard, so that few bytes cannot stand for hours."""


class StereoAudio(msgspec.Struct, frozen=True, gc=False):
    """Consecutive audio of both channels.

    Attributes:
        start: Position of the first sample on the call's clock.
        pcm: Samples of channel 0 and 1 in turn, 16 bit, little-endian.
    """

    start: int
    pcm: bytes

    @property
    def end(self) -> int:
        """Position after the last sample."""
        return self.start + len(self.pcm) // FRAME_BYTES


class StereoAligner:
    """Puts the blocks of two tracks side by side.

    Audio that was given out is never given out again. What arrives for a position that has passed is left out, and is
    a gap if it was not heard before.

    Args:
        position: Where the audio given out begins.
    """

    def __init__(self, position: int = 0) -> None:
        self.position = position
        self._beginning = position
        self._ends = [position] * len(CHANNEL_ROLES)
        self._pcm = (bytearray(), bytearray())
        self._awaited = [False] * len(CHANNEL_ROLES)
        self._silence_left = MOST_SILENCE
        self._done: list[StereoAudio] = []
        self._gaps: list[Gap] = []

    @property
    def ends(self) -> tuple[int, ...]:
        """Position after what there is of each track, be it audio or silence."""
        return tuple(self._ends)

    def expect(self, channel: int) -> None:
        """Wait for a track that is to come, rather than take it for one that there is not."""
        self._awaited[channel] = True

    def push(self, channel: int, start: int, pcm: bytes, *, fresh: bool = True) -> None:
        """Place a block.

        Args:
            channel: 0 or 1.
            start: Position of its first sample. What lies before the beginning is left out.
            pcm: Its samples. Half a sample at the end is left out.
            fresh: Whether it is heard for the first time for certain.
        """
        ends = self._ends
        if start > ends[channel] and start > ends[1 - channel]:
            self._fill(channel, start)
            ends = self._ends
        known, length = ends[channel], len(pcm)
        end = start + length // SAMPLE_BYTES
        if fresh and start < known:
            self._note_late(channel, start, min(end, known))
        if end > known:
            if start > known:
                self._pad(channel, start)
                known = start
            if start < known or length % SAMPLE_BYTES:
                pcm = pcm[(known - start) * SAMPLE_BYTES : (end - start) * SAMPLE_BYTES]
            self._pcm[channel].extend(pcm)
            ends[channel] = end
            if self._silence_left < MOST_SILENCE:
                self._silence_left = min(self._silence_left + end - known, MOST_SILENCE)
        self._awaited[channel] = True
        if end - ends[1 - channel] > SKEW:
            self._let_go(1 - channel, end)

    def take(self) -> list[StereoAudio]:
        """Return the audio that is complete, in order; positions that are skipped are a jump."""
        self._interleave()
        done, self._done = self._done, []
        return done

    def flush(self) -> list[StereoAudio]:
        """Return the rest: the track that ends first is silent to the end of the other."""
        end = max(self._ends)
        self._pad(0, end)
        self._pad(1, end)
        return self.take()

    def cut(self, ends: Sequence[int]) -> None:
        """Take back what has not been given out yet from these positions of the tracks on."""
        for channel, end in enumerate(ends):
            kept = max(end, self.position)
            if kept < self._ends[channel]:
                del self._pcm[channel][(kept - self.position) * SAMPLE_BYTES :]
                self._ends[channel] = kept

    def take_gaps(self) -> list[Gap]:
        """Return what came too late since the last time."""
        gaps, self._gaps = self._gaps, []
        return gaps

    def _fill(self, channel: int, start: int) -> None:
        """Bring both tracks to a place beyond all that there is of either."""
        hole = start - max(self._ends)
        if hole > min(LONGEST_SILENCE, self._silence_left):
            self._done = self.flush()
            self.position = start
            self._ends = [start] * len(self._ends)
            return
        self._silence_left -= hole
        self._pad(channel, start)
        self._pad(1 - channel, start - SKEW)

    def _let_go(self, channel: int, end: int) -> None:
        """Give up waiting for a track that is too far behind the other."""
        if end - self._ends[channel] > (LONGEST_WAIT if self._awaited[channel] else SKEW):
            self._awaited[channel] = False
            self._pad(channel, end - SKEW)

    def _note_late(self, channel: int, start: int, end: int) -> None:
        start = max(start, self._beginning)
        if start < end:
            self._gaps.append(Gap(start=start, end=end, reason=GapReason.MISSING, channel=channel))

    def _pad(self, channel: int, end: int) -> None:
        missing = end - self._ends[channel]
        if missing > 0:
            self._pcm[channel].extend(bytes(missing * SAMPLE_BYTES))
            self._ends[channel] = end

    def _interleave(self) -> None:
        samples = min(self._ends) - self.position
        if samples <= 0:
            return
        self._done.append(StereoAudio(self.position, _interleaved(self._pcm, samples * SAMPLE_BYTES)))
        self.position += samples


def _interleaved(channels: Sequence[bytearray], length: int) -> bytes:
    stereo = bytearray(2 * length)
    for channel, pcm in enumerate(channels):
        for byte in range(SAMPLE_BYTES):
            stereo[SAMPLE_BYTES * channel + byte :: FRAME_BYTES] = pcm[byte:length:SAMPLE_BYTES]
        del pcm[:length]
    return bytes(stereo)
