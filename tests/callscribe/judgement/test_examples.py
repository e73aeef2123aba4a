"""The examples of the shipped rubric: what each criterion gives points for, and what it does not."""

import json
from collections import Counter
from typing import Any

import pytest

from callscribe.judge import verdict
from callscribe.judgement.quality import load_rubric
from callscribe.written_calls import read_call, transcript_of
from tests.conftest import ROOT

RUBRIC = load_rubric()
LINES = (ROOT / "tests" / "judgement" / "criteria-examples.jsonl").read_text(encoding="utf-8").splitlines()
EXAMPLES: list[dict[str, Any]] = [json.loads(line) for line in LINES]


@pytest.mark.parametrize("number", range(len(LINES)), ids=lambda number: f"{EXAMPLES[number]['criterion']}-{number}")
def test_an_example_gets_the_points_that_it_says(number: int) -> None:
    example = EXAMPLES[number]
    assert verdict(transcript_of(read_call(LINES[number])), RUBRIC)["criteria"][example["criterion"]] == example["want"]


def test_every_criterion_has_examples_with_and_without_all_its_points() -> None:
    full = Counter((example["criterion"], example["want"] == _all_points(example)) for example in EXAMPLES)
    for criterion in RUBRIC.criteria:
        assert min(full[criterion.id, True], full[criterion.id, False]) >= 3, criterion.id


def _all_points(example: dict[str, Any]) -> str:
    most = example["want"].split("/")[1]
    return f"{most}/{most}"
