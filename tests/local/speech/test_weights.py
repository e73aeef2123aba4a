"""Which folders are taken for a Whisper model."""

from pathlib import Path

import pytest

from local.speech.engines.weights import bundled_model, check_model


def test_the_bundled_weights_are_a_model() -> None:
    check_model(bundled_model())


def test_a_folder_without_a_tokenizer_is_refused_because_one_would_be_fetched(tmp_path: Path) -> None:
    for name in ("model.bin", "config.json"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=r"tokenizer\.json missing"):
        check_model(tmp_path)
