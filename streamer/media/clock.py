"""The call's clock: the place of each block of a track, and what is missing between them.

A block's place is the one that its time gives it, as long as the producer's clock can be believed. A new block never
comes before what its track was heard to say already: it is placed right behind it, and a clock that has gone back by
more than `STEP` is taken to stay there. So nothing that is heard for the first time is ever dropped for its time.

What follows depends on the fragments and on `ClockState` alone. A reader that has the state from behind a fragment
gives everything after that fragment the place that the first reader gave it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from callscribe.live.call import CHANNEL_ROLES, SAMPLE_RATE, Gap, GapReason
from callscribe.live.gaps import merged

SAMPLES_PER_MS: Final = SAMPLE_RATE / 1000

JITTER: Final = SAMPLE_RATE * 20 // 1000
"""Samples by which the time of a block may differ from the end of the one before, within a fragment."""
STEP: Final = SAMPLE_RATE * 128 // 1000
"""Samples by which a track's times may go back and be caught up with; more is a clock that was set back."""
LONGEST_HOLE: Final = 4 * 3600 * SAMPLE_RATE
"""Samples that no call can be without; times that far ahead are a clock that was set forward."""
SMALLEST_GAP: Final = SAMPLE_RATE // 2
"""Samples that must be missing from all tracks to count as a gap. A fragment, which is stored whole or not at all,
lasts a second or more (Kinesis Video Streams Developer Guide, "Quotas"); Connect also cuts single blocks short."""
SMALLEST_GAP_OF_ONE: Final = SAMPLE_RATE
"""Samples that must be missing from one track, while there is audio of the other, to count as a gap of its channel."""

# Tracks of one producer are never further apart: it refuses frames of one when the other is some 60 frames behind
# (Amazon Kinesis Video Streams Producer SDK, frame order coordinator).
_APART: Final = 4 * SAMPLE_RATE
# Holes with less between them are one stretch of a bad line, if at least a tenth of it is missing.
_GOOD_RUN: Final = SAMPLE_RATE
_DENSITY: Final = 0.1
_MOST_STEPS: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStep:
    """A producer's clock that was set while the call was streamed.

    Attributes:
        fragment: Number of the fragment in which it was noticed; "" where it has none.
        position: Place of the first audio with the new times.
        milliseconds: How far the clock was set back; less than 0 where it was set forward.
    """

    fragment: str
    position: int
    milliseconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockState:
    """What the places of all later audio depend on.

    Attributes:
        ends: Position after what was heard of each track; `None` where it was never heard, or that is not known.
        shift: Samples by which places are later than the producer's times say.
    """

    ends: tuple[int | None, ...] = (None,) * len(CHANNEL_ROLES)
    shift: int = 0

    @property
    def end(self) -> int | None:
        """Position after what was heard of any track; `None` where that is not known."""
        return max((end for end in self.ends if end is not None), default=None)


