"""A folder of weights judges wording, or is refused by what it lacks."""

import json
import os
from pathlib import Path

import pytest

from callscribe.conversation.flags import flag_names
from callscribe.conversation.utterances import Role
from callscribe.conversation.wording import InvalidWording
from callscribe.wording.heads import TOKENIZER, WEIGHTS, EncodedWording
from tests.callscribe.wording.weights import write_folder

TRAINED = os.environ.get("CALLSCRIBE_WORDING")


def test_a_flag_is_meant_from_its_own_score_on_and_is_as_sure_as_its_score(tmp_path: Path) -> None:
    write_folder(tmp_path, scores={"complaint": (2.0, 1.0), "urgent": (0.5, 1.0), "callback_requested": (0.5, 0.0)})

    wording = EncodedWording(tmp_path)

    assert wording.name == "tiny-v1"
    assert wording.meant(Role.CUSTOMER, "more drops please") == {
        "complaint": pytest.approx(0.881, abs=0.001),
        "callback_requested": pytest.approx(0.622, abs=0.001),
    }


@pytest.mark.parametrize(
    ("lost", "named"),
    [
        ("embeddings.LayerNorm.bias", r"embeddings\.LayerNorm\.bias"),
        ("encoder.layer.1.output.dense.weight", r"encoder\.layer\.1\.output\.dense\.weight"),
        ("heads.bias", r"heads\.bias"),
        ("heads.least", r"heads\.least"),
    ],
)
def test_weights_that_are_missing_are_named(tmp_path: Path, lost: str, named: str) -> None:
    write_folder(tmp_path, without=lost)

    with pytest.raises(InvalidWording, match=named):
        EncodedWording(tmp_path)


@pytest.mark.parametrize("missing", [WEIGHTS, TOKENIZER])
def test_a_folder_without_a_file_is_refused_by_name(tmp_path: Path, missing: str) -> None:
    write_folder(tmp_path)
    (tmp_path / missing).unlink()

    with pytest.raises(InvalidWording, match=tmp_path.name):
        EncodedWording(tmp_path)


def test_another_tokenizer_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path)
    (tmp_path / TOKENIZER).write_text(json.dumps({"model": {}}), encoding="utf-8")

    with pytest.raises(InvalidWording, match="vocab"):
        EncodedWording(tmp_path)


@pytest.mark.skipif(TRAINED is None, reason="CALLSCRIBE_WORDING names no folder that benchmarks/train_wording.py wrote")
@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("I'd love to have somebody look at these old eyes of mine next week.", {"appointment_requested"}),
        (
            "Those vials for my pressure are about gone, another batch of them would be good.",
            {"prescription_refill"},
        ),
        ("Your parking lot is easy to find.", set()),
    ],
)
def test_with_trained_weights_wording_is_understood(text: str, flags: set[str]) -> None:
    assert TRAINED is not None
    meant = EncodedWording(Path(TRAINED)).meant(Role.CUSTOMER, text).keys()
    assert meant == flags
    assert meant <= set(flag_names())
