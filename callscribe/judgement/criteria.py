"""The kinds of criteria a rubric can use, each with its own settings and its own way to judge a call.

Every criterion awards points by rule, names the utterances that decided and gives a machine-readable reason. What
cannot be judged in a call is not applicable, and its points do not count.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from re import Pattern
from typing import Final, Protocol, TypeAlias

import msgspec

from callscribe.conversation.phrases import Spoken, phrase, spoken
from callscribe.conversation.roles import RoleMethod
from callscribe.conversation.utterances import Role, Utterance
from callscribe.recognition import SentimentLabel
from callscribe.transcript import Transcript

SPEAKERS: Final = {"agent": (Role.AGENT,), "customer": (Role.CUSTOMER, Role.UNKNOWN), "anyone": tuple(Role)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a criterion found.

    Attributes:
        applicable: False leaves the criterion's points out of the maximum.
        points: points awarded.
        evidence: indexes of the utterances that decided, in order.
        reason: machine-readable reason.
        measures: figures the points came from.
    """

    applicable: bool = True
    points: float = 0.0
    evidence: tuple[int, ...] = ()
    reason: str
    measures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pause:
    """A stretch in which nobody speaks, between two utterances."""

    seconds: float
    before: int
    after: int


class Call:
    """A transcript, prepared for judging."""

    def __init__(self, transcript: Transcript) -> None:
        self.utterances: Sequence[Utterance] = transcript.utterances
        self.speech: Sequence[Spoken] = [spoken(utterance.text) for utterance in self.utterances]
        self.separate_channels = transcript.roles.method is RoleMethod.CHANNEL
        self.seconds = transcript.duration_seconds
        self.pauses = tuple(_pauses(self.utterances))

    def turns(self, speaker: str) -> list[int]:
        """Indexes of the utterances of `agent`, `customer` (or unknown) or `anyone`."""
        return [index for index, said in enumerate(self.utterances) if said.role in SPEAKERS[speaker]]

    def saying(self, turns: Sequence[int], expressions: tuple[str, ...]) -> list[int]:
        """Those of the utterances in which one of the expressions was said."""
        pattern = _any_of(expressions)
        return [index for index in turns if pattern.search(self.speech[index].text)]

    def span(self) -> float:
        """Seconds from the first word to the last."""
        if not self.utterances:
            return 0.0
        return max(said.end for said in self.utterances) - self.utterances[0].start

    def talk_seconds(self, turns: Sequence[int]) -> float:
        """Seconds these utterances take together."""
        return sum(self.utterances[index].end - self.utterances[index].start for index in turns)


def _pauses(utterances: Sequence[Utterance]) -> Iterator[Pause]:
    latest = 0
    for index in range(1, len(utterances)):
        gap = utterances[index].start - utterances[latest].end
        if gap > 0:
            yield Pause(gap, latest, index)
        if utterances[index].end > utterances[latest].end:
            latest = index


@cache
def _any_of(expressions: tuple[str, ...]) -> Pattern[str]:
    return phrase("|".join(f"(?:{expression})" for expression in expressions))


def _graded(value: float, *, full: float, zero: float) -> float:
    """1 at `full`, 0 at `zero`, straight between and constant beyond."""
    return min(1.0, max(0.0, (value - zero) / (full - zero)))


class Criterion(Protocol):
    """What the kinds have in common."""

    @property
    def id(self) -> str:
        """Name within the rubric."""

    @property
    def title(self) -> str:
        """Name for people."""

    @property
    def points(self) -> float:
        """Most that can be awarded."""

    def check(self) -> None:
        """Raise ValueError where the settings make no sense."""

    def judge(self, call: Call) -> Finding:
        """Judge a call in which an agent speaks."""


class _Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """What makes a class a kind of criterion."""


def _check(*, sensible: bool, message: str) -> None:
    if not sensible:
        raise ValueError(message)


