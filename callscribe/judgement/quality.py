"""How well a call was handled, by a versioned rubric, with the evidence for every point."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final, TypeAlias, Union

import msgspec

from callscribe.contract.call_kind import CallKind
from callscribe.conversation.quotes import Quote, quote
from callscribe.conversation.reliability import Reliability
from callscribe.conversation.utterances import Role
from callscribe.data_files import NamedData, OwnSource, is_own
from callscribe.judgement.criteria import Criterion, CriterionKind, Finding
from callscribe.judgement.cues import cues_of
from callscribe.judgement.heard import Call, Place
from callscribe.judgement.openings import outgoing
from callscribe.recordings.calls import CallDirection
from callscribe.serialization import InvalidData, decode, encode
from callscribe.transcript import Transcript

DEFAULT_RUBRIC: Final = "clinic-call-v1"

_MOST_QUOTES: Final = 5
_MOST_QUOTED_WORDS: Final = 25


class InvalidRubric(ValueError):
    """A rubric file does not fit the schema; the message names the place."""


class Rubric(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rubric as its file has it.

    Attributes:
        name: name of the file.
        version: counted up with every change of a rubric that is in use.
        language: language whose words it listens for (`lexicons/criteria-*`), as BCP 47 names it.
        direction: which calls it is for, `incoming` or `outgoing`.
        outgoing: rubric that counts instead in a call that the clinic made, by the name of one that ships or whole;
            None where this one does.
        description: for whoever reads the file.
        criteria: what is judged, in order.
    """

    name: str
    version: Annotated[int, msgspec.Meta(ge=1)]
    language: str
    direction: CallDirection
    outgoing: Union[str, "Rubric", None] = None
    description: str = ""
    criteria: Annotated[tuple[CriterionKind, ...], msgspec.Meta(min_length=1)]

    def of(self, direction: CallDirection | None) -> "Rubric":
        """The rubric by which calls of a direction are judged; one that is not known counts as incoming."""
        if direction is not CallDirection.OUTGOING or self.outgoing is None:
            return self
        return load_rubric(self.outgoing) if isinstance(self.outgoing, str) else self.outgoing


