"""The kinds of criteria a rubric can use, each with its own settings and its own way to judge a call.

Every criterion awards points by rule, names the words that decided and gives a machine-readable reason. What cannot be
judged in a call is not applicable, and its points do not count.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

import msgspec

from callscribe.conversation.utterances import Role
from callscribe.judgement.answers import answers, escalations
from callscribe.judgement.heard import Call, Pause, Place, longest
from callscribe.judgement.identity import births_given, names_given
from callscribe.judgement.needs import needs_questions
from callscribe.judgement.openings import agent_names, openings

_MOST_ACKNOWLEDGEMENTS: Final = 8

SPEAKERS: Final = ("agent", "customer", "anyone")

URGENT: Final = "urgent"
COMPLAINT: Final = "complaint"
"""Flags that criteria build on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a criterion found.

    Attributes:
        applicable: False leaves the criterion's points out of the maximum.
        points: points awarded.
        evidence: the words that decided, best first.
        reason: machine-readable reason.
        measures: figures the points came from.
    """

    applicable: bool = True
    points: float = 0.0
    evidence: tuple[Place, ...] = ()
    reason: str
    measures: Mapping[str, float] = field(default_factory=dict)


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

    @property
    def expressions(self) -> Sequence[str]:
        """Expressions of its own."""

    def check(self) -> None:
        """Raise ValueError where the settings make no sense."""

    def judge(self, call: Call) -> Finding:
        """Judge a call in which an agent speaks."""


class _Kind(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What makes a class a kind of criterion.

    Attributes:
        id: name within the rubric.
        title: name for people.
    """

    id: str
    title: str

    @property
    def expressions(self) -> Sequence[str]:
        """Expressions of its own, beside those of the language's lexicon."""
        return ()

    def check(self) -> None:
        """Raise ValueError where the settings make no sense."""


class _Rated(_Kind, frozen=True, kw_only=True):
    """A kind whose points the rubric gives as one number.

    Attributes:
        points: most that can be awarded.
    """

    points: float


def _check(*, sensible: bool, message: str) -> None:
    if not sensible:
        raise ValueError(message)


@dataclass(frozen=True, slots=True)
class _Part:
    """One of several things that are worth points of their own, and where it was found."""

    id: str
    points: float
    found: Place | None


def _sum_of(parts: Sequence[_Part]) -> Finding:
    missing = [part.id for part in parts if part.found is None]
    return Finding(
        points=sum(part.points for part in parts if part.found is not None),
        evidence=tuple(part.found for part in parts if part.found is not None),
        reason=f"missing:{','.join(missing)}" if missing else "complete",
    )


