"""How well a call was handled, by a versioned rubric, with the evidence for every point."""

from dataclasses import dataclass
from typing import Any

from transcription.transcript import Transcript


class InvalidRubric(ValueError):
    """A rubric file does not fit the schema; the message names the place."""


@dataclass(frozen=True, kw_only=True)
class Rubric:
    """A rubric as read from its file."""

    name: str
    version: int


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
    measures: dict[str, float]


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
        raise NotImplementedError


def load_rubric(name: str = "clinic-call-v1") -> Rubric:
    """Read `rubrics/{name}.json`.

    Raises:
        InvalidRubric: no such rubric, or it does not fit the schema.
    """
    raise NotImplementedError


def score(transcript: Transcript, rubric: Rubric) -> QualityScore:
    """Judge a call; the same transcript and rubric give the same score."""
    raise NotImplementedError
