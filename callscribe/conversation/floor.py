"""Who has the floor: words with their voices and times, put together to what each voice says in one go."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from operator import attrgetter
from typing import Final, NamedTuple

from callscribe.conversation.backchannels import Backchannel, backchannel
from callscribe.conversation.phrases import spoken
from callscribe.recognition import UTTERANCE_GAP_SECONDS

LONGEST_PAUSE_SECONDS: Final = 2.5
"""A speaker who pauses for longer begins another turn, even where nobody else speaks."""

MOST_WORDS: Final = 400
"""A turn of so many words ends with the next sentence, or a hundred words later: nobody talks for longer in one go, and
what is searched stays bounded."""

_SENTENCE_WORDS: Final = 100
_QUESTION_WORDS: Final = 15
_BACKCHANNEL_WORDS: Final = 5
_SENTENCE_END: Final = (".", "?", "!")
# The times of two channels come from two recognitions.
_TOLERANCE_SECONDS: Final = 0.1


class Unit(NamedTuple):
    """A word, or an utterance whose words are not known.

    Attributes:
        start: where it begins, in seconds.
        end: where it ends, in seconds.
        channel: audio channel.
        speaker: whose it is.
        text: what is said.
        utterance: index of its utterance.
        word: index within the utterance; None for an utterance whose words are not known.
    """

    start: float
    end: float
    channel: int
    speaker: str
    text: str
    utterance: int
    word: int | None


def spoken_in_one_go(units: Iterable[Unit]) -> Iterator[list[Unit]]:
    """Put words together to turns.

    A speaker's words are one turn across pauses of up to `LONGEST_PAUSE_SECONDS`, unless somebody else takes the floor
    in between. A backchannel does not take it, but for an acknowledgement after a sentence that is finished, and
    anything after a question: those are answers.

    Args:
        units: the words, those of a channel in order of time.

    Returns:
        Every word in exactly one turn; the turns in no order.
    """
    by_channel: dict[int, list[Unit]] = {}
    for unit in units:
        by_channel.setdefault(unit.channel, []).append(unit)
    channels = {channel: _runs(sorted(said, key=attrgetter("start", "end"))) for channel, said in by_channel.items()}
    split = {
        channel: _split(runs, [run for other in channels if other != channel for run in channels[other]])
        for channel, runs in channels.items()
    }
    for channel, runs in split.items():
        others = [_Timeline(split[other]) for other in split if other != channel]
        for turn in _joined(runs, others):
            yield from _bounded(turn)


class _Run(NamedTuple):
    """Words of one speaker without a pause, with no other speaker's of the same channel between them."""

    units: list[Unit]
    start: float
    end: float
    kind: Backchannel | None

    @property
    def speaker(self) -> str:
        return self.units[0].speaker


def _run(units: list[Unit]) -> _Run:
    end = max(unit.end for unit in units)
    short = len(units) <= _BACKCHANNEL_WORDS
    kind = backchannel(" ".join(unit.text for unit in units)) if short else None
    return _Run(units, units[0].start, end, kind)


def _runs(units: Sequence[Unit]) -> list[_Run]:
    runs: list[list[Unit]] = []
    reach = 0.0
    for unit in units:
        if runs and runs[-1][-1].speaker == unit.speaker and unit.start - reach < UTTERANCE_GAP_SECONDS:
            runs[-1].append(unit)
            reach = max(reach, unit.end)
        else:
            runs.append([unit])
            reach = unit.end
    return [_run(run) for run in runs]


def _split(runs: Sequence[_Run], others: Iterable[_Run]) -> list[_Run]:
    """Cut a channel's runs where somebody on another channel takes the floor in a pause too short to end a run."""
    units = [unit for run in runs for unit in run.units]
    starts = [unit.start for unit in units]
    last_of_run = set(accumulate(len(run.units) for run in runs))
    cuts = set(last_of_run)
    for other in others:
        after = bisect_right(starts, (other.start + other.end) / 2)
        if not 0 < after < len(units) or after in last_of_run:
            continue
        before, behind = units[after - 1], units[after]
        in_the_pause = (
            before.end <= (other.start + other.end) / 2
            and before.end <= other.start + _TOLERANCE_SECONDS
            and behind.start >= other.end - _TOLERANCE_SECONDS
        )
        if in_the_pause and _takes_floor(other.kind, units[max(0, after - _QUESTION_WORDS) : after]):
            cuts.add(after)
    if len(cuts) == len(runs):
        return list(runs)
    return [_run(units[begin:end]) for begin, end in pairwise([0, *sorted(cuts)])]


