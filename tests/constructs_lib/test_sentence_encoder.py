"""A sentence encoder beside the rules: what is checked at synth, which functions get it, what it is shipped with."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template

from constructs_lib import (
    CallTranscription,
    FunctionSettings,
    FunctionSize,
    LiveCalls,
    SentenceEncoder,
    _python_code,
    _sources,
)
from tests.callscribe.test_own_data import FLAGS
from tests.constructs_lib.live_parts import new_streamer
from tests.constructs_lib.parts import environment, new_stack, new_workflow, properties
from tests.fakes.weights import CONFIG, fake_weights, installed_weights

UNZIPPED_LIMIT = 250 * 1024 * 1024  # bytes (AWS: "Lambda quotas")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return fake_weights(tmp_path / "all-MiniLM-L6-v2")


@pytest.fixture
def encoder(weights: Path) -> SentenceEncoder:
    return SentenceEncoder(weights=weights)


def code(template: Template, function: lambda_.Function) -> str:
    key: str = properties(template, function)["Code"]["S3Key"]
    return key


def test_what_stores_transcripts_judges_by_it_with_more_memory_and_time(encoder: SentenceEncoder) -> None:
    stack, usual = new_stack(), new_stack()
    workflow, plain = new_workflow(stack, encoder=encoder), new_workflow(usual)
    template, usual_template = Template.from_stack(stack), Template.from_stack(usual)
    store, before = properties(template, workflow.store_function), properties(usual_template, plain.store_function)
    assert environment(template, workflow.store_function)["ENCODER_WEIGHTS"] == "encoder"
    assert environment(usual_template, plain.store_function)["ENCODER_WEIGHTS"] == ""
    assert store["MemorySize"] > before["MemorySize"]
    assert store["Timeout"] > before["Timeout"]
    without = code(usual_template, plain.admit_function)
    assert {code(template, one) for one in (workflow.admit_function, workflow.score_function)} == {without}
    assert code(template, workflow.store_function) != without


def test_one_statement_has_recordings_and_live_calls_judged_alike(encoder: SentenceEncoder) -> None:
    stack = new_stack()
    calls = CallTranscription(stack, "Calls", encoder=encoder, live=LiveCalls())
    assert calls.streamer is not None
    template = Template.from_stack(stack)
    stores = (calls.workflow.store_function, calls.streamer.store_function)
    assert {environment(template, one)["ENCODER_WEIGHTS"] for one in stores} == {"encoder"}
    assert len({code(template, one) for one in stores}) == 1
    assert code(template, calls.streamer.start_function) not in {code(template, one) for one in stores}


def test_the_hash_follows_the_weights_and_not_their_folder(encoder: SentenceEncoder, tmp_path: Path) -> None:
    same = SentenceEncoder(weights=str(shutil.copytree(encoder.folder, tmp_path / "elsewhere")))
    other = SentenceEncoder(weights=fake_weights(tmp_path / "other", content=bytes(12)))

    def key(one: SentenceEncoder) -> str:
        stack = new_stack()
        workflow = new_workflow(stack, encoder=one)
        return code(Template.from_stack(stack), workflow.store_function)

    assert key(encoder) == key(same) != key(other)


@pytest.mark.parametrize("missing", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_folder_without_a_file_is_refused_with_the_option_and_the_fix(weights: Path, missing: str) -> None:
    (weights / missing).unlink()
    with pytest.raises(
        ValueError, match=rf"^weights: .* has no {missing}: name the folder with the files of all-MiniLM"
    ):
        SentenceEncoder(weights=weights)


def test_another_model_and_a_broken_download_are_refused(weights: Path) -> None:
    whole = (weights / "model.safetensors").read_bytes()
    (weights / "model.safetensors").write_bytes(whole[:-3])
    with pytest.raises(ValueError, match=r"^weights: .*model\.safetensors cannot be read: it is not as long"):
        SentenceEncoder(weights=weights)
    (weights / "model.safetensors").write_bytes(whole)
    (weights / "config.json").write_text(json.dumps({**CONFIG, "hidden_size": 768}))
    with pytest.raises(ValueError, match=r"^weights: .* holds another model than all-MiniLM-L6-v2"):
        SentenceEncoder(weights=weights)


@pytest.mark.parametrize("value", ["", None, 5])
def test_what_is_no_folder_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^weights of .* are none: "):
        SentenceEncoder(weights=value)


@pytest.mark.parametrize("make", [new_workflow, new_streamer])
def test_flags_that_it_has_not_learnt_are_refused(make: Callable[..., Any], encoder: SentenceEncoder) -> None:
    with pytest.raises(
        ValueError, match="knows the flag set eye-clinic-v1 only, not front-desk: drop encoder, or flags"
    ):
        make(new_stack(), encoder=encoder, flags=FLAGS)


@pytest.mark.parametrize("make", [new_workflow, new_streamer])
def test_a_folder_in_its_place_is_refused(make: Callable[..., Any], weights: Path) -> None:
    with pytest.raises(ValueError, match="encoder"):
        make(new_stack(), encoder=str(weights))


def test_too_little_memory_for_it_is_refused(encoder: SentenceEncoder) -> None:
    small = FunctionSettings(sizes={"store_transcript": FunctionSize(memory_mib=512)})
    new_workflow(new_stack(), functions=small)
    with pytest.raises(ValueError, match="memory_mib of 512 of store_transcript is too little for encoder: choose"):
        new_workflow(new_stack(), functions=small, encoder=encoder)


def bundled(encoder: SentenceEncoder, folder: Path) -> bool:
    return _python_code._UvBundling("3.14", "linux", {}, encoder).try_bundle(str(folder))


def test_the_asset_has_its_code_and_of_the_folder_what_it_reads(
    encoder: SentenceEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (encoder.folder / "pytorch_model.bin").write_bytes(b"another form of the same")
    monkeypatch.setattr(_python_code._UvBundling, "_install", lambda *_: None)
    assert bundled(encoder, tmp_path / "asset")
    assert {path.name for path in (tmp_path / "asset" / "encoder").iterdir()} == {
        *("model.safetensors", "tokenizer.json", "config.json")
    }
    shipped = {path.name for path in (tmp_path / "asset" / "callscribe" / "encoder").iterdir()}
    assert {"engine.py", "minilm-eye-clinic-en-v1.safetensors"} <= shipped
    assert not {name for name in shipped if name.startswith("requirements.")}


def test_an_asset_that_lambda_would_not_take_fails_the_synthesis(
    encoder: SentenceEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_python_code._UvBundling, "_install", lambda *_: None)
    monkeypatch.setattr(_python_code, "_MOST_BYTES", 2**20)
    with pytest.raises(RuntimeError, match=r"the functions' code has \d+ MiB, and Lambda takes 1: leave out encoder"):
        bundled(encoder, tmp_path / "asset")


@pytest.mark.parametrize(
    "architecture", [lambda_.Architecture.ARM_64, lambda_.Architecture.X86_64], ids=["arm64", "x86_64"]
)
def test_with_the_real_weights_it_fits_on_every_processor(architecture: lambda_.Architecture, tmp_path: Path) -> None:
    real = SentenceEncoder(weights=installed_weights(tmp_path / "weights"))
    platform = _python_code._LINUX[architecture.name]
    assert _python_code._UvBundling("3.14", platform, {}, real).try_bundle(str(tmp_path / "asset"))
    files = [path for path in (tmp_path / "asset").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < UNZIPPED_LIMIT
    native = {path.relative_to(tmp_path / "asset").parts[0] for path in files if path.suffix == ".so"}
    assert {"numpy", "safetensors", "tokenizers"} <= native
    assert not (tmp_path / "asset" / "huggingface_hub").exists()


def test_the_default_asset_has_nothing_of_it() -> None:
    assert not [file for file in _sources.runtime_files() if "encoder" in file.parts]
    assert [file for file in _sources.runtime_files(encoder=True) if "encoder" in file.parts]
