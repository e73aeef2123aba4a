"""How well people and the computed score agree, and where too few have said something."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from callscribe.console.reviews import LEAST_PAIRS, ReviewedCriterion, ReviewItem, agreements
from callscribe.contract.call_kind import CallKind
from callscribe.conversation.reliability import ReliabilityLevel


def review(call: int, points: float | None, **about: Any) -> ReviewItem:
    said = ReviewedCriterion(
        criterion="greeting",
        applicable=points is not None,
        points=points,
        computed_applicable=about.pop("computed_applicable", True),
        computed_points=10,
        max_points=15,
    )
    fields: dict[str, Any] = {
        "number": 1,
        "author": "ann",
        "reviewed_at": datetime(2026, 11, 20, tzinfo=UTC),
        "rubric": "clinic-call-v1",
        "rubric_version": 1,
        "reliability": ReliabilityLevel.HIGH,
        "scores": (said,),
        "clinic_id": "harbour",
        "call_id": f"call-{call}",
        "kind": CallKind.AGENT,
        "day": "2026-11-20",
    }
    return ReviewItem(**{**fields, **about})


def test_agreement_is_told_from_enough_pairs_on_with_its_interval() -> None:
    # 15 of 20 differ by a tenth of 15 points at most.
    near = [review(call, 11.5 if call % 2 else 8.5) for call in range(15)]
    far = [review(call, 4) for call in range(15, LEAST_PAIRS)]
    [found] = agreements([*near, *far])
    assert (found.pairs, found.enough, found.agree) == (20, True, 0.75)
    assert found.agree_low == pytest.approx(0.5313, abs=1e-4)
    assert found.agree_high == pytest.approx(0.8881, abs=1e-4)
    assert found.mean_difference == pytest.approx((7 * 1.5 - 8 * 1.5 - 5 * 6) / 20)
    assert found.mean_absolute_difference == pytest.approx((15 * 1.5 + 5 * 6) / 20)


def test_with_a_pair_too_few_no_figure_is_told() -> None:
    [found] = agreements(review(call, 10) for call in range(LEAST_PAIRS - 1))
    assert (found.pairs, found.enough) == (19, False)
    assert {found.agree, found.agree_low, found.agree_high, found.mean_difference} == {None}


def test_who_says_that_a_criterion_does_not_apply_gives_no_points_to_compare() -> None:
    found = agreements([review(1, None), review(2, 5, computed_applicable=False), review(3, 5)])[0]
    assert (found.reviews, found.pairs, found.applicability_differs) == (3, 1, 2)


def test_the_last_review_of_each_person_counts_and_none_that_was_taken_back() -> None:
    items = [
        review(1, 3, number=3),
        review(1, 9, number=1),
        review(1, 5, number=2, author="carol"),
        review(2, 5),
        review(2, 5, number=2, scores=()),
    ]
    [found] = agreements(items)
    assert found.reviews == 2


def test_pairs_of_calls_that_are_not_known_to_be_reliable_are_counted_apart() -> None:
    [found] = agreements(
        [review(1, 5), review(2, 5, reliability=ReliabilityLevel.DOUBTFUL), review(3, 5, reliability=None)]
    )
    assert (found.pairs, found.doubtful_pairs) == (3, 2)


def test_another_version_of_a_rubric_is_another_yardstick() -> None:
    assert [one.version for one in agreements([review(1, 5), review(2, 5, rubric_version=2)])] == [1, 2]
