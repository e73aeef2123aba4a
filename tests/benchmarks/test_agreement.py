"""What is counted where the rules and the labelled corpus differ."""

import json
from pathlib import Path

import pytest

from benchmarks.agreement import CORPUS, DOCUMENT, Flags, corpus, main, measure, tables
from callscribe.conversation.wording import WordingVersion

ANSWERED = {"lines": [["customer", "Is it in?"], ["agent", "It came in yesterday."]], "criteria": {"answer": "15/15"}}
REFUSED = {"lines": [["customer", "Is it in?"], ["agent", "I have no idea."]], "criteria": {"answer": "15/15"}}


def test_agreement_and_misses_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    file.write_text(f"{json.dumps(ANSWERED)}\n\n{json.dumps(REFUSED)}\n")
    found = measure(corpus([file]))
    assert (found.agreed["answer"], found.labelled["answer"]) == (1, 2)
    assert [miss[:30] for miss in found.misses] == ["answer 0/15, should be 15/15: "]
    (_, criteria, _) = tables({"these": found})
    assert criteria.rows[0] == ("`answer`", "0.50 (2)")


@pytest.mark.parametrize(
    ("counts", "precision", "recall"),
    [(Flags(), None, None), (Flags(right=3, false=1), 0.75, 1), (Flags(right=1, missed=3), 1, 0.25)],
)
def test_precision_and_recall(counts: Flags, precision: float | None, recall: float | None) -> None:
    assert (counts.precision, counts.recall) == (precision, recall)


def test_the_criteria_agree_with_the_development_part() -> None:
    found = measure(corpus([CORPUS / "development-dialogues.jsonl"]))
    assert found.agreed.total() / found.labelled.total() >= 0.9


def test_the_document_has_a_place_for_each_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copied = tmp_path / DOCUMENT.name
    copied.write_text(DOCUMENT.read_text("utf-8"), "utf-8")
    monkeypatch.setattr("benchmarks.agreement.DOCUMENT", copied)
    file = tmp_path / "calls.jsonl"
    file.write_text(json.dumps(ANSWERED))
    assert main([str(file), "--write"]) == 0
    assert "| `answer` | 1.00 (1) |\n" in copied.read_text("utf-8")
    assert "calls, plain" in capsys.readouterr().out


def test_what_is_held_out_is_measured_without_showing_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchmarks.agreement.CORPUS", tmp_path)
    for part in ("development", "held_out"):
        missed = {"role": "customer", "text": f"A {part.replace('_', ' ')} sentence.", "flags": ["urgent"]}
        (tmp_path / f"{part}-plain.jsonl").write_text(json.dumps(missed))

    main([])
    by_default = capsys.readouterr().out
    main([str(tmp_path / "held_out-plain.jsonl")])

    assert "A development sentence." in by_default
    assert "held out, plain: 1 misses" in by_default
    assert "A held out sentence." not in by_default
    assert "A held out sentence." in capsys.readouterr().out


def test_rules_and_encoder_together_are_measured_in_what_is_held_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Vetoes:
        version = WordingVersion(name="vetoes", version=1)
        adds, vetoes, certainty, nearest = False, True, 0.1, ()

        def read(self, text: str) -> dict[str, "Vetoes"]:
            return {"appointment_requested": self}

    monkeypatch.setattr("benchmarks.agreement.open_encoder", lambda _: Vetoes())
    copied = tmp_path / DOCUMENT.name
    copied.write_text(DOCUMENT.read_text("utf-8"), "utf-8")
    monkeypatch.setattr("benchmarks.agreement.DOCUMENT", copied)
    asked = {"role": "customer", "text": "I would like an appointment.", "flags": ["appointment_requested"]}
    for part in ("development", "held_out"):
        (tmp_path / f"{part}-plain.jsonl").write_text(json.dumps(asked))

    main([str(file) for file in sorted(tmp_path.glob("*.jsonl"))] + ["--weights", str(tmp_path), "--write"])

    assert capsys.readouterr().out
    written = copied.read_text("utf-8")
    assert "| `appointment_requested` | 1.00 / 1.00 (1) | 1.00 / 1.00 (1) |" in written
    assert "| flag | held out, plain |\n| --- | ---: |\n| `appointment_requested` | – / 0.00 (1) |" in written
