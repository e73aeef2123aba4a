"""The files of the encoder: which they are, and whether they are those of all-MiniLM-L6-v2; none of it is loaded."""

import json
from pathlib import Path
from typing import Any, Final

from callscribe.encoder.unavailable import EncoderUnavailable

WEIGHTS: Final = "model.safetensors"
TOKENIZER: Final = "tokenizer.json"
CONFIG: Final = "config.json"
FILES: Final = (WEIGHTS, TOKENIZER, CONFIG)
DEFAULT_HEADS: Final = "minilm-eye-clinic-en-v1"
"""Heads that ship, a file beside this one."""
_ARCHITECTURE: Final = {
    "model_type": "bert",
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
}
_LENGTH_BYTES: Final = 8


def check_files(folder: Path) -> None:
    """Make sure that a folder has the model's files, each as long as it says.

    Raises:
        EncoderUnavailable: A file is missing, cannot be read or is cut short, or they are of another model.
    """
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise EncoderUnavailable(
            f"{folder} has no {', '.join(missing)}: name the folder with the files of all-MiniLM-L6-v2"
        )
    config = _read_json(folder / CONFIG)
    if not isinstance(config, dict) or any(config.get(name) != value for name, value in _ARCHITECTURE.items()):
        raise EncoderUnavailable(f"{folder} holds another model than all-MiniLM-L6-v2")
    _read_json(folder / TOKENIZER)
    read_header(folder / WEIGHTS)


def read_header(file: Path) -> dict[str, Any]:
    """Read what a file of weights says of itself.

    Such a file begins with eight bytes that tell the length of the JSON behind them, little end first, which names each
    part with where it begins and ends behind that (safetensors, "Format").

    Raises:
        EncoderUnavailable: It cannot be read, or is not as long as it says.
    """
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(_LENGTH_BYTES), "little")
            size = file.stat().st_size - _LENGTH_BYTES
            if not 0 < length <= size:
                raise EncoderUnavailable(f"{file} cannot be read: it is no file of weights, or cut short")
            header: dict[str, Any] = json.loads(opened.read(length))
        ends = [part["data_offsets"][1] for name, part in header.items() if name != "__metadata__"]
    except (OSError, ValueError, TypeError, AttributeError, LookupError) as error:
        raise EncoderUnavailable(f"{file} cannot be read: {error}") from None
    if length + max(ends, default=0) != size:
        raise EncoderUnavailable(f"{file} cannot be read: it is not as long as it says, as after a broken download")
    return header


def _read_json(file: Path) -> Any:
    try:
        return json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise EncoderUnavailable(f"{file} cannot be read: {error}") from None