def _check_expressions(expressions: tuple[str, ...]) -> None:
    _check(sensible=bool(expressions), message="needs at least one expression")
    for expression in expressions:
        phrase(expression)


class PhrasePart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing to be said.

    Attributes:
        id: name within the criterion.
        points: points it is worth.
        speaker: who has to say it: `agent`, `customer` or `anyone`.
        first: only the first so many utterances of the speaker count; 0 for all.
        last: only the last so many utterances of the speaker count; 0 for all.
        any: expressions, one of which has to be said.
    """

    id: str
    points: float
    speaker: str
    first: int
    last: int
    any: tuple[str, ...]


class Phrases(_Kind, frozen=True, kw_only=True, tag="phrases"):
    """Things that have to be said, each worth its own points."""

    id: str
    title: str
    parts: tuple[PhrasePart, ...]

    @property
    def points(self) -> float:
        """Points of all parts."""
        return sum(part.points for part in self.parts)

    def check(self) -> None:
        """Raise ValueError where the settings make no sense."""
        for part in self.parts:
            _check(
                sensible=part.speaker in SPEAKERS, message=f"{part.id}: speaker must be one of {', '.join(SPEAKERS)}"
            )
            _check(sensible=part.points > 0, message=f"{part.id}: points must be above 0")
            _check(
                sensible=part.first >= 0 and part.last >= 0, message=f"{part.id}: first and last must not be negative"
            )
            _check_expressions(part.any)

    def judge(self, call: Call) -> Finding:
        """Award the points of each part that was said."""
        points = 0.0
        evidence: set[int] = set()
        missing = []
        for part in self.parts:
            turns = call.turns(part.speaker)
            turns = turns[: part.first or None]
            turns = turns[-part.last :] if part.last else turns
            found = call.saying(turns, part.any)
            if found:
                points += part.points
                evidence.add(found[0])
            else:
                missing.append(part.id)
        reason = f"missing:{','.join(missing)}" if missing else "complete"
        return Finding(points=points, evidence=tuple(sorted(evidence)), reason=reason)


class Questions(_Kind, frozen=True, kw_only=True, tag="questions"):
    """The agent asks to understand; `full` questions earn all points, fewer their share."""

    id: str
    title: str
    points: float
    full: int

    def check(self) -> None:
        """Raise ValueError where the settings make no sense."""
        _check(sensible=self.full > 0, message="full must be above 0")

    def judge(self, call: Call) -> Finding:
        """Count the agent's questions."""
        asked = [index for index in call.turns("agent") if call.speech[index].question]
        share = min(1.0, len(asked) / self.full)
        reason = "asked-enough" if share == 1 else "asked-too-little"
        return Finding(
            points=self.points * share, evidence=tuple(asked), reason=reason, measures={"questions": len(asked)}
        )


class TalkShare(_Kind, frozen=True, kw_only=True, tag="talk-share"):
    """The agent's share of the talking: full points from `full_from` to `full_to`, none at `zero_at` or `zero_from`."""

    id: str
    title: str
    points: float
    zero_at: float
    full_from: float
    full_to: float
    zero_from: float

    def check(self) -> None:
        """Raise ValueError where the settings make no sense."""
        _check(
            sensible=0 <= self.zero_at < self.full_from <= self.full_to < self.zero_from <= 1,
            message="needs 0 <= zero_at < full_from <= full_to < zero_from <= 1",
        )

    def judge(self, call: Call) -> Finding:
        """Compare the agent's talking with all talking."""
        others = [index for index, said in enumerate(call.utterances) if said.role is not Role.AGENT]
        total = call.talk_seconds(range(len(call.utterances)))
        if not others or total == 0:
            return Finding(applicable=False, reason="nobody-else-spoke")
        share = call.talk_seconds(call.turns("agent")) / total
        points = self.points * min(
            _graded(share, full=self.full_from, zero=self.zero_at),
            _graded(share, full=self.full_to, zero=self.zero_from),
        )
        reason = "too-little" if share < self.full_from else "too-much" if share > self.full_to else "balanced"
        return Finding(points=points, reason=reason, measures={"agent_share": round(share, 4)})