RubricSource: TypeAlias = OwnSource | Rubric
"""A rubric: the name of one that ships, or one of somebody's own, as the path of a JSON file (with ".json"), as what
stands in one, or read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionScore:
    """One criterion.

    Attributes:
        criterion: id in the rubric.
        title: for people.
        applicable: False leaves its points out of the maximum.
        points: points awarded.
        max_points: points the rubric gives it.
        evidence: indexes into the transcript's utterances.
        reason: machine-readable reason.
        measures: figures the points came from.
        quotes: the words that decided, best first, at most five; empty in what was stored before they were kept.
    """

    criterion: str
    title: str
    applicable: bool
    points: float
    max_points: float
    evidence: tuple[int, ...]
    reason: str
    measures: Mapping[str, float]
    quotes: tuple[Quote, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityScore:
    """The score of a call.

    Attributes:
        rubric: name of the rubric.
        version: its version.
        score: 0 to 100 of what could be reached; None where nothing could be judged, as with no known agent.
        criteria: in the order of the rubric.
        reliability: whether the score can be relied on; None where that was not asked.
        direction: who called whom, as known or as it is said; None where nothing tells, and the call was judged like an
            incoming one.
    """

    rubric: str
    version: int
    score: int | None
    criteria: tuple[CriterionScore, ...]
    reliability: Reliability | None = None
    direction: CallDirection | None = None

    def to_dict(self) -> dict[str, Any]:
        """The score in plain numbers, texts and lists, ready for JSON."""
        document: dict[str, Any] = encode(self)
        return document


_RUBRICS: Final = NamedData(what="rubric", folder="rubrics", kind=Rubric, error=InvalidRubric)


@cache
def load_rubric(name: str = DEFAULT_RUBRIC) -> Rubric:
    """Read `rubrics/{name}.json`.

    Raises:
        InvalidRubric: no such rubric, or it does not fit the schema.
    """
    rubric = _RUBRICS.shipped(name)
    _check(rubric)
    return rubric


def read_rubric(source: RubricSource) -> Rubric:
    """Read a rubric of the package, or one of somebody's own.

    Raises:
        InvalidRubric: there is none, or it does not fit; or one of somebody's own has the name of another that ships.
    """
    if isinstance(source, str) and not is_own(source):
        return load_rubric(source)
    rubric = _RUBRICS.own(source)
    _check(rubric)
    for one in (rubric, rubric.of(CallDirection.OUTGOING)):
        _RUBRICS.check_own_name(one)
    return rubric


def parse_rubric(data: Any) -> Rubric:
    """Read a rubric and check it.

    Args:
        data: object with the fields of `Rubric`; each criterion has an `id`, a `title`, a `kind` and the settings of
            that kind (see `criteria.CriterionKind`).

    Raises:
        InvalidRubric: the rubric does not fit the schema; the message names the place.
    """
    try:
        rubric = decode(Rubric, data, "rubric")
    except InvalidData as error:
        raise InvalidRubric(str(error)) from None
    _check(rubric)
    return rubric


def _check(rubric: Rubric) -> None:
    _RUBRICS.check_name(rubric.name)
    try:
        cues = cues_of(rubric.language)
    except FileNotFoundError:
        raise InvalidRubric(f"there is no lexicon of criteria for {rubric.language}") from None
    if rubric.outgoing is not None:
        _check_outgoing(rubric)
    for index, criterion in enumerate(rubric.criteria):
        try:
            criterion.check()
            cues.compiled(criterion.expressions)
        except ValueError as error:
            raise InvalidRubric(f"criteria[{index}]: {error}") from error
        if criterion.points <= 0:
            raise InvalidRubric(f"criteria[{index}]: points must be above 0")
    if len({criterion.id for criterion in rubric.criteria}) != len(rubric.criteria):
        raise InvalidRubric("two criteria have the same id")


def _check_outgoing(rubric: Rubric) -> None:
    if rubric.direction is CallDirection.OUTGOING:
        raise InvalidRubric("outgoing names a rubric for a call that this one is for")
    other = rubric.of(CallDirection.OUTGOING)
    if other.direction is not CallDirection.OUTGOING or other.name == rubric.name:
        raise InvalidRubric("outgoing is no rubric for outgoing calls with a name of its own")
    if not isinstance(rubric.outgoing, str):
        _check(other)


def score(transcript: Transcript, rubric: Rubric) -> QualityScore:
    """Judge a call; the same transcript and rubric give the same score.

    Nothing is judged where no agent is known to speak, in the automated part of a call, and in a call from which
    nothing can be concluded: the reason of each criterion says why. A call that the clinic made is judged by the rubric
    for outgoing calls, where there is one.
    """
    reliability = transcript.judged_reliability()
    direction = transcript.recording.direction
    call = Call(transcript, cues_of(rubric.language))
    if direction is None:
        direction = _DIRECTIONS[outgoing(call)]
    rubric = rubric.of(direction)
    obstacle = _obstacle(transcript, reliability, call)
    judged = tuple(
        _scored(criterion, Finding(applicable=False, reason=obstacle) if obstacle else criterion.judge(call), call)
        for criterion in rubric.criteria
    )
    reachable = sum(criterion.max_points for criterion in judged if criterion.applicable)
    reached = sum(criterion.points for criterion in judged)
    # Half points count upwards, where round() would go to the even number.
    total = math.floor(100 * reached / reachable + 0.5) if reachable else None
    return QualityScore(
        rubric=rubric.name,
        version=rubric.version,
        score=total,
        criteria=judged,
        reliability=reliability,
        direction=direction,
    )


_DIRECTIONS: Final = {True: CallDirection.OUTGOING, False: CallDirection.INCOMING, None: None}


def _obstacle(transcript: Transcript, reliability: Reliability, call: Call) -> str | None:
    if not reliability.usable:
        return reliability.reasons[0]
    if transcript.recording.kind is CallKind.IVR:
        return "automated-call"
    if not any(turn.role is Role.AGENT for turn in call.turns):
        return "no-agent" if transcript.speech else "no-speech"
    return None


def _scored(criterion: Criterion, finding: Finding, call: Call) -> CriterionScore:
    return CriterionScore(
        criterion=criterion.id,
        title=criterion.title,
        applicable=finding.applicable,
        points=round(finding.points, 2),
        max_points=criterion.points,
        evidence=tuple(
            sorted({utterance for place in finding.evidence for utterance in call.turns[place.turn].utterances})
        ),
        reason=finding.reason,
        measures=finding.measures,
        quotes=tuple(_quote(place, call) for place in finding.evidence[:_MOST_QUOTES]),
    )


def _quote(place: Place, call: Call) -> Quote:
    first, last = (
        (place.words.first, place.words.last) if place.words else (0, len(call.turns[place.turn].text.split()) - 1)
    )
    return quote(call.turns, place.turn, first, min(last, first + _MOST_QUOTED_WORDS - 1))
