"""Reads arrays from a safetensors file.

Source of the format: https://huggingface.co/docs/safetensors — eight bytes with the length of a header, the header as
JSON, the arrays.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from callscribe.serialization import InvalidData, decode, decode_json

Array = NDArray[np.float32]

_LENGTH_BYTES: Final = 8
_LONGEST_HEADER: Final = 1 << 24
_KINDS: Final[Mapping[str, np.dtype[Any]]] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2")}
_METADATA: Final = "__metadata__"


class InvalidTensors(ValueError):
    """A file is no safetensors file, or its arrays are of a kind that is not read; the message names the place."""


class _Tensor(msgspec.Struct, frozen=True, kw_only=True):
    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


def read_tensors(path: Path) -> tuple[Mapping[str, Array], Mapping[str, str]]:
    """Read the arrays of numbers with a fraction, as single precision, and the metadata of a file.

    Raises:
        InvalidTensors: it is none.
        OSError: it cannot be read.
    """
    data = path.read_bytes()
    length = int.from_bytes(data[:_LENGTH_BYTES], "little")
    body = _LENGTH_BYTES + length
    if not 0 < length <= min(_LONGEST_HEADER, len(data) - _LENGTH_BYTES):
        raise InvalidTensors(f"{path.name}: no safetensors file")
    try:
        header = decode_json(dict[str, Any], data[_LENGTH_BYTES:body], path.name)
        metadata = decode(dict[str, str], header.pop(_METADATA, {}), f"{path.name}: {_METADATA}")
        tensors = decode(dict[str, _Tensor], header, path.name)
    except InvalidData as error:
        raise InvalidTensors(str(error)) from None
    arrays: dict[str, Array] = {}
    for name, tensor in tensors.items():
        kind = _KINDS.get(tensor.dtype)
        if kind is None:
            continue
        first, last = tensor.data_offsets
        count = math.prod(tensor.shape)
        if first < 0 or last - first != count * kind.itemsize or body + last > len(data):
            raise InvalidTensors(f"{path.name}: {name} does not fit")
        array = np.frombuffer(data, kind, count, body + first).reshape(tensor.shape)
        arrays[name] = array.astype(np.float32)
    return arrays, metadata
