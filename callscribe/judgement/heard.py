"""A call as criteria hear it: its turns, their sentences, who speaks when, and the pauses."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from re import Pattern

from callscribe.conversation.roles import RoleMethod
from callscribe.conversation.utterances import Role
from callscribe.judgement.cues import Cues
from callscribe.judgement.sentences import Sentence, Words, sentences
from callscribe.recognition import UTTERANCE_GAP_SECONDS
from callscribe.transcript import Transcript, Turn

_CUSTOMER = (Role.CUSTOMER, Role.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Place:
    """Words of the call: a turn and, where it is not all of it, the words."""

    turn: int
    words: Words | None = None

    def within(self, other: "Place") -> bool:
        """Whether all of it is part of another place."""
        if self.turn != other.turn or other.words is None:
            return self.turn == other.turn
        return self.words is not None and other.words.first <= self.words.first and self.words.last <= other.words.last


@dataclass(frozen=True, slots=True)
class Stretch:
    """Time in which one turn is spoken without a pause, in seconds from the beginning of the recording."""

    start: float
    end: float
    turn: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Time in which nobody speaks, between two turns, or within one."""

    seconds: float
    start: float
    before: int
    after: int


class Call:
    """A transcript, prepared for judging.

    Args:
        transcript: the call.
        cues: what is listened for.
    """

    def __init__(self, transcript: Transcript, cues: Cues) -> None:
        self.turns: tuple[Turn, ...] = transcript.turns_spoken()
        self.cues = cues
        self.separate_channels = transcript.roles.method is RoleMethod.CHANNEL
        self.seconds = transcript.duration_seconds
        self._flags = {flag.name: flag for flag in transcript.summary.flags}
        self._sentences: dict[int, list[Sentence]] = {}

    def sentences(self, turn: int) -> Sequence[Sentence]:
        """The sentences of a turn."""
        if turn not in self._sentences:
            self._sentences[turn] = sentences(self.turns[turn].text, self.cues["opens-question"])
        return self._sentences[turn]

    @cached_property
    def agent(self) -> Sequence[int]:
        """Indexes of the agent's turns."""
        return [index for index, turn in enumerate(self.turns) if turn.role is Role.AGENT]

    @cached_property
    def customer(self) -> Sequence[int]:
        """Indexes of the turns of the customer, and of whoever is not known."""
        return [index for index, turn in enumerate(self.turns) if turn.role in _CUSTOMER]

    def of(self, speaker: str) -> Sequence[int]:
        """Indexes of the turns of `agent`, `customer` (or unknown) or `anyone`; an announcement is nobody's."""
        if speaker == "anyone":
            return sorted((*self.agent, *self.customer))
        return self.agent if speaker == "agent" else self.customer

    def agent_after(self, turn: int, most: int) -> Sequence[int]:
        """The agent's next turns."""
        first = bisect_right(self.agent, turn)
        return self.agent[first : first + most]

    def customer_after(self, turn: int, most: int) -> Sequence[int]:
        """The customer's next turns."""
        first = bisect_right(self.customer, turn)
        return self.customer[first : first + most]

    def agent_before(self, turn: int, most: int) -> Sequence[int]:
        """The agent's last turns up to this one."""
        after = bisect_right(self.agent, turn)
        return self.agent[max(0, after - most) : after]

    def customer_before(self, turn: int) -> Sequence[int]:
        """The customer's last turn up to this one, if there is one."""
        after = bisect_right(self.customer, turn)
        return self.customer[max(0, after - 1) : after]

    def find(
        self, turns: Iterable[int], pattern: Pattern[str], *, unless: Pattern[str] | None = None
    ) -> Iterator[Place]:
        """Where an expression is said and meant, in the order of the turns.

        Args:
            turns: indexes of turns.
            pattern: the expression.
            unless: what must not be in the same sentence.
        """
        for turn in turns:
            for sentence in self.sentences(turn):
                if unless is not None and unless.search(sentence.text) is not None:
                    continue
                for match in sentence.affirmed(pattern):
                    yield Place(turn, sentence.place(match))

    def says(self, turn: int, pattern: Pattern[str]) -> bool:
        """Whether an expression is in a turn, negated or not."""
        return any(pattern.search(sentence.text) is not None for sentence in self.sentences(turn))

    def where(self, turn: int, holds: Callable[[Sentence], bool]) -> Iterator[Place]:
        """The sentences of a turn for which something holds."""
        return (Place(turn, sentence.whole) for sentence in self.sentences(turn) if holds(sentence))

    def raised(self, flag: str) -> set[int]:
        """Turns whose words raised a flag, as far as its evidence quotes them."""
        found = self._flags.get(flag)
        return set() if found is None else {one.quote.turn for one in found.evidence if one.quote is not None}

    def is_raised(self, flag: str) -> bool:
        """Whether a flag is raised."""
        found = self._flags.get(flag)
        return found is not None and found.raised

    @cached_property
    def stretches(self) -> Sequence[Stretch]:
        """When the turns are spoken, in order of their beginnings; a pause for breath ends none of them."""
        found = (stretch for index in range(len(self.turns)) for stretch in self._stretches(index))
        return sorted(found, key=lambda stretch: (stretch.start, stretch.end))

    def _stretches(self, index: int) -> Iterator[Stretch]:
        turn = self.turns[index]
        words = turn.words or ()
        if not words:
            yield Stretch(turn.start, turn.end, index)
            return
        start, end = words[0].start, words[0].end
        for word in words[1:]:
            if word.start - end >= UTTERANCE_GAP_SECONDS:
                yield Stretch(start, end, index)
                start = word.start
            end = max(end, word.end)
        yield Stretch(start, end, index)

    def talk_seconds(self, turns: Iterable[int]) -> float:
        """Seconds in which these turns are spoken."""
        wanted = set(turns)
        return sum(stretch.end - stretch.start for stretch in self.stretches if stretch.turn in wanted)

    @cached_property
    def pauses(self) -> Sequence[Pause]:
        """Where nobody speaks, in order."""
        found = []
        latest: Stretch | None = None
        for stretch in self.stretches:
            if latest is not None and stretch.start > latest.end:
                found.append(Pause(stretch.start - latest.end, latest.end, latest.turn, stretch.turn))
            if latest is None or stretch.end > latest.end:
                latest = stretch
        return found

    def span(self) -> float:
        """Seconds from the first word to the last."""
        if not self.stretches:
            return 0.0
        return max(stretch.end for stretch in self.stretches) - self.stretches[0].start

    def floor_taken(self, *, least: float) -> list[int]:
        """The agent's turns that take the floor from a speaking customer.

        Such a turn begins while the customer speaks, who has spoken for `least` seconds and stops because of it, less
        than what the agent says later. What only acknowledges takes no floor, and nor does what the customer talks on
        over.

        Args:
            least: seconds that the customer spoke before, and would have had to go on for, to be interrupted.
        """
        theirs = self._joined(self.customer)
        starts = [start for start, _, _ in theirs]
        taken = []
        for index in self.agent:
            turn = self.turns[index]
            place = bisect_right(starts, turn.start) - 1
            if place < 0 or turn.backchannel:
                continue
            start, end, last = theirs[place]
            left = 0.2 if self._breaks_off(last) else least
            if start + least <= turn.start <= end - left and end <= turn.end:
                taken.append(index)
        return taken

    def _joined(self, turns: Sequence[int]) -> list[tuple[float, float, int]]:
        """When a party speaks without a pause, over all of its turns, and the last of these turns."""
        wanted = set(turns)
        found: list[tuple[float, float, int]] = []
        for stretch in self.stretches:
            if stretch.turn not in wanted:
                continue
            if found and stretch.start - found[-1][1] < UTTERANCE_GAP_SECONDS:
                found[-1] = (found[-1][0], max(found[-1][1], stretch.end), stretch.turn)
            else:
                found.append((stretch.start, stretch.end, stretch.turn))
        return found

    def _breaks_off(self, turn: int) -> bool:
        said = self.sentences(turn)
        return bool(said) and self.cues["breaks-off"].search(said[-1].text) is not None


def longest(pauses: Sequence[Pause]) -> Pause | None:
    """The longest of the pauses."""
    return max(pauses, key=lambda pause: pause.seconds, default=None)
