"""A small BERT encoder in numpy: what a text means, as a vector.

It computes what the weights of all-MiniLM-L6-v2 compute, or others of that shape, one text at a time and without a
runtime: a sentence of twelve words takes thirteen milliseconds of one core.
"""

import math
from collections.abc import Mapping
from typing import Final

import numpy as np

from callscribe.wording.tensors import Array
from callscribe.wording.word_pieces import WordPieces

MOST_PIECES: Final = 96
"""Pieces of a text that are read; what is behind them is not."""

_HEAD_SIZE: Final = 32
_EPSILON: Final = np.float32(1e-12)
_BEFORE: Final = "encoder.layer"


class Encoder:
    """Encodes texts.

    Args:
        weights: the arrays, by the names that BERT models have.
        pieces: cuts texts.

    Raises:
        KeyError: an array is not there.
    """

    def __init__(self, weights: Mapping[str, Array], pieces: WordPieces) -> None:
        self._pieces = pieces
        self._words = weights["embeddings.word_embeddings.weight"]
        self._positions = weights["embeddings.position_embeddings.weight"]
        self._kind = weights["embeddings.token_type_embeddings.weight"][0]
        self._first_norm = _norm(weights, "embeddings.LayerNorm")
        self._layers = tuple(_Layer(weights, f"{_BEFORE}.{number}") for number in range(_layer_count(weights)))

    def encode(self, text: str) -> Array:
        """The mean and, behind it, the maximum of the pieces' vectors."""
        numbers = self._pieces.numbers(text, MOST_PIECES)
        state = _normalised(self._words[numbers] + self._positions[: len(numbers)] + self._kind, self._first_norm)
        for layer in self._layers:
            state = layer.of(state)
        return np.concatenate([state.mean(0), state.max(0)])


_Linear = tuple[Array, Array]


class _Layer:
    def __init__(self, weights: Mapping[str, Array], place: str) -> None:
        def linear(name: str) -> _Linear:
            return np.ascontiguousarray(weights[f"{place}.{name}.weight"].T), weights[f"{place}.{name}.bias"]

        self._query, self._key, self._value = (linear(f"attention.self.{name}") for name in ("query", "key", "value"))
        self._attended = linear("attention.output.dense")
        self._attended_norm = _norm(weights, f"{place}.attention.output.LayerNorm")
        self._wide, self._narrow = linear("intermediate.dense"), linear("output.dense")
        self._norm = _norm(weights, f"{place}.output.LayerNorm")

    def of(self, state: Array) -> Array:
        count, size = state.shape
        query, key, value = (
            (state @ weight + bias).reshape(count, size // _HEAD_SIZE, _HEAD_SIZE).transpose(1, 0, 2)
            for weight, bias in (self._query, self._key, self._value)
        )
        attention = query @ key.transpose(0, 2, 1) / np.float32(math.sqrt(_HEAD_SIZE))
        attention = np.exp(attention - attention.max(-1, keepdims=True))
        attention /= attention.sum(-1, keepdims=True)
        attended = (attention @ value).transpose(1, 0, 2).reshape(count, size)
        state = _normalised(state + attended @ self._attended[0] + self._attended[1], self._attended_norm)
        wide = _gelu(state @ self._wide[0] + self._wide[1])
        return _normalised(state + wide @ self._narrow[0] + self._narrow[1], self._norm)


def _layer_count(weights: Mapping[str, Array]) -> int:
    return sum(name.endswith(".attention.self.query.weight") for name in weights)


def _norm(weights: Mapping[str, Array], place: str) -> _Linear:
    return weights[f"{place}.weight"], weights[f"{place}.bias"]


def _normalised(state: Array, norm: _Linear) -> Array:
    centred = state - state.mean(-1, keepdims=True)
    scaled: Array = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + _EPSILON) * norm[0] + norm[1]
    return scaled


def _gelu(value: Array) -> Array:
    activated: Array = 0.5 * value * (1 + _erf(value / np.float32(math.sqrt(2))))
    return activated


def _erf(value: Array) -> Array:
    """The error function to 1.5e-7: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26."""
    size = np.abs(value)
    t = 1 / (1 + np.float32(0.3275911) * size)
    series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    result: Array = (np.sign(value) * (1 - series * np.exp(-size * size))).astype(np.float32)
    return result
