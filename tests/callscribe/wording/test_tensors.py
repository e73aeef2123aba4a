"""Safetensors files are read, or refused by the place that does not fit."""

import json
from pathlib import Path

import numpy as np
import pytest

from callscribe.wording.tensors import InvalidTensors, read_tensors
from tests.callscribe.wording.weights import write_safetensors


def _file(path: Path, header: object, body: bytes = b"") -> Path:
    head = json.dumps(header).encode()
    path.write_bytes(len(head).to_bytes(8, "little") + head + body)
    return path


def test_arrays_and_metadata_are_read_and_other_kinds_passed_over(tmp_path: Path) -> None:
    path = _file(
        tmp_path / "a.safetensors",
        {
            "__metadata__": {"made": "here"},
            "half": {"dtype": "F16", "shape": [2, 1], "data_offsets": [0, 4]},
            "ids": {"dtype": "I64", "shape": [1], "data_offsets": [4, 12]},
        },
        np.array([1.5, -2], "<f2").tobytes() + bytes(8),
    )

    arrays, metadata = read_tensors(path)

    assert metadata == {"made": "here"}
    assert {name: array.tolist() for name, array in arrays.items()} == {"half": [[1.5], [-2.0]]}
    assert arrays["half"].dtype == np.float32


def test_single_precision_is_read_as_it_is(tmp_path: Path) -> None:
    array = np.array([[0.1, 0.2, 0.3]], np.float32)
    write_safetensors(tmp_path / "a.safetensors", {"x": array})

    np.testing.assert_array_equal(read_tensors(tmp_path / "a.safetensors")[0]["x"], array)


@pytest.mark.parametrize(
    "tensor",
    [
        {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]},
        {"dtype": "F32", "shape": "many", "data_offsets": [0, 4]},
    ],
)
def test_an_array_that_does_not_fit_is_refused(tmp_path: Path, tensor: object) -> None:
    path = _file(tmp_path / "a.safetensors", {"x": tensor}, bytes(4))

    with pytest.raises(InvalidTensors, match=r"a\.safetensors"):
        read_tensors(path)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 this is an archive", (1 << 40).to_bytes(8, "little") + b"{}"])
def test_another_file_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(data)

    with pytest.raises(InvalidTensors, match=r"a\.safetensors"):
        read_tensors(path)