class CallClock:
    """Places blocks, and finds what is missing.

    Args:
        origin_ms: Time of position 0, milliseconds since 1970; by default that of the first block.
        position: Where the audio of interest begins; nothing before it is told to be missing.
        state: Where an earlier reader has come to.
        steps: What earlier readers have found.

    Attributes:
        origin_ms: The same; `None` before the first block.
        steps: Where the producer's clock was found to have been set; the first ones.
    """

    def __init__(
        self,
        *,
        origin_ms: int | None = None,
        position: int = 0,
        state: ClockState | None = None,
        steps: Sequence[ClockStep] = (),
    ) -> None:
        self.origin_ms = origin_ms
        self.steps = list(steps)
        self._position = position
        self._gaps: list[Gap] = []
        self._fragments: list[str | None] = [None] * len(CHANNEL_ROLES)
        self._session = b""
        self._holes = [_Holes(SMALLEST_GAP_OF_ONE, channel) for channel in range(len(CHANNEL_ROLES))]
        self._holes_of_all = _Holes(SMALLEST_GAP, None)
        self._damage = 0
        self._damaged = [False] * len(CHANNEL_ROLES)
        self.restore(state or ClockState())

    @property
    def state(self) -> ClockState:
        """What the places of all later audio depend on."""
        return ClockState(ends=tuple(self._ends), shift=self._shift)

    @property
    def end(self) -> int:
        """Position after what was heard of any track; before anything was, where the audio of interest begins."""
        return self._covered

    def restore(self, state: ClockState) -> None:
        """Go back to an earlier state."""
        self._ends = list(state.ends)
        self._shift = state.shift
        self._covered = self._position if state.end is None else state.end

    def place(
        self, channel: int, ms: float, samples: int, *, fragment: str, session: bytes = b"", fresh: bool = True
    ) -> int:
        """Return the position of a block's first sample.

        Args:
            channel: 0 or 1.
            ms: Time of it, milliseconds since 1970.
            samples: How many the block has.
            fragment: Names its fragment.
            session: Names the producer's session, each of which may have a clock of its own.
            fresh: Whether it is heard for the first time for certain. Otherwise a block from before what was heard is
                taken for a repetition, and nothing changes.
        """
        if self.origin_ms is None:
            self.origin_ms = round(ms)
        told = self.by_time(ms)
        end = self._ends[channel]
        if end is not None and fragment == self._fragments[channel] and abs(told - end) <= JITTER and not self._damage:
            start = end  # nearly always
        elif not fresh and end is not None and told < end:
            return told
        else:
            start = self._place(channel, told, fragment)
            self._find_holes(channel, start, told=start == told and session == self._session)
            self._session = session
            self._fragments[channel] = fragment
        end = start + samples
        self._ends[channel] = end
        if end > self._covered:
            self._covered = end
        return start

    def by_time(self, ms: float) -> int:
        """Return the position that a time alone would have now."""
        return round((ms - (self.origin_ms or 0)) * SAMPLES_PER_MS) + self._shift

    def time_of(self, position: int) -> float:
        """Return what the producer's clock, as it goes now, shows at a position; milliseconds since 1970."""
        return (self.origin_ms or 0) + (position - self._shift) / SAMPLES_PER_MS

    def note_damage(self, samples: int) -> None:
        """Note that what comes next in the stream cannot be read.

        Args:
            samples: About how many of each track that is so far. Where the times around it tell, they count.
        """
        self._damage = max(self._damage, samples, 1)
        self._damaged = [True] * len(CHANNEL_ROLES)

    def note_unidentified(self, samples: int) -> None:
        """Note that what comes next is audio of which nothing says whose it is."""
        self._note(Gap(start=self._covered, end=self._covered + samples, reason=GapReason.UNIDENTIFIED))

    def finish(self) -> None:
        """Note what is missing at the end: of a track that ends before the other, and of what cannot be read."""
        if self._damage:
            self._note(Gap(start=self._covered, end=self._covered + self._damage, reason=GapReason.UNREADABLE))
            self._damage = 0
        for channel, end in enumerate(self._ends):
            if end is not None and end < self._covered:
                self._note(self._holes[channel].add(end, self._covered))

    def take_gaps(self) -> list[Gap]:
        """Return what was found missing since the last time."""
        gaps, self._gaps = self._gaps, []
        return list(merged(gaps)) if gaps else gaps

    def _place(self, channel: int, start: int, fragment: str) -> int:
        """Return where a block belongs whose time gives it a place that may be in what was heard."""
        end, heard = self._ends[channel], self.state.end
        earliest = heard if heard is not None and start < heard - _APART else end
        if earliest is not None and start < earliest:
            if earliest - start > STEP:
                self._step(earliest - start, at=earliest, fragment=fragment)
            return earliest
        if heard is not None and start - heard > LONGEST_HOLE:
            self._step(heard - start, at=heard, fragment=fragment)
            return heard
        return start

    def _step(self, samples: int, *, at: int, fragment: str) -> None:
        self._shift += samples
        if len(self.steps) < _MOST_STEPS and not any(step.fragment == fragment for step in self.steps):
            self.steps.append(ClockStep(fragment=fragment, position=at, milliseconds=samples / SAMPLES_PER_MS))

    def _find_holes(self, channel: int, start: int, *, told: bool) -> None:
        """Compare a block's place with the end of what was heard before it.

        Args:
            channel: The block's.
            start: Its place.
            told: Whether the same clock tells the places of both.
        """
        end, covered = self._ends[channel], self._covered
        if self._damage:
            length = max(0 if told else self._damage, start - covered)
            if length > 0:
                begin = min((one for one in self._ends if one is not None), default=covered)
                self._note(Gap(start=begin, end=covered + length, reason=GapReason.UNREADABLE))
            self._damage = 0
        elif start > covered:
            self._note(self._holes_of_all.add(covered, start))
        if end is not None and start > end:
            if self._damaged[channel]:
                self._note(Gap(start=end, end=start, reason=GapReason.UNREADABLE, channel=channel))
            else:
                self._note(self._holes[channel].add(end, start))
        self._damaged[channel] = False

    def _note(self, gap: Gap | None) -> None:
        if gap is not None and gap.end > self._position:
            self._gaps.append(replace(gap, start=max(gap.start, self._position)))


class _Holes:
    """Adds up the holes of a bad line: many short ones close together are a gap as one long one is.

    Args:
        threshold: Samples that must be missing.
        channel: Whose they are.
    """

    def __init__(self, threshold: int, channel: int | None) -> None:
        self._threshold = threshold
        self._channel = channel
        self._start = self._end = self._missing = 0

    def add(self, start: int, end: int) -> Gap | None:
        """Take a hole, later than all before it, and return the gap that there is now, as far as it goes."""
        missing = self._missing + end - start
        if start - self._end > _GOOD_RUN or missing < _DENSITY * (end - self._start):
            self._start, missing = start, end - start
        self._end, self._missing = end, missing
        if missing < self._threshold:
            return None
        return Gap(start=self._start, end=end, reason=GapReason.MISSING, channel=self._channel)
