"""Reviews: what people would have given for each criterion, beside what was computed, and how well the two agree."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from statistics import fmean
from typing import Annotated, Any, Final

import msgspec

from callscribe.console.listing import InvalidQuery
from callscribe.contract.call_kind import CallKind
from callscribe.contract.schema import SCHEMA_VERSION
from callscribe.contract.table_keys import review_key
from callscribe.conversation.reliability import ReliabilityLevel
from callscribe.judgement.quality import CriterionScore, QualityScore
from callscribe.serialization import encode
from callscribe.table_values import attribute

LONGEST_NOTE: Final = 2_000
"""Most characters of a note."""
LEAST_PAIRS: Final = 20
"""Reviews from which on agreement is told: with fewer, one review moves the share by more than five points."""
NEAR: Final = 0.1
"""What part of a criterion's points two scores may differ by and still agree."""

_95_PERCENT: Final = 1.96
_MOST_CRITERIA: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedCriterion:
    """What somebody says of one criterion, and what was computed when they did.

    Attributes:
        criterion: id in the rubric.
        applicable: whether they say that it applies.
        points: their points; None where it does not apply.
        note: their note, "" for none.
        computed_applicable: whether it was found to apply.
        computed_points: computed points.
        max_points: points the rubric gives it.
    """

    criterion: str
    applicable: bool
    points: float | None = None
    note: str = ""
    computed_applicable: bool
    computed_points: float
    max_points: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What somebody says of how a call was handled. The last one of each person counts.

    Attributes:
        number: counts the reviews of the call, from 1.
        author: name in the user pool of who wrote it.
        reviewed_at: when it was written, UTC.
        recording_id: recording of the transcript that was reviewed; None for the live transcript.
        rubric: name of the rubric.
        rubric_version: its version.
        reliability: how far the computed score could be relied on; None where that was not known.
        scores: the criteria that they say something of; none where they take back what they said.
    """

    number: int
    author: str
    reviewed_at: datetime
    recording_id: str | None = None
    rubric: str
    rubric_version: int
    reliability: ReliabilityLevel | None = None
    scores: tuple[ReviewedCriterion, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewItem(Review):
    """A review in the table, beside its keys. It is written once and never changed.

    Attributes:
        schema_version: version of the code that wrote it.
        clinic_id: clinic that took the call.
        call_id: the call.
        kind: the agent's conversation, or the automated part before it.
        day: the call's date, UTC, as yyyy-mm-dd.
        expires_at: when DynamoDB deletes the item, in seconds since 1970, as it does the transcript's; None where it is
            kept for ever.
    """

    schema_version: int = SCHEMA_VERSION
    clinic_id: str
    call_id: str
    kind: CallKind
    day: str
    expires_at: int | None = None

    def attributes(self) -> dict[str, Any]:
        """The item, in the types of DynamoDB."""
        key = review_key(self.clinic_id, self.day, self.call_id, self.kind, self.number)
        return {
            **key.attributes(),
            **attribute(encode(self)),
            "type": "review",
            "schema_version": self.schema_version,
        }


class _Score(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    points: Annotated[float, msgspec.Meta(ge=0)] | None
    note: Annotated[str, msgspec.Meta(max_length=LONGEST_NOTE)] = ""


class ReviewAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A review as it is sent.

    Attributes:
        version: the transcript they looked at: a recording's id, or `live`.
        replaces: number of their own review that they looked at, 0 for none.
        scores: points and note by criterion; points of null say that it does not apply.
    """

    version: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    replaces: Annotated[int, msgspec.Meta(ge=0)]
    scores: Annotated[Mapping[str, _Score], msgspec.Meta(max_length=_MOST_CRITERIA)]

    def beside(self, quality: QualityScore) -> tuple[ReviewedCriterion, ...]:
        """What is said of each criterion beside what was computed, in the order of the rubric.

        Raises:
            InvalidQuery: a criterion is none of the score's, or has more points than there are.
        """
        criteria = {criterion.criterion: criterion for criterion in quality.criteria}
        if not self.scores.keys() <= criteria.keys():
            raise InvalidQuery("scores: a criterion is none of this call's score")
        return tuple(_beside(criteria[name], self.scores[name]) for name in criteria if name in self.scores)