def _takes_floor(kind: Backchannel | None, before: Sequence[Unit]) -> bool:
    """Whether what is said takes the floor from the speaker of the words before it."""
    return kind is None or kind in _answers(before)


def _answers(before: Sequence[Unit]) -> frozenset[Backchannel]:
    """The backchannels that would be answers to these last words of a speaker."""
    last = before[-1].text
    if last.endswith("?") or (not last.endswith((*_SENTENCE_END, ",")) and _asks(before)):
        return frozenset(Backchannel)
    if last.endswith(_SENTENCE_END):
        return frozenset({Backchannel.ACKNOWLEDGEMENT})
    return frozenset()


def _asks(before: Sequence[Unit]) -> bool:
    """Whether words without punctuation at their end are a question, by their order."""
    said: list[str] = []
    for unit in reversed(before[-_QUESTION_WORDS:]):
        if unit.text.endswith(_SENTENCE_END):
            break
        said.append(unit.text)
    return spoken(" ".join(reversed(said))).question


class _Timeline:
    """A channel's runs, to be asked whether one of certain kinds lies in a pause of another channel."""

    def __init__(self, runs: Sequence[_Run]) -> None:
        self._by_kind = {
            kind: (
                [run.start for run in same],
                list(accumulate((run.end for run in same), max)),
            )
            for kind in (None, *Backchannel)
            if (same := [run for run in runs if run.kind is kind])
        }

    def kinds_in(self, start: float, end: float) -> Iterator[Backchannel | None]:
        """The kinds of runs that lie in a stretch of time, or reach into it."""
        for kind, (starts, ends) in self._by_kind.items():
            before = bisect_left(starts, end)
            if before and ends[before - 1] > start:
                yield kind


@dataclass(slots=True)
class _Latest:
    """Where runs of each kind were last, by the two speakers who had them last."""

    places: dict[Backchannel | None, list[tuple[int, str]]] = field(default_factory=dict)

    def add(self, run: _Run, index: int) -> None:
        others = [place for place in self.places.get(run.kind, []) if place[1] != run.speaker]
        self.places[run.kind] = [(index, run.speaker), *others[:1]]

    def kinds_since(self, index: int, speaker: str) -> Iterator[Backchannel | None]:
        """The kinds of runs that others had behind a run of a speaker."""
        for kind, places in self.places.items():
            if any(place > index and other != speaker for place, other in places):
                yield kind


def _joined(runs: Sequence[_Run], others: Sequence[_Timeline]) -> Iterator[list[Unit]]:
    """Join each speaker's runs across pauses in which nobody else takes the floor."""
    turns: dict[str, list[Unit]] = {}
    last: dict[str, tuple[int, float]] = {}
    latest = _Latest()
    for index, run in enumerate(runs):
        turn = turns.get(run.speaker)
        if turn is not None:
            since, reach = last[run.speaker]
            between = {*latest.kinds_since(since, run.speaker)}
            for timeline in others:
                between.update(timeline.kinds_in(reach, run.start))
            pause = run.start - reach
            if pause > LONGEST_PAUSE_SECONDS or (between and (None in between or between & _answers(turn))):
                yield turn
                turn = None
        if turn is None:
            turns[run.speaker] = turn = []
            last[run.speaker] = index, run.end
        turn.extend(run.units)
        last[run.speaker] = index, max(last[run.speaker][1], run.end)
        latest.add(run, index)
    yield from turns.values()


def _bounded(turn: list[Unit]) -> Iterator[list[Unit]]:
    """Cut what has more words than a turn can have."""
    words, begin = 0, 0
    for index, unit in enumerate(turn):
        words += 1 if unit.word is not None else 1 + unit.text.count(" ")
        full = words >= MOST_WORDS and unit.text.endswith(_SENTENCE_END)
        if full or words >= MOST_WORDS + _SENTENCE_WORDS:
            yield turn[begin : index + 1]
            words, begin = 0, index + 1
    if begin < len(turn):
        yield turn[begin:]
