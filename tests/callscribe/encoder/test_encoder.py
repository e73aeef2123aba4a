"""The sentence encoder with the real weights: what it says, and what is said where something is missing."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from callscribe.conversation.flags import load_flag_set
from callscribe.encoder.engine import EncoderEngine
from callscribe.encoder.files import check_files
from callscribe.encoder.heads import load_heads
from callscribe.encoder.model import MEANS
from callscribe.encoder.opening import open_encoder
from callscribe.encoder.unavailable import EncoderUnavailable
from callscribe.written_calls import Line, WrittenCall, transcript_of
from operations.command_line import main
from tests.fakes.weights import fake_weights, installed_weights

CORPUS = Path(__file__).parents[2] / "judgement" / "corpus"
MISSED_BY_RULES = "The little bottle for my pressure is down to nothing, what now?"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = installed_weights(tmp_path_factory.mktemp("weights"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def engine(weights: Path) -> EncoderEngine:
    return open_encoder(weights)


def _likeness(engine: EncoderEngine, one: str, other: str) -> float:
    first, second = (engine.encoder.encode(text)[MEANS] for text in (one, other))
    return float(first @ second / np.linalg.norm(first) / np.linalg.norm(second))


def test_what_means_the_same_is_nearer_than_what_shares_words(engine: EncoderEngine) -> None:
    asked = "How can I reset my password?"
    assert _likeness(engine, asked, "I forgot my login, what now?") > _likeness(
        engine, asked, "How can I bake my bread?"
    )


def test_the_figures_are_those_that_the_models_publisher_shows(engine: EncoderEngine) -> None:
    # sentence-transformers, "Semantic Textual Similarity": all-MiniLM-L6-v2 gives these pairs 0.6660 and 0.1046.
    weather = "The weather is lovely today."
    assert _likeness(engine, weather, "It's so sunny outside!") == pytest.approx(0.6660, abs=0.0005)
    assert _likeness(engine, weather, "He drove to the stadium.") == pytest.approx(0.1046, abs=0.0005)


def test_the_same_text_has_the_same_scores_whatever_was_read_before(engine: EncoderEngine) -> None:
    first = engine.read(MISSED_BY_RULES)
    engine.read("Somebody else says something else.")
    assert engine.read(MISSED_BY_RULES) == first


def test_of_a_word_or_two_nothing_is_known(engine: EncoderEngine) -> None:
    assert engine.read("Yes, please.") == {}


def test_a_text_longer_than_the_model_takes_is_read_as_far_as_it_goes(engine: EncoderEngine) -> None:
    assert engine.read("word " * 600).keys() == set(load_flag_set().names)


def _judged(
    lines: list[dict[str, Any]], arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> list[dict[str, Any]]:
    calls = tmp_path / "calls.jsonl"
    calls.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert main(["judge", "--jsonl", str(calls), *arguments]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_transcript_says_which_engine_looked_for_its_flags(engine: EncoderEngine) -> None:
    call = WrittenCall(lines=(Line("agent", "Eye clinic."), Line("customer", MISSED_BY_RULES)))
    alone, together = transcript_of(call), transcript_of(call, wording=engine)
    assert alone.wording is None
    assert together.wording == engine.version
    (found,) = together.summary.flag("prescription_refill").evidence
    assert found.rule == f"{engine.version.name}/{engine.version.version}"


def test_judge_says_which_engine_spoke_and_which_labelled_sentences_are_nearest(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[dict[str, Any]] = [{"role": "customer", "text": MISSED_BY_RULES}]
    (alone,) = _judged(said, [], tmp_path, capsys)
    (together,) = _judged(said, ["--engine", "encoder", "--weights", str(weights)], tmp_path, capsys)

    assert alone["flags"] == []
    assert together["flags"] == ["prescription_refill"]
    (evidence,) = (found for found in together["evidence"] if found["for"] == "prescription_refill")
    assert evidence["source"] == "wording"
    assert evidence["rule"].startswith("minilm-eye-clinic-en-v1/")
    assert evidence["words"] == MISSED_BY_RULES
    assert len(evidence["nearest"]) == 2


def test_what_an_agent_says_is_not_read(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (judged,) = _judged(
        [{"role": "agent", "text": MISSED_BY_RULES}],
        ["--engine", "encoder", "--weights", str(weights)],
        tmp_path,
        capsys,
    )
    assert "wording" not in {found.get("source") for found in judged["evidence"]}


def test_heads_fit_the_flag_set_and_explain_with_nothing_that_is_held_out() -> None:
    about = load_heads().about
    held_out = {
        json.loads(line).get("text")
        for file in CORPUS.glob("held_out-*-sentences.jsonl")
        for line in file.read_text("utf-8").splitlines()
    }
    assert about.flag_set == load_flag_set().file.name
    assert about.flags == load_flag_set().names
    assert {flag for flag, _ in about.examples} == set(about.flags)
    assert held_out
    assert held_out.isdisjoint(text for _, text in about.examples)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--engine", "encoder"], "--engine encoder needs --weights FOLDER"),
        (["--weights", "."], "--weights is for --engine encoder"),
        (
            ["--engine", "encoder", "--weights", "nowhere"],
            "nowhere has no model.safetensors, tokenizer.json, config.json",
        ),
    ],
)
def test_judge_says_what_is_missing(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["judge", "--jsonl", "-", *arguments])
    assert refused.value.code == 2
    assert said in capsys.readouterr().err


def test_a_flag_set_that_the_heads_do_not_know_is_refused(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own.json"
    content = json.loads(
        (Path(sys.modules["callscribe"].__path__[0]) / "flag_sets" / "eye-clinic-v1.json").read_bytes()
    )
    own.write_text(json.dumps(content | {"name": "own"}))
    with pytest.raises(SystemExit):
        main(["judge", "--jsonl", "-", "--flags", str(own), "--engine", "encoder", "--weights", str(weights)])
    assert "knows the flag set eye-clinic-v1 only, not own" in capsys.readouterr().err


def test_another_model_is_refused(weights: Path, tmp_path: Path) -> None:
    for name in ("tokenizer.json", "model.safetensors"):
        (tmp_path / name).symlink_to(weights / name)
    config = json.loads((weights / "config.json").read_bytes())
    (tmp_path / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 12}))
    with pytest.raises(EncoderUnavailable, match="another model than all-MiniLM-L6-v2"):
        open_encoder(tmp_path)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_file_that_is_broken_is_named(name: str, weights: Path, tmp_path: Path) -> None:
    for other in ("config.json", "model.safetensors", "tokenizer.json"):
        (tmp_path / other).symlink_to(weights / other)
    (tmp_path / name).unlink()
    (tmp_path / name).write_bytes(b"broken")
    with pytest.raises(EncoderUnavailable, match=f"{name} cannot be read"):
        open_encoder(tmp_path)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "no file of weights, or cut short"),
        (b"\x02\0\0\0\0\0\0\0[]", "cannot be read"),
        (b"", "no file of weights, or cut short"),
    ],
)
def test_a_pointer_in_place_of_the_weights_is_told_without_loading_anything(
    tmp_path: Path, broken: bytes, said: str
) -> None:
    (fake_weights(tmp_path) / "model.safetensors").write_bytes(broken)
    with pytest.raises(EncoderUnavailable, match=said):
        check_files(tmp_path)


def test_weights_that_are_cut_short_are_told_without_loading_anything(tmp_path: Path) -> None:
    weights = fake_weights(tmp_path) / "model.safetensors"
    check_files(tmp_path)
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(EncoderUnavailable, match="as after a broken download"):
        check_files(tmp_path)


def test_without_its_packages_the_fix_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.startswith("callscribe.encoder.")]:
        if not module.endswith((".opening", ".unavailable")):
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(EncoderUnavailable, match=r"needs the package safetensors: pip install 'callscribe\[encoder\]'"):
        open_encoder(tmp_path)
