"""What an analyst says about a call. What it does not say is not known: absent, never false and never zero."""

from dataclasses import dataclass

from callscribe.serialization import OpenEnum


class Verdict(OpenEnum):
    """How far a criterion of the rubric is met."""

    MET = "met"
    PARTLY = "partly"
    NOT_MET = "not-met"
    NOT_APPLICABLE = "not-applicable"


class Urgency(OpenEnum):
    """How soon somebody must act: at once, today, or in the ordinary course of things."""

    EMERGENCY = "emergency"
    URGENT = "urgent"
    ROUTINE = "routine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """What a statement rests on.

    Attributes:
        turn: index of the turn.
        quote: words of that turn, as they stand there.
    """

    turn: int
    quote: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One sentence of a summary.

    Attributes:
        text: the sentence.
        citations: what it rests on.
    """

    text: str
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UrgencyOpinion:
    """How urgent the call is.

    Attributes:
        level: how soon somebody must act.
        citations: what it rests on; may be empty for what is routine.
    """

    level: Urgency
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagOpinion:
    """One flag.

    Attributes:
        name: what it says of the call.
        raised: whether it does.
        citations: what it rests on; may be empty for a flag that is not raised.
    """

    name: str
    raised: bool
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionOpinion:
    """One criterion of the rubric.

    Attributes:
        criterion: id in the rubric.
        verdict: how far it is met.
        points: points for it; None where it does not apply.
        max_points: points that the rubric gives it.
        reason: why, in a sentence of the analyst's or a code of the rules'.
        citations: what it rests on; may be empty for what is not met or does not apply.
    """

    criterion: str
    verdict: Verdict
    points: float | None
    max_points: float
    reason: str
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What one analyst says about a call.

    Attributes:
        source: who it is: `rules` or `bedrock`.
        model: the model that was asked; "" for the rules.
        prompt: name and version of what it was asked with; "" for the rules.
        summary: what the call was about.
        urgency: how urgent it is; None where that is not known.
        flags: the flags that are known to be raised or not; one that is not among them is not known.
        rubric: name of the rubric.
        rubric_version: its version.
        criteria: the criteria that are known to be met or not; one that is not among them is not known.
        score: 0 to 100 of what could be reached; None where that is nothing, or not every criterion is known.
        dropped: answers and citations that were left out because what they cite was not said, or they fit no question.
    """

    source: str
    model: str = ""
    prompt: str = ""
    summary: tuple[Statement, ...] = ()
    urgency: UrgencyOpinion | None = None
    flags: tuple[FlagOpinion, ...] = ()
    rubric: str
    rubric_version: int
    criteria: tuple[CriterionOpinion, ...] = ()
    score: int | None = None
    dropped: int = 0