class PhrasePart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing to be said.

    Attributes:
        id: name within the criterion.
        points: points it is worth.
        speaker: who has to say it: `agent`, `customer` or `anyone`.
        first: only the first so many turns of the speaker count; 0 for all.
        last: only the last so many turns of the speaker count; 0 for all.
        any: expressions, one of which has to be said and not denied.
    """

    id: str
    points: float
    speaker: str
    first: int
    last: int
    any: tuple[str, ...]


class Phrases(_Kind, frozen=True, kw_only=True, tag="phrases"):
    """Things that have to be said, each worth its own points."""

    parts: tuple[PhrasePart, ...]

    @property
    def points(self) -> float:
        """Points of all parts."""
        return sum(part.points for part in self.parts)

    @property
    def expressions(self) -> Sequence[str]:
        """The expressions of all parts."""
        return tuple(expression for part in self.parts for expression in part.any)

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
            _check(sensible=bool(part.any), message="needs at least one expression")

    def judge(self, call: Call) -> Finding:
        """Award the points of each part that was said."""
        return _sum_of([_Part(part.id, part.points, self._said(part, call)) for part in self.parts])

    def _said(self, part: PhrasePart, call: Call) -> Place | None:
        turns = call.of(part.speaker)
        turns = turns[: part.first or None]
        turns = turns[-part.last :] if part.last else turns
        return next(call.find(turns, call.cues.compiled(part.any)), None)


class Greeting(_Kind, frozen=True, kw_only=True, tag="greeting"):
    """The agent greets before the matter is taken up, or with the first words after a handover.

    Attributes:
        salutation: points for a salutation.
        business_name: points for the name of the business or department.
        agent_name: points for the agent's own name.
        offer_of_help: points for an offer of help; 0 where none is due, as in a call that the clinic makes.
    """

    salutation: float
    business_name: float
    agent_name: float
    offer_of_help: float

    @property
    def points(self) -> float:
        """Points of all parts."""
        return self.salutation + self.business_name + self.agent_name + self.offer_of_help

    def judge(self, call: Call) -> Finding:
        """Look for the parts in the best of the places where a greeting can be."""
        return max((self._in(call, turns) for turns in openings(call)), key=lambda finding: finding.points)

    def _in(self, call: Call, turns: Sequence[int]) -> Finding:
        cues = call.cues
        parts = [
            _Part("salutation", self.salutation, next(call.find(turns, cues["salutation"]), None)),
            _Part("business-name", self.business_name, next(call.find(turns, cues["business-name"]), None)),
            _Part("agent-name", self.agent_name, next(agent_names(call, turns), None)),
            _Part("offer-of-help", self.offer_of_help, next(call.find(turns, cues["offer-of-help"]), None)),
        ]
        return _sum_of([part for part in parts if part.points])


class Identification(_Kind, frozen=True, kw_only=True, tag="identification"):
    """The patient is identified: what the agent asked for was answered, or the customer gave it unasked.

    Attributes:
        name: points for the patient's name.
        birth: points for the date of birth, or the number of the patient's account.
    """

    name: float
    birth: float

    @property
    def points(self) -> float:
        """Points of both."""
        return self.name + self.birth

    def judge(self, call: Call) -> Finding:
        """Look for both, each by itself."""
        return _sum_of(
            [
                _Part("name", self.name, next(names_given(call), None)),
                _Part("date-of-birth", self.birth, next(births_given(call), None)),
            ]
        )


class Questions(_Rated, frozen=True, kw_only=True, tag="questions"):
    """The agent asks to understand what is needed; `full` questions earn all points, fewer their share.

    The offer of help is one. Who is calling, whether something is right or suits, and whether there is anything else
    are none.
    """

    full: int

    def check(self) -> None:
        """Raise ValueError where the settings make no sense."""
        _check(sensible=self.full > 0, message="full must be above 0")

    def judge(self, call: Call) -> Finding:
        """Count the questions."""
        asked = list(needs_questions(call))
        share = min(1.0, len(asked) / self.full)
        return Finding(
            points=self.points * share,
            evidence=tuple(dict.fromkeys(asked)),
            reason="asked-enough" if share == 1 else "asked-too-little",
            measures={"questions": len(asked)},
        )


class Answer(_Rated, frozen=True, kw_only=True, tag="answer"):
    """The agent commits to something, arranges, instructs, informs, hands over, or says what else can be done."""

    def judge(self, call: Call) -> Finding:
        """Look for an answer."""
        found = tuple(dict.fromkeys(answers(call)))
        return Finding(
            points=self.points if found else 0.0, evidence=found, reason="answered" if found else "not-answered"
        )


class Escalation(_Rated, frozen=True, kw_only=True, tag="escalation"):
    """Where the flag `urgent` is raised, the agent gets help: the same day, by a clinician, or in an emergency room."""

    def judge(self, call: Call) -> Finding:
        """Look for help."""
        if not call.is_raised(URGENT):
            return Finding(applicable=False, reason="not-urgent")
        found = tuple(dict.fromkeys(escalations(call)))
        return Finding(
            points=self.points if found else 0.0, evidence=found, reason="escalated" if found else "not-escalated"
        )


class TalkShare(_Rated, frozen=True, kw_only=True, tag="talk-share"):
    """The agent's share of the talking: full points from `full_from` to `full_to`, none at `zero_at` or `zero_from`."""

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
        agent, customer = call.talk_seconds(call.agent), call.talk_seconds(call.customer)
        if customer == 0:
            return Finding(applicable=False, reason="nobody-else-spoke")
        share = agent / (agent + customer)
        points = self.points * min(
            _graded(share, full=self.full_from, zero=self.zero_at),
            _graded(share, full=self.full_to, zero=self.zero_from),
        )
        return Finding(
            points=points,
            reason="too-little" if share < self.full_from else "too-much" if share > self.full_to else "balanced",
            measures={
                "agent_share": round(share, 4),
                "agent_seconds": round(agent, 2),
                "customer_seconds": round(customer, 2),
            },
        )