class Silence(_Kind, frozen=True, kw_only=True, tag="silence"):
    """The share of the conversation in which nobody speaks: full points up to `full_to`, none from `zero_from`."""

    id: str
    title: str
    points: float
    full_to: float
    zero_from: float

    def check(self) -> None:
        """Raise ValueError where the settings make no sense."""
        _check(sensible=0 <= self.full_to < self.zero_from <= 1, message="needs 0 <= full_to < zero_from <= 1")

    def judge(self, call: Call) -> Finding:
        """Add up the pauses between the first word and the last."""
        span = call.span()
        if len(call.utterances) < 2 or span == 0:
            return Finding(applicable=False, reason="no-conversation")
        share = sum(pause.seconds for pause in call.pauses) / span
        longest = max(call.pauses, key=lambda pause: pause.seconds, default=None)
        return Finding(
            points=self.points * _graded(share, full=self.full_to, zero=self.zero_from),
            evidence=(longest.before, longest.after) if longest else (),
            reason="flowing" if share <= self.full_to else "too-silent",
            measures={
                "silence_share": round(share, 4),
                "longest_silence_seconds": round(longest.seconds, 2) if longest else 0.0,
            },
        )


class Holds(_Kind, frozen=True, kw_only=True, tag="holds"):
    """Pauses from `seconds` are announced, in one of the agent's last `look_back` utterances before them."""

    id: str
    title: str
    points: float
    seconds: float
    look_back: int
    any: tuple[str, ...]

    def check(self) -> None:
        """Raise ValueError where the settings make no sense."""
        _check(sensible=self.seconds > 0 and self.look_back > 0, message="seconds and look_back must be above 0")
        _check_expressions(self.any)

    def judge(self, call: Call) -> Finding:
        """Look for the announcement of each long pause."""
        long = [pause for pause in call.pauses if pause.seconds >= self.seconds]
        if not long:
            return Finding(applicable=False, reason="no-long-pause")
        agent = call.turns("agent")
        evidence: set[int] = set()
        announced = 0
        for pause in long:
            recent = agent[: bisect_right(agent, pause.before)][-self.look_back :]
            found = call.saying(recent, self.any)
            announced += bool(found)
            evidence.update(found[-1:] or (pause.before, pause.after))
        return Finding(
            points=self.points * announced / len(long),
            evidence=tuple(sorted(evidence)),
            reason="announced" if announced == len(long) else "not-announced",
            measures={"long_pauses": len(long), "announced": announced},
        )


class Interruptions(_Kind, frozen=True, kw_only=True, tag="interruptions"):
    """The agent lets the customer finish.

    An interruption is an agent's utterance that begins while the customer speaks, after the customer has had
    `seconds` and at least `seconds` before the customer ends. No points are left from `zero_from` of them in ten
    minutes; shorter calls count as `min_minutes`. Only separate channels show who speaks over whom.
    """

    id: str
    title: str
    points: float
    seconds: float
    zero_from: float
    min_minutes: float

    def check(self) -> None:
        """Raise ValueError where the settings make no sense."""
        _check(
            sensible=min(self.seconds, self.zero_from, self.min_minutes) > 0,
            message="seconds, zero_from and min_minutes must be above 0",
        )

    def judge(self, call: Call) -> Finding:
        """Count the interruptions."""
        if not call.separate_channels:
            return Finding(applicable=False, reason="one-channel")
        customer = call.turns("customer")
        if not customer:
            return Finding(applicable=False, reason="nobody-else-spoke")
        starts = [call.utterances[index].start for index in customer]
        cut_in = []
        for index in call.turns("agent"):
            begin = call.utterances[index].start
            # One speaker's utterances follow each other, so only the one before can still run.
            before = bisect_left(starts, begin) - 1
            if before >= 0:
                theirs = call.utterances[customer[before]]
                if theirs.start + self.seconds <= begin <= theirs.end - self.seconds:
                    cut_in.append(index)
        rate = 10 * len(cut_in) / max(self.min_minutes, call.seconds / 60)
        return Finding(
            points=self.points * _graded(rate, full=0, zero=self.zero_from),
            evidence=tuple(cut_in),
            reason="interrupted" if cut_in else "none",
            measures={"interruptions": len(cut_in), "per_ten_minutes": round(rate, 2)},
        )


