"""Two tracks of mono audio become one stereo stream on the call's clock.

Every sample has the place that the time of its block gives it, never the place that the audio before it would leave
free: a reader that begins elsewhere in the stream puts the same sample at the same position.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from transcription.live_call import SAMPLE_RATE, Gap, GapReason

SAMPLE_BYTES: Final = 2
FRAME_BYTES: Final = 2 * SAMPLE_BYTES

SKEW: Final = SAMPLE_RATE * 128 // 1000
"""Samples by which a track may lag behind the other before silence takes its place."""
JITTER: Final = SAMPLE_RATE * 20 // 1000
"""Samples by which the time of a block may differ from the end of the one before, within a fragment."""
SMALLEST_GAP: Final = SAMPLE_RATE // 2
"""Samples that must be missing from all tracks to count as a gap. A fragment, which is stored whole or not at all,
lasts a second or more (Kinesis Video Streams Developer Guide, "Quotas"); Connect also cuts single blocks short."""
LONGEST_SILENCE: Final = SAMPLE_RATE * 10
"""Samples that are filled with silence where the stream has none; where more is missing, the audio jumps."""


@dataclass(frozen=True, slots=True)
class StereoAudio:
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

    Audio that was given out is never given out again, and what arrives for a position that has passed is dropped.

    Args:
        position: Where the audio given out begins.
    """

    def __init__(self, position: int = 0) -> None:
        self.position = position
        self._ends = [position, position]
        self._pcm = (bytearray(), bytearray())
        self._fragment: list[int | None] = [None, None]
        self._expected = [0, 0]
        self._covered = position
        self._done: list[StereoAudio] = []
        self._gaps: list[Gap] = []

    def push(self, channel: int, start: int, pcm: bytes, fragment: int) -> int:
        """Place a block.

        Args:
            channel: 0 or 1.
            start: Position of its first sample by its time; what lies before the beginning is dropped.
            pcm: Its samples. Half a sample at the end is dropped.
            fragment: Any number that differs from that of the fragment before.

        Returns:
            Position after its last sample.
        """
        if fragment == self._fragment[channel] and abs(start - self._expected[channel]) <= JITTER:
            start = self._expected[channel]
        self._fragment[channel] = fragment
        end = start + len(pcm) // SAMPLE_BYTES
        self._expected[channel] = end
        if start - self._covered >= SMALLEST_GAP:
            self._gaps.append(Gap(start=self._covered, end=start, reason=GapReason.MISSING))
        if end > self._covered:
            self._covered = end
        if start - max(self._ends) > LONGEST_SILENCE:
            self._jump(start)
        known = self._ends[channel]
        if end > known:
            if start > known:
                self._pad(channel, start)
                known = start
            self._pcm[channel].extend(pcm[(known - start) * SAMPLE_BYTES : (end - start) * SAMPLE_BYTES])
            self._ends[channel] = end
            if end - SKEW > self._ends[1 - channel]:
                self._pad(1 - channel, end - SKEW)
        return end

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

    def take_gaps(self) -> list[Gap]:
        """Return what was found missing since the last time."""
        gaps, self._gaps = self._gaps, []
        return gaps

    def _jump(self, position: int) -> None:
        self._done = self.flush()
        self.position = position
        self._ends = [position, position]

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
    stereo = array("h", bytes(2 * length))
    for channel, pcm in enumerate(channels):
        stereo[channel::2] = array("h", pcm[:length])
        del pcm[:length]
    return stereo.tobytes()