class Silence(_Rated, frozen=True, kw_only=True, tag="silence"):
    """The share of the conversation in which nobody speaks: full points up to `full_to`, none from `zero_from`."""

    full_to: float
    zero_from: float

    def check(self) -> None:
        """Raise ValueError where the settings make no sense."""
        _check(sensible=0 <= self.full_to < self.zero_from <= 1, message="needs 0 <= full_to < zero_from <= 1")

    def judge(self, call: Call) -> Finding:
        """Add up the pauses between the first word and the last."""
        span = call.span()
        if len(call.turns) < 2 or span == 0:
            return Finding(applicable=False, reason="no-conversation")
        silent = sum(pause.seconds for pause in call.pauses)
        share = silent / span
        pause = longest(call.pauses)
        return Finding(
            points=self.points * _graded(share, full=self.full_to, zero=self.zero_from),
            evidence=(Place(pause.before), Place(pause.after)) if pause else (),
            reason="flowing" if share <= self.full_to else "too-silent",
            measures={
                "silence_share": round(share, 4),
                "silence_seconds": round(silent, 2),
                "longest_silence_seconds": round(pause.seconds, 2) if pause else 0.0,
            },
        )


class Holds(_Rated, frozen=True, kw_only=True, tag="holds"):
    """Every pause from `seconds` that the agent caused is announced, in one of the last `look_back` turns before it.

    The agent causes a pause that comes before the agent's own words, or that the customer ends by asking who is there;
    not one in which the customer is asked something, or looks for something.
    """

    seconds: float
    look_back: int

    def check(self) -> None:
        """Raise ValueError where the settings make no sense."""
        _check(sensible=self.seconds > 0 and self.look_back > 0, message="seconds and look_back must be above 0")

    def judge(self, call: Call) -> Finding:
        """Look for the announcement of each long pause."""
        long = [pause for pause in call.pauses if pause.seconds >= self.seconds]
        holds: list[tuple[Pause, Place | None]] = []
        since = -1
        for pause in long:
            announced = self._announced(call, pause, since)
            if announced is not None or _is_the_agents(call, pause):
                holds.append((pause, announced))
            since = pause.before
        if not holds:
            return Finding(applicable=False, reason="no-long-pause")
        told = [place for _, place in holds if place is not None]
        evidence = [place or Place(pause.before) for pause, place in holds]
        return Finding(
            points=self.points if len(told) == len(holds) else 0.0,
            evidence=tuple(evidence),
            reason="announced" if len(told) == len(holds) else "not-announced",
            measures={
                "holds": len(holds),
                "announced": len(told),
                "hold_seconds": round(sum(pause.seconds for pause, _ in holds), 2),
                "longest_hold_seconds": round(max(pause.seconds for pause, _ in holds), 2),
            },
        )

    def _announced(self, call: Call, pause: Pause, since: int) -> Place | None:
        recent = [turn for turn in call.agent_before(pause.before, self.look_back) if turn > since]
        found = list(call.find(recent, call.cues["holds"]))
        return found[-1] if found else None


