"""all-MiniLM-L6-v2 in NumPy: what a text is about, as figures.

The architecture is BERT's (Devlin et al. 2019, arXiv:1810.04805) with six layers of 384 figures and twelve heads; the
sizes stand in the model's `config.json`, the names of the weights in its `model.safetensors`.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from callscribe.encoder.files import TOKENIZER, WEIGHTS, check_files
from callscribe.encoder.unavailable import EncoderUnavailable

Figures: TypeAlias = NDArray[np.float32]
_T = TypeVar("_T")

SIZE: Final = 384
HEADS: Final = 12
LAYERS: Final = 6
EPSILON: Final = 1e-12
CORRECTED: Final = range(LAYERS - 2, LAYERS)
"""The layers that heads bring corrections for."""
PLAIN: Final = slice(0, 4 * SIZE)
"""The figures of the model as it is."""
MEANS: Final = slice(2 * SIZE, 3 * SIZE)
"""Of these the ones by which its publisher compares texts: the means behind the last layer."""
_POOLED: Final = (1, 3)  # layers that know more of the wording, where the last knows more of the topic
_MOST_TOKENS: Final = 128


class SentenceEncoder:
    """Turns texts into figures, the same for the same text.

    Args:
        folder: where `model.safetensors`, `tokenizer.json` and `config.json` of all-MiniLM-L6-v2 are, as its publisher
            lays them out. Nothing is fetched.
        corrections: what is added to weights of the last two layers, by their names: the product of two factors, the
            second times the first.

    Attributes:
        weights: the model's weights by name, without the corrections.

    Raises:
        EncoderUnavailable: a file is missing, or the files are of another model.
    """

    def __init__(self, folder: Path, corrections: Mapping[str, tuple[Figures, Figures]] | None = None) -> None:
        check_files(folder)
        self.weights: Mapping[str, Figures] = _read(folder / WEIGHTS, load_file)
        self._tokenizer = _read(folder / TOKENIZER, lambda file: Tokenizer.from_file(str(file)))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(_MOST_TOKENS)
        try:
            self._layers = [_Layer(self.weights, f"encoder.layer.{index}.") for index in range(LAYERS)]
            corrected = {
                **self.weights,
                **{name: self.weights[name] + up @ down for name, (down, up) in (corrections or {}).items()},
            }
            self._corrected = [_Layer(corrected, f"encoder.layer.{index}.") for index in CORRECTED]
            self._words = self.weights["embeddings.word_embeddings.weight"]
            self._places = (
                self.weights["embeddings.position_embeddings.weight"]
                + self.weights["embeddings.token_type_embeddings.weight"][0]
            )
            self._first = _Norm(self.weights, "embeddings.LayerNorm.")
        except KeyError as error:
            raise EncoderUnavailable(f"{folder / WEIGHTS} has no {error.args[0]}: not all-MiniLM-L6-v2") from None

    def encode(self, text: str) -> Figures:
        """Encode a text.

        Returns:
            2,304 figures: of the model as it is, the means over the tokens behind its second, fourth and last layer,
            and the greatest behind the last; then mean and greatest behind the last of its corrected layers. What
            lies behind 128 tokens is left out.
        """
        state = self._first_state(text)
        figures = []
        for index, layer in enumerate(self._layers):
            if index == CORRECTED.start:
                corrected = state
            state = layer(state)
            if index in _POOLED:
                figures.append(state.mean(axis=0))
        for layer in self._corrected:
            corrected = layer(corrected)
        return np.concatenate(
            [*figures, state.mean(axis=0), state.max(axis=0), corrected.mean(axis=0), corrected.max(axis=0)]
        )

    def state_below(self, text: str, layer: int) -> Figures:
        """What a layer, counted from 0, is given: one row of figures for each token."""
        state = self._first_state(text)
        for below in self._layers[:layer]:
            state = below(state)
        return state

    def _first_state(self, text: str) -> Figures:
        tokens = self._tokenizer.encode(text).ids
        return self._first(self._words[tokens] + self._places[: len(tokens)])


def _read(file: Path, read: Callable[[Path], _T]) -> _T:
    try:
        return read(file)
    except Exception as error:  # noqa: BLE001 (tokenizers has no errors of its own)
        raise EncoderUnavailable(f"{file} cannot be read: {error}") from None


class _Linear:
    def __init__(self, weights: Mapping[str, Figures], name: str) -> None:
        self._weight = weights[f"{name}weight"].T
        self._bias = weights[f"{name}bias"]

    def __call__(self, values: Figures) -> Figures:
        product: Figures = values @ self._weight + self._bias
        return product


class _Norm:
    def __init__(self, weights: Mapping[str, Figures], name: str) -> None:
        self._weight = weights[f"{name}weight"]
        self._bias = weights[f"{name}bias"]

    def __call__(self, values: Figures) -> Figures:
        centred = values - values.mean(axis=-1, keepdims=True)
        spread = (centred * centred).mean(axis=-1, keepdims=True)
        normed: Figures = centred / (spread + EPSILON) ** 0.5 * self._weight + self._bias
        return normed


class _Layer:
    def __init__(self, weights: Mapping[str, Figures], name: str) -> None:
        self._query, self._key, self._value = (
            _Linear(weights, f"{name}attention.self.{part}.") for part in ("query", "key", "value")
        )
        self._attended = _Linear(weights, f"{name}attention.output.dense.")
        self._attended_norm = _Norm(weights, f"{name}attention.output.LayerNorm.")
        self._wide = _Linear(weights, f"{name}intermediate.dense.")
        self._narrow = _Linear(weights, f"{name}output.dense.")
        self._norm = _Norm(weights, f"{name}output.LayerNorm.")

    def __call__(self, state: Figures) -> Figures:
        count, size = state.shape
        query, key, value = (
            part(state).reshape(count, HEADS, size // HEADS).transpose(1, 0, 2)
            for part in (self._query, self._key, self._value)
        )
        mixed = _softmax(query @ key.transpose(0, 2, 1) / (size // HEADS) ** 0.5) @ value
        state = self._attended_norm(state + self._attended(mixed.transpose(1, 0, 2).reshape(count, size)))
        return self._norm(state + self._narrow(_gelu(self._wide(state))))


def _softmax(values: Figures) -> Figures:
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    shares: Figures = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def _gelu(values: Figures) -> Figures:
    """X times the normal distribution's share below x; its error function by Abramowitz and Stegun 7.1.26."""
    scaled = np.abs(values) * np.float32(0.5**0.5)
    step = 1 / (1 + np.float32(0.3275911) * scaled)
    series = np.zeros_like(step)
    for coefficient in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series = (series + np.float32(coefficient)) * step
    error = np.sign(values) * (1 - series * np.exp(-scaled * scaled))
    activated: Figures = (values * (1 + error) * np.float32(0.5)).astype(np.float32)
    return activated
