"""A score is explained in words, and every reason that the rubric gives has some."""

import re
from pathlib import Path
from typing import Any

import pytest

from callscribe.judgement import criteria
from operations import score_words
from operations.score_words import between_live_and_recorded, evidence, points, why

TURNS: list[dict[str, Any]] = [
    {"text": "Thank you for calling.", "pieces": [[0, None, None]]},
    {"text": " ".join(["and"] * 40), "pieces": [[1, 0, 3], [2, 0, 1]]},
]


def criterion(reason: str = "complete", **more: Any) -> dict[str, Any]:
    return {"applicable": True, "points": 1, "max_points": 2, "evidence": [], "reason": reason, **more}


def reasons() -> set[str]:
    """What stands behind `reason=` in the criteria."""
    given = re.findall(r"reason=(.*)", Path(criteria.__file__).read_text())
    return {reason for line in given for reason in re.findall(r'"([a-z-]+)"', line)}


def test_every_reason_has_words() -> None:
    assert len(reasons()) > 20
    assert reasons() - set(score_words._WORDS) == set()


@pytest.mark.parametrize("reason", sorted(score_words._WORDS))
def test_a_reason_without_figures_has_words_as_well(reason: str) -> None:
    words = why(criterion(reason))
    assert words
    assert "{" not in words


@pytest.mark.parametrize(
    ("reason", "measures", "words"),
    [
        ("missing:farewell,anything-else", {}, "no farewell; did not ask whether there is anything else"),
        ("missing:own-part", {}, "missing: own-part"),
        ("asked-too-little", {"questions": 1}, "asked too little: 1"),
        ("answered", {}, "gave an answer"),
        ("answered", {"troubles": 2, "answered": 1}, "a kind word for 1 of 2 troubles"),
        ("not-answered", {"troubles": 1, "answered": 0}, "no kind word for 1 trouble"),
        ("too-much", {"agent_share": 0.8149}, "the agent spoke too much: 81% of what was said"),
        ("interrupted", {"interruptions": 1}, "interrupted the customer once"),
        ("interrupted", {"interruptions": 3}, "interrupted the customer 3 times"),
        ("low-confidence", {}, "low confidence"),
        ("of-a-later-version", {"x": 1}, "of a later version"),
    ],
)
def test_why_is_said_in_words(reason: str, measures: dict[str, float], words: str) -> None:
    assert why(criterion(reason, measures=measures)) == words


@pytest.mark.parametrize(
    ("reached", "shown"),
    [(6.67, "6.7"), (6.65, "6.7"), (0.25, "0.3"), (10.0, "10"), (0, "0"), (7.04, "7"), (100, "100")],
)
def test_points_are_rounded_as_people_do(reached: float, shown: str) -> None:
    assert points(criterion(points=reached, max_points=100.0)) == f"{shown} of 100"


def test_what_does_not_apply_has_no_points() -> None:
    assert points(criterion(applicable=False)) == "-"


def test_evidence_is_quoted_with_its_time() -> None:
    quotes = [{"turn": 0, "text": "for calling", "start": 65.2, "end": 66}]
    assert evidence(criterion(quotes=quotes), TURNS) == "turn 1, 1:05: “for calling”"


def test_a_quote_whose_words_are_elsewhere_shows_its_turn_and_a_long_one_is_cut_between_words() -> None:
    quotes = [{"turn": turn, "text": "", "start": start, "end": 99} for turn, start in ((0, 0), (1, 0), (1, 60))]
    first, second, more = evidence(criterion(quotes=quotes), TURNS).splitlines()
    assert first == "turn 1, 0:00: “Thank you for calling.”"
    assert second.endswith("and …”")
    assert len(second) < 100
    assert more == "and 1 more"


def test_a_turn_that_decided_several_things_is_shown_once() -> None:
    quote = {"turn": 0, "text": "Eye clinic, Sam speaking.", "start": 0, "end": 2}
    assert evidence({"quotes": [quote, quote, quote]}, ()) == "turn 1, 0:00: “Eye clinic, Sam speaking.”"


def test_a_score_from_before_quotes_names_its_turns() -> None:
    assert evidence(criterion(evidence=[0, 1, 2]), TURNS) == "turn 1, turn 2"
    assert evidence(criterion(evidence=[4]), ()) == "turn 5"


def test_a_score_that_is_one_of_two_says_why_they_differ() -> None:
    assert "live transcript" in str(between_live_and_recorded({"source": "live", "live": {}}))
    assert "has taken" in str(between_live_and_recorded({"source": "batch", "live": {"complete": False}}))
    assert between_live_and_recorded({"source": "batch"}) is None
    both = {"score": 80, "criteria": [criterion(criterion="greeting")]}
    same = {"source": "batch", "live": {"complete": False}, "quality": both, "live_quality": both}
    assert "same points" in str(between_live_and_recorded(same))
    judged_nothing = {"score": None, "criteria": [criterion(criterion="greeting", applicable=False)]}
    words = str(between_live_and_recorded(same | {"live_quality": judged_nothing}))
    assert "has unknown, and the recording 80 of 100" in words