def _is_the_agents(call: Call, pause: Pause) -> bool:
    before, after = call.turns[pause.before].role, call.turns[pause.after].role
    last = call.customer_before(pause.before)
    if last and before is not Role.AGENT and call.says(last[0], call.cues["waits-for-customer"]):
        return False
    said = call.sentences(pause.before)
    if before is Role.AGENT and said and said[-1].question:
        return False
    return after is Role.AGENT or call.says(pause.after, call.cues["misses-agent"])


class Interruptions(_Rated, frozen=True, kw_only=True, tag="interruptions"):
    """The agent lets the customer finish.

    An interruption is an agent's turn that takes the floor from a customer who has spoken for `seconds` and stops
    because of it, `seconds` later or in the middle of a sentence. Acknowledgements are none, nor is what the customer
    talks on over. No points are left from `zero_from` of them in ten minutes; shorter calls count as `min_minutes`.
    Only separate channels show who speaks over whom.
    """

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
        if not call.customer:
            return Finding(applicable=False, reason="nobody-else-spoke")
        taken = call.floor_taken(least=self.seconds)
        rate = 10 * len(taken) / max(self.min_minutes, call.seconds / 60)
        return Finding(
            points=self.points * _graded(rate, full=0, zero=self.zero_from),
            evidence=tuple(Place(turn) for turn in taken),
            reason="interrupted" if taken else "none",
            measures={"interruptions": len(taken), "per_ten_minutes": round(rate, 2)},
        )


class Empathy(_Rated, frozen=True, kw_only=True, tag="empathy"):
    """The agent answers the customer's trouble with a kind word, within the agent's next `within` turns.

    Trouble is what the customer says of pain, worry, loss or a failure of the clinic's, a complaint or an urgent
    symptom, or a turn whose mood is below `mood`. It is not what is denied, feared for somebody unknown or over.
    Trouble that nobody could answer any more does not count, and nor does a kind word beside a brush-off.
    """

    within: int
    mood: float

    def check(self) -> None:
        """Raise ValueError where the settings make no sense."""
        _check(sensible=self.within > 0, message="within must be above 0")
        _check(sensible=-1 <= self.mood < 0, message="mood must be from -1 to below 0")

    def judge(self, call: Call) -> Finding:
        """Look for a kind word on any trouble."""
        troubles = list(self._troubles(call))
        answered = [
            (trouble, next(self._kind_words(call, trouble.turn), None))
            for trouble in troubles
            if call.agent_after(trouble.turn, 1)
        ]
        if not answered:
            return Finding(applicable=False, reason="trouble-at-the-end" if troubles else "no-trouble")
        kind = [(trouble, word) for trouble, word in answered if word is not None]
        trouble, word = kind[0] if kind else answered[0]
        return Finding(
            points=self.points if kind else 0.0,
            evidence=(trouble,) if word is None else (trouble, word),
            reason="answered" if kind else "not-answered",
            measures={"troubles": len(answered), "answered": len(kind)},
        )

    def _troubles(self, call: Call) -> Iterator[Place]:
        """Each turn with trouble, with its plainest words."""
        cues = call.cues
        flagged = call.raised(URGENT) | call.raised(COMPLAINT)
        for turn in call.customer:
            named = next(_troubles_named(call, turn), None)
            mood = call.turns[turn].sentiment
            if named is not None:
                yield named
            elif turn in flagged or (
                mood is not None and mood.score <= self.mood and not call.says(turn, cues["no-trouble"])
            ):
                yield Place(turn)

    def _kind_words(self, call: Call, trouble: int) -> Iterator[Place]:
        cues = call.cues
        replies = call.agent_after(trouble, self.within + _MOST_ACKNOWLEDGEMENTS)
        # An acknowledgement may be the kind word, but uses up no turn in which there could be one.
        full = [place for place, turn in enumerate(replies) if not call.turns[turn].backchannel][: self.within]
        within = replies[: full[-1] + 1] if len(full) == self.within else replies
        heeding = (turn for turn in within if not call.says(turn, cues["brush-off"]))
        return call.find(heeding, cues["kind"], unless=cues["not-kind"])


