"""How well a call was handled, by a versioned rubric, with the evidence for every point."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from callscribe.contract.call_kind import CallKind
from callscribe.conversation.utterances import Role
from callscribe.data_files import load
from callscribe.judgement.criteria import KINDS, Call, Criterion, Finding
from callscribe.serialization import InvalidData, decode, encode
from callscribe.transcript import Transcript

DEFAULT_RUBRIC: Final = "clinic-call-v1"

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_RUBRIC_FIELDS: Final = frozenset({"name", "version", "description", "criteria"})


class InvalidRubric(ValueError):
    """A rubric file does not fit the schema; the message names the place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rubric:
    """A rubric as read from its file.

    Attributes:
        name: name of the file.
        version: counted up with every change of a rubric that is in use.
        criteria: what is judged, in order.
    """

    name: str
    version: int
    criteria: tuple[Criterion, ...]


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
    """

    rubric: str
    version: int
    score: int | None
    criteria: tuple[CriterionScore, ...]

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
        data = load("rubrics", name)
    except FileNotFoundError:
        raise InvalidRubric(f"there is no rubric {name}") from None
    except ValueError as error:
        raise InvalidRubric(f"{name} is not JSON: {error}") from error
    rubric = parse_rubric(data)
    if rubric.name != name:
        raise InvalidRubric(f"{name}: the name inside is {rubric.name}")
    return rubric


def parse_rubric(data: Any) -> Rubric:
    """Check a rubric and read it.

    Args:
        data: object with `name`, `version`, `description` and `criteria`; each criterion has an `id`, a `title`, a
            `kind` out of `criteria.KINDS` and the settings of that kind.

    Raises:
        InvalidRubric: the rubric does not fit the schema; the message names the place.
    """
    if not isinstance(data, dict) or data.keys() != _RUBRIC_FIELDS:
        raise InvalidRubric(f"a rubric has exactly the fields {', '.join(sorted(_RUBRIC_FIELDS))}")
    name, version, criteria = data["name"], data["version"], data["criteria"]
    if not isinstance(name, str) or type(version) is not int or not isinstance(criteria, list) or not criteria:
        raise InvalidRubric("name must be a text, version a whole number and criteria a list that is not empty")
    parsed = tuple(_criterion(value, f"criteria[{index}]") for index, value in enumerate(criteria))
    if len({criterion.id for criterion in parsed}) != len(parsed):
        raise InvalidRubric("two criteria have the same id")
    return Rubric(name=name, version=version, criteria=parsed)


def _criterion(value: Any, place: str) -> Criterion:
    kind = KINDS.get(str(value.get("kind"))) if isinstance(value, dict) else None
    if kind is None:
        raise InvalidRubric(f"{place}: kind must be one of {', '.join(KINDS)}")
    unknown = value.keys() - {"kind", *kind.__annotations__}
    if unknown:
        raise InvalidRubric(f"{place}: unknown field {', '.join(sorted(unknown))}")
    try:
        criterion = decode(kind, value, place)
    except InvalidData as error:
        raise InvalidRubric(str(error)) from error
    try:
        criterion.check()
    except ValueError as error:
        raise InvalidRubric(f"{place}: {error}") from error
    if criterion.points <= 0:
        raise InvalidRubric(f"{place}: points must be above 0")
    return criterion


def score(transcript: Transcript, rubric: Rubric) -> QualityScore:
    """Judge a call; the same transcript and rubric give the same score.

    Nothing is judged where no agent is known to speak, and in the automated part of a call.
    """
    obstacle = _obstacle(transcript)
    call = Call(transcript)
    judged = tuple(
        _scored(criterion, Finding(applicable=False, reason=obstacle) if obstacle else criterion.judge(call))
        for criterion in rubric.criteria
    )
    reachable = sum(criterion.max_points for criterion in judged if criterion.applicable)
    reached = sum(criterion.points for criterion in judged)
    # Half points count upwards, where round() would go to the even number.
    total = math.floor(100 * reached / reachable + 0.5) if reachable else None
    return QualityScore(rubric=rubric.name, version=rubric.version, score=total, criteria=judged)


def _obstacle(transcript: Transcript) -> str | None:
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
