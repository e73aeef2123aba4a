"""How well a call was handled, by a versioned rubric, with the evidence for every point."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final

import msgspec

from callscribe.contract.call_kind import CallKind
from callscribe.conversation.reliability import Reliability
from callscribe.conversation.utterances import Role
from callscribe.data_files import load
from callscribe.judgement.criteria import Call, Criterion, CriterionKind, Finding
from callscribe.serialization import InvalidData, decode, encode
from callscribe.transcript import Transcript

DEFAULT_RUBRIC: Final = "clinic-call-v1"

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


class InvalidRubric(ValueError):
    """A rubric file does not fit the schema; the message names the place."""


class Rubric(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rubric as its file has it.

    Attributes:
        name: name of the file.
        version: counted up with every change of a rubric that is in use.
        description: for whoever reads the file.
        criteria: what is judged, in order.
    """

    name: str
    version: int
    description: str
    criteria: Annotated[tuple[CriterionKind, ...], msgspec.Meta(min_length=1)]


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
    """

    criterion: str
    title: str
    applicable: bool
    points: float
    max_points: float
    evidence: tuple[int, ...]
    reason: str
    measures: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityScore:
    """The score of a call.

    Attributes:
        rubric: name of the rubric.
        version: its version.
        score: 0 to 100 of what could be reached; None where nothing could be judged, as with no known agent.
        criteria: in the order of the rubric.
        reliability: whether the score can be relied on; None where that was not asked.
    """

    rubric: str
    version: int
    score: int | None
    criteria: tuple[CriterionScore, ...]
    reliability: Reliability | None = None

    def to_dict(self) -> dict[str, Any]:
        """The score in plain numbers, texts and lists, ready for JSON."""
        document: dict[str, Any] = encode(self)
        return document


@cache
def load_rubric(name: str = DEFAULT_RUBRIC) -> Rubric:
    """Read `rubrics/{name}.json`.

    Raises:
        InvalidRubric: no such rubric, or it does not fit the schema.
    """
    # The name comes from configuration and must not lead out of the folder.
    if not _NAME.fullmatch(name):
        raise InvalidRubric("a rubric's name has small letters, digits and hyphens only")
    try:
        rubric = load(Rubric, "rubrics", name)
    except FileNotFoundError:
        raise InvalidRubric(f"there is no rubric {name}") from None
    except InvalidData as error:
        raise InvalidRubric(str(error)) from None
    _check(rubric)
    if rubric.name != name:
        raise InvalidRubric(f"{name}: the name inside is {rubric.name}")
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
    for index, criterion in enumerate(rubric.criteria):
        try:
            criterion.check()
        except ValueError as error:
            raise InvalidRubric(f"criteria[{index}]: {error}") from error
        if criterion.points <= 0:
            raise InvalidRubric(f"criteria[{index}]: points must be above 0")
    if len({criterion.id for criterion in rubric.criteria}) != len(rubric.criteria):
        raise InvalidRubric("two criteria have the same id")


def score(transcript: Transcript, rubric: Rubric) -> QualityScore:
    """Judge a call; the same transcript and rubric give the same score.

    Nothing is judged where no agent is known to speak, in the automated part of a call, and in a call from which
    nothing can be concluded: the reason of each criterion says why.
    """
    reliability = transcript.judged_reliability()
    obstacle = _obstacle(transcript, reliability)
    call = Call(transcript)
    judged = tuple(
        _scored(criterion, Finding(applicable=False, reason=obstacle) if obstacle else criterion.judge(call))
        for criterion in rubric.criteria
    )
    reachable = sum(criterion.max_points for criterion in judged if criterion.applicable)
    reached = sum(criterion.points for criterion in judged)
    # Half points count upwards, where round() would go to the even number.
    total = math.floor(100 * reached / reachable + 0.5) if reachable else None
    return QualityScore(
        rubric=rubric.name, version=rubric.version, score=total, criteria=judged, reliability=reliability
    )


def _obstacle(transcript: Transcript, reliability: Reliability) -> str | None:
    if not reliability.usable:
        return reliability.reasons[0]
    if transcript.recording.kind is CallKind.IVR:
        return "automated-call"
    if not any(said.role is Role.AGENT for said in transcript.utterances):
        return "no-agent" if transcript.speech else "no-speech"
    return None


def _scored(criterion: Criterion, finding: Finding) -> CriterionScore:
    return CriterionScore(
        criterion=criterion.id,
        title=criterion.title,
        applicable=finding.applicable,
        points=round(finding.points, 2),
        max_points=criterion.points,
        evidence=finding.evidence,
        reason=finding.reason,
        measures=finding.measures,
    )