class Empathy(_Kind, frozen=True, kw_only=True, tag="empathy"):
    """The agent answers trouble with a kind word.

    Trouble is a customer's utterance that was found negative, or one with an expression of `trouble`. Utterances of
    trouble without an agent's between them count as one. The answer counts in the agent's next `within` utterances.
    """

    id: str
    title: str
    points: float
    within: int
    trouble: tuple[str, ...]
    any: tuple[str, ...]

    def check(self) -> None:
        """Raise ValueError where the settings make no sense."""
        _check(sensible=self.within > 0, message="within must be above 0")
        _check_expressions(self.trouble)
        _check_expressions(self.any)

    def judge(self, call: Call) -> Finding:
        """Look for an answer to each trouble."""
        customer = call.turns("customer")
        named = set(call.saying(customer, self.trouble))
        troubled = [index for index in customer if index in named or _negative(call.utterances[index])]
        if not troubled:
            return Finding(applicable=False, reason="no-trouble")
        agent = call.turns("agent")
        answers: dict[int, tuple[int, list[int]]] = {}
        for index in troubled:
            position = bisect_right(agent, index)
            answers[position] = (index, call.saying(agent[position : position + self.within], self.any))
        kind = sum(1 for _, found in answers.values() if found)
        evidence = {turn for index, found in answers.values() for turn in (index, *found[:1])}
        return Finding(
            points=self.points * kind / len(answers),
            evidence=tuple(sorted(evidence)),
            reason="answered" if kind == len(answers) else "not-answered",
            measures={"troubles": len(answers), "answered": kind},
        )


def _negative(utterance: Utterance) -> bool:
    return utterance.sentiment is not None and utterance.sentiment.label is SentimentLabel.NEGATIVE


class SentimentCourse(_Kind, frozen=True, kw_only=True, tag="sentiment-course"):
    """The customer's mood does not get worse: no points from a loss of `zero_loss` between first and last third."""

    id: str
    title: str
    points: float
    min_turns: int
    zero_loss: float

    def check(self) -> None:
        """Raise ValueError where the settings make no sense."""
        _check(sensible=self.min_turns >= 3, message="min_turns must be at least 3")
        _check(sensible=self.zero_loss > 0, message="zero_loss must be above 0")

    def judge(self, call: Call) -> Finding:
        """Compare the mean mood of the first third of the customer's utterances with the last."""
        scored = [(index, mood.score) for index in call.turns("customer") if (mood := call.utterances[index].sentiment)]
        if len(scored) < self.min_turns:
            return Finding(applicable=False, reason="too-few-moods")
        third = len(scored) // 3
        begin = sum(score for _, score in scored[:third]) / third
        end = sum(score for _, score in scored[-third:]) / third
        return Finding(
            points=self.points * _graded(end - begin, full=0, zero=-self.zero_loss),
            evidence=(*(index for index, _ in scored[:third]), *(index for index, _ in scored[-third:])),
            reason="worse" if end < begin else "not-worse",
            measures={"begin": round(begin, 4), "end": round(end, 4)},
        )


CriterionKind: TypeAlias = Phrases | Questions | TalkShare | Silence | Holds | Interruptions | Empathy | SentimentCourse
"""Every kind of criterion; a rubric names it by its tag, in the field `kind`."""