def _troubles_named(call: Call, turn: int) -> Iterator[Place]:
    cues = call.cues
    for sentence in call.sentences(turn):
        found = [*cues["trouble-as-such"].finditer(sentence.text), *sentence.affirmed(cues["trouble"])]
        for match in found:
            if cues["no-trouble"].search(sentence.clause_at(match.start())) is None and not sentence.question:
                yield Place(turn, sentence.place(match))


class SentimentCourse(_Rated, frozen=True, kw_only=True, tag="sentiment-course"):
    """The customer's mood does not get worse: no points from a loss of `zero_loss` between first and last third."""

    min_turns: int
    zero_loss: float

    def check(self) -> None:
        """Raise ValueError where the settings make no sense."""
        _check(sensible=self.min_turns >= 3, message="min_turns must be at least 3")
        _check(sensible=self.zero_loss > 0, message="zero_loss must be above 0")

    def judge(self, call: Call) -> Finding:
        """Compare the mean mood of the first third of the customer's turns with the last."""
        scored = [(index, mood.score) for index in call.customer if (mood := call.turns[index].sentiment)]
        if len(scored) < self.min_turns:
            return Finding(applicable=False, reason="too-few-moods")
        third = len(scored) // 3
        begin = sum(score for _, score in scored[:third]) / third
        end = sum(score for _, score in scored[-third:]) / third
        return Finding(
            points=self.points * _graded(end - begin, full=0, zero=-self.zero_loss),
            evidence=(Place(scored[0][0]), Place(scored[-1][0])),
            reason="worse" if end < begin else "not-worse",
            measures={"begin": round(begin, 4), "end": round(end, 4)},
        )


class Closing(_Kind, frozen=True, kw_only=True, tag="closing"):
    """The agent closes the call.

    Attributes:
        farewell: points for a farewell or thanks in one of the agent's last `last` turns.
        anything_else: points for asking, anywhere, whether there is anything else.
        last: turns of the agent that are the end of the call.
    """

    farewell: float
    anything_else: float
    last: int

    @property
    def points(self) -> float:
        """Points of both."""
        return self.farewell + self.anything_else

    def check(self) -> None:
        """Raise ValueError where the settings make no sense."""
        _check(sensible=self.last > 0, message="last must be above 0")

    def judge(self, call: Call) -> Finding:
        """Look for both."""
        cues = call.cues
        end = [turn for turn in call.agent if not call.turns[turn].backchannel][-self.last :]
        # "Thank you for calling" greets where the call begins, which in a short one is its end as well.
        begins = {turn for turns in openings(call) for turn in turns}
        greetings = list(call.find((turn for turn in end if turn in begins), cues["salutation"]))
        farewell = next(
            (
                place
                for place in call.find(end, cues["farewell"], unless=cues["not-farewell"])
                if not any(place.within(greeting) for greeting in greetings)
            ),
            None,
        )
        asked = next(
            (
                place
                for turn in call.agent
                for place in call.where(
                    turn, lambda sentence: sentence.question and cues["anything-else"].search(sentence.text) is not None
                )
            ),
            None,
        )
        return _sum_of([_Part("farewell", self.farewell, farewell), _Part("anything-else", self.anything_else, asked)])


CriterionKind: TypeAlias = (
    Phrases
    | Greeting
    | Identification
    | Questions
    | Answer
    | Escalation
    | TalkShare
    | Silence
    | Holds
    | Interruptions
    | Empathy
    | SentimentCourse
    | Closing
)
"""Every kind of criterion; a rubric names it by its tag, in the field `kind`."""
