"""Weights of a tiny encoder, as files and as arrays; its numbers mean nothing."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from callscribe.wording.tensors import Array

SIZE = 64
WIDE = 96
LAYERS = 2
VOCABULARY = ["[CLS]", "[SEP]", "[UNK]", "agent", "customer", ":", "more", "drops", "please"]


def tiny_weights() -> dict[str, Array]:
    """Every array that the encoder reads."""
    random = np.random.default_rng(5)

    def array(*shape: int) -> Array:
        return random.normal(0, 0.3, shape).astype(np.float32)

    weights = {
        "embeddings.word_embeddings.weight": array(len(VOCABULARY), SIZE),
        "embeddings.position_embeddings.weight": array(96, SIZE),
        "embeddings.token_type_embeddings.weight": array(2, SIZE),
        "embeddings.LayerNorm.weight": array(SIZE),
        "embeddings.LayerNorm.bias": array(SIZE),
    }
    for number in range(LAYERS):
        place = f"encoder.layer.{number}"
        for name, outputs, inputs in (
            ("attention.self.query", SIZE, SIZE),
            ("attention.self.key", SIZE, SIZE),
            ("attention.self.value", SIZE, SIZE),
            ("attention.output.dense", SIZE, SIZE),
            ("intermediate.dense", WIDE, SIZE),
            ("output.dense", SIZE, WIDE),
        ):
            weights[f"{place}.{name}.weight"] = array(outputs, inputs)
            weights[f"{place}.{name}.bias"] = array(outputs)
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            weights[f"{place}.{name}.weight"] = array(SIZE)
            weights[f"{place}.{name}.bias"] = array(SIZE)
    return weights


def write_safetensors(path: Path, arrays: Mapping[str, Array], metadata: Mapping[str, str] | None = None) -> None:
    """Write arrays of single precision."""
    header: dict[str, object] = {} if metadata is None else {"__metadata__": dict(metadata)}
    body = b""
    for name, array in arrays.items():
        data = array.astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    head = json.dumps(header).encode()
    path.write_bytes(len(head).to_bytes(8, "little") + head + body)


def write_folder(
    folder: Path, scores: Mapping[str, tuple[float, float]] = MappingProxyType({"urgent": (0, 0)}), without: str = ""
) -> None:
    """Write what a folder of weights has.

    Args:
        folder: where.
        scores: for each flag what any text scores, and what it has to.
        without: name of an array that is left out.
    """
    arrays = tiny_weights() | {
        "heads.weight": np.zeros((len(scores), 2 * SIZE), np.float32),
        "heads.bias": np.array([score for score, _ in scores.values()], np.float32),
        "heads.least": np.array([least for _, least in scores.values()], np.float32),
    }
    arrays.pop(without, None)
    write_safetensors(folder / "model.safetensors", arrays, {"name": "tiny-v1", "flags": " ".join(scores)})
    vocabulary = {piece: number for number, piece in enumerate(VOCABULARY)}
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": vocabulary}}), encoding="utf-8")
