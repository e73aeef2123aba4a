"""The labelled corpus is what its guide says: readable, labelled with known names, and half of it adversarial."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

CORPUS = Path(__file__).parent / "corpus"
SENTENCES = "development-sentences.jsonl"
DIALOGUES = "development-dialogues.jsonl"
FILES = sorted(path.name for path in CORPUS.glob("*.jsonl"))
ALL_DIALOGUES = [name for name in FILES if name.endswith(DIALOGUES.partition("-")[2])]

FLAGS = {
    "appointment_requested",
    "insurance_mentioned",
    "callback_requested",
    "complaint",
    "cancellation_intent",
    "urgent",
    "prescription_refill",
}
# What the guide awards, the most last: a label of other points could never agree with a verdict. It does not say what a
# single interruption costs, so that only none and many can be labelled.
POINTS = {
    "greeting": ("0", "3", "4", "7", "8", "11", "12", "15"),
    "identification": ("0", "6", "12"),
    "needs": ("0", "3.33", "6.67", "10"),
    "answer": ("0", "15"),
    "empathy": ("0", "10"),
    "hold": ("0", "5"),
    "interruptions": ("0", "8"),
    "closing": ("0", "3", "7", "10"),
    "escalation": ("0", "15"),
}
ROLES = {"agent", "customer", "announcement"}
FIELDS = {
    SENTENCES: {"role", "text", "flags", "kind"},
    DIALOGUES: {
        "lines",
        "pause",
        "channels",
        "language",
        "confidence",
        "direction",
        "flags",
        "criteria",
        "reliability",
        "roles",
        "kind",
    },
}


def _items(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CORPUS / name).read_text(encoding="utf-8").splitlines()]


def test_there_is_a_part_to_measure_with() -> None:
    assert {name.partition("-")[0] for name in FILES} == {"development", "earlier", "fresh", "held_out"}


@pytest.mark.parametrize("name", FILES)
def test_every_line_has_fields_and_labels_of_the_guide(name: str) -> None:
    for item in _items(name):
        assert item.keys() <= FIELDS[DIALOGUES if name in ALL_DIALOGUES else SENTENCES], item
        assert set(item.get("flags", ())) <= FLAGS, item
        assert item["kind"] in {"plain", "adversarial"}, item
        assert {line[0] for line in item.get("lines", [[item.get("role")]])} <= ROLES, item
        assert item.get("reliability", "high") in {"high", "doubtful", "unusable"}, item
        assert len(item.get("roles", item.get("lines", ()))) == len(item.get("lines", ())), item


@pytest.mark.parametrize("name", ALL_DIALOGUES)
def test_points_are_those_that_the_criterion_awards(name: str) -> None:
    for item in _items(name):
        for criterion, points in item.get("criteria", {}).items():
            assert points in {"n/a", *(f"{awarded}/{POINTS[criterion][-1]}" for awarded in POINTS[criterion])}, item


@pytest.mark.parametrize("name", ALL_DIALOGUES)
def test_an_unusable_call_claims_no_flag(name: str) -> None:
    assert not [item for item in _items(name) if item.get("reliability") == "unusable" and item["flags"]]


def test_no_sentence_and_no_dialogue_stands_twice() -> None:
    texts = Counter(item["text"].casefold() for item in _items(SENTENCES))
    # The same words can be heard at another pace or on one channel, which is another dialogue.
    dialogues = Counter(
        json.dumps({key: value for key, value in item.items() if key not in {"flags", "criteria", "kind"}})
        for item in _items(DIALOGUES)
    )
    assert not [text for text, count in (texts + dialogues).items() if count > 1]


def test_what_is_held_out_stands_in_no_other_part() -> None:
    texts: dict[bool, set[str]] = {True: set(), False: set()}
    for name in FILES:
        texts[name.startswith("held_out-")] |= {
            json.dumps(item.get("lines", item.get("text"))).casefold() for item in _items(name)
        }

    assert not texts[True] & texts[False]


def test_every_flag_is_raised_often_enough_to_be_measured_and_half_of_all_is_adversarial() -> None:
    sentences = _items(SENTENCES)
    raised = Counter(flag for item in sentences for flag in item["flags"])
    kinds = Counter(item["kind"] for item in [*sentences, *_items(DIALOGUES)])

    assert {flag for flag, count in raised.items() if count >= 40} == FLAGS
    assert kinds["adversarial"] >= sum(kinds.values()) / 2