def _beside(computed: CriterionScore, said: _Score) -> ReviewedCriterion:
    if said.points is not None and said.points > computed.max_points:
        raise InvalidQuery(f"scores.{computed.criterion}.points: there are {computed.max_points:g} at most")
    return ReviewedCriterion(
        criterion=computed.criterion,
        applicable=said.points is not None,
        points=said.points,
        note=said.note.strip(),
        computed_applicable=computed.applicable,
        computed_points=computed.points,
        max_points=computed.max_points,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How well people and the computed score agree on one criterion. What is None is not known.

    Attributes:
        rubric: name of the rubric.
        version: its version.
        criterion: id in the rubric.
        max_points: points the rubric gives it.
        reviews: reviews that say something of it.
        pairs: those of them in which both give points.
        doubtful_pairs: those of the pairs whose call was not known to be highly reliable.
        applicability_differs: reviews in which one gives points and the other says that it does not apply.
        enough: whether there are pairs enough for the figures below.
        agree: share of the pairs that differ by a tenth of the points at most; None where there are not enough.
        agree_low: lower end of the 95 % confidence interval of that share (Wilson); None as well.
        agree_high: upper end.
        mean_difference: mean of people's points less the computed ones; None where there are not enough.
        mean_absolute_difference: mean of the difference without its sign; None where there are not enough.
    """

    rubric: str
    version: int
    criterion: str
    max_points: float
    reviews: int
    pairs: int
    doubtful_pairs: int
    applicability_differs: int
    enough: bool
    agree: float | None = None
    agree_low: float | None = None
    agree_high: float | None = None
    mean_difference: float | None = None
    mean_absolute_difference: float | None = None


def latest(items: Iterable[ReviewItem]) -> list[ReviewItem]:
    """The last review of each person for each call, in the order of the calls; none of who has taken theirs back."""
    found = {(item.day, item.call_id, item.kind, item.author): item for item in sorted(items, key=_number)}
    return [item for item in found.values() if item.scores]


def _number(item: Review) -> int:
    return item.number


def agreements(items: Iterable[ReviewItem]) -> list[Agreement]:
    """How well people and the computed score agree, by rubric and criterion.

    Args:
        items: all reviews of some calls.
    """
    by_criterion: dict[tuple[str, int, str], list[tuple[ReviewItem, ReviewedCriterion]]] = {}
    for item in latest(items):
        for said in item.scores:
            by_criterion.setdefault((item.rubric, item.rubric_version, said.criterion), []).append((item, said))
    return [_agreement(*name, said) for name, said in sorted(by_criterion.items())]


def _agreement(
    rubric: str, version: int, criterion: str, said: list[tuple[ReviewItem, ReviewedCriterion]]
) -> Agreement:
    pairs = [(item, one) for item, one in said if one.points is not None and one.computed_applicable]
    # A version of a rubric has one number of points for each criterion.
    max_points = said[0][1].max_points
    counted = Agreement(
        rubric=rubric,
        version=version,
        criterion=criterion,
        max_points=max_points,
        reviews=len(said),
        pairs=len(pairs),
        doubtful_pairs=sum(item.reliability is not ReliabilityLevel.HIGH for item, _ in pairs),
        applicability_differs=sum(one.applicable is not one.computed_applicable for _, one in said),
        enough=len(pairs) >= LEAST_PAIRS,
    )
    if not counted.enough:
        return counted
    differences = [one.points - one.computed_points for _, one in pairs if one.points is not None]
    near = sum(abs(one) <= NEAR * max_points + 1e-9 for one in differences)
    low, high = _wilson(near, len(differences))
    return replace(
        counted,
        agree=near / len(differences),
        agree_low=low,
        agree_high=high,
        mean_difference=fmean(differences),
        mean_absolute_difference=fmean(map(abs, differences)),
    )


def _wilson(hits: int, total: int) -> tuple[float, float]:
    """The 95 % confidence interval of a share (E. B. Wilson, JASA 22, 1927, pp. 209-212)."""
    share, z = hits / total, _95_PERCENT
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    width = z / (1 + z * z / total) * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return max(0.0, middle - width), min(1.0, middle + width)
