"""``python -m benchmarks.encoder --weights FOLDER``: trains the heads of the sentence encoder and writes their file.

The thresholds are chosen with heads that have not seen a part of the fresh sentences, on these; then all are trained
with. It needs PyTorch and scikit-learn, which no lock has: ``uv pip install torch scikit-learn``.
"""

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

import numpy as np

from benchmarks.samples import Figures, Sample, chosen, samples, tell
from benchmarks.wording import unseen_scores
from callscribe.conversation.flags import DEFAULT_FLAG_SET, load_flag_set
from callscribe.encoder.files import DEFAULT_HEADS
from callscribe.encoder.heads import About, Heads, save_heads
from callscribe.encoder.model import CORRECTED, EPSILON, HEADS, MEANS, PLAIN, SIZE, SentenceEncoder
from callscribe.encoder.unavailable import EncoderUnavailable

_VERSION: Final = 2
_PARTS: Final = 3
"""One of so many parts of the fresh sentences is left out to choose thresholds with."""
_DECAY: Final = 0.02
_STEPS: Final = 200
_RANK: Final = 16
_EPOCHS: Final = 6
_BATCH: Final = 32
_PACE: Final = 1e-3
_WARM_UP: Final = 0.06
_DROPOUT: Final = 0.1
OUTPUT: Final = Path(__file__).parent.parent / "callscribe" / "encoder" / f"{DEFAULT_HEADS}.safetensors"
_EXAMPLES: Final = 100
"""Labelled sentences of each flag that are kept to explain with."""


class Trained(NamedTuple):
    """What a training finds.

    Attributes:
        corrections: for each weight that is corrected the two factors of its correction.
        weights: of the heads, one row for each flag.
        biases: of the heads.
    """

    corrections: dict[str, tuple[Figures, Figures]]
    weights: Figures
    biases: Figures


def train(encoder: SentenceEncoder, heard: Sequence[Sample]) -> Trained:
    """Fit heads on the model as it is, and on corrected layers of it; scores are the mean of both."""
    corrected = correct(encoder, heard)
    figures = np.array([encoder.encode(sample.text)[PLAIN] for sample in heard])
    weights, biases = fit(figures, heard)
    return Trained(
        corrections=corrected.corrections,
        weights=np.concatenate([weights, corrected.weights], axis=1, dtype=np.float32) / np.float32(2),
        biases=(biases + corrected.biases) / np.float32(2),
    )


def fit(figures: Figures, heard: Sequence[Sample]) -> tuple[Figures, Figures]:
    """Fit a logistic head for each flag, by accelerated gradient descent on all samples.

    Returns:
        Weights, one row for each flag, and biases.
    """
    raised = np.array([sample.raised for sample in heard], np.float32)
    known = np.array([sample.known for sample in heard], np.float32)
    mean, spread = figures.mean(axis=0), figures.std(axis=0) + 1e-6
    scaled = (figures - mean) / spread
    direction = np.ones(scaled.shape[1], np.float32)
    for _ in range(8):  # towards the greatest curvature, which bounds a step
        direction = scaled.T @ (scaled @ direction)
        length = float(np.linalg.norm(direction))
        direction /= length
    curvature = length / len(heard) / 4 + _DECAY
    share = raised.mean(axis=0) + 1e-4
    weights = ahead = np.zeros((scaled.shape[1], raised.shape[1]), np.float32)
    biases = biases_ahead = np.log(share / (1 - share))
    pace = 1.0
    for _ in range(_STEPS):
        error = (1 / (1 + np.exp(-(scaled @ ahead + biases_ahead))) - raised) * known
        new_weights = ahead - (scaled.T @ error / len(heard) + _DECAY * ahead) / curvature
        new_biases = biases_ahead - 2 * error.mean(axis=0)
        new_pace = (1 + (1 + 4 * pace * pace) ** 0.5) / 2
        momentum = (pace - 1) / new_pace
        ahead = new_weights + momentum * (new_weights - weights)
        biases_ahead = new_biases + momentum * (new_biases - biases)
        weights, biases, pace = new_weights, new_biases, new_pace
    unscaled = (weights / spread[:, None]).T.astype(np.float32)
    return unscaled, (biases - (mean / spread) @ weights).astype(np.float32)


def correct(encoder: SentenceEncoder, heard: Sequence[Sample]) -> Trained:
    """Fit heads, and corrections of low rank (Hu et al. 2021, arXiv:2106.09685) to the last two layers below them."""
    import torch
    from torch.nn import functional

    torch.manual_seed(0)
    torch.set_num_threads(1)  # whose sums have one order
    order = Random(0)
    states = [torch.from_numpy(encoder.state_below(sample.text, min(CORRECTED))) for sample in heard]
    raised = torch.tensor([sample.raised for sample in heard], dtype=torch.float32)
    known = torch.tensor([sample.known for sample in heard], dtype=torch.float32)
    fixed = {name: torch.from_numpy(value) for name, value in encoder.weights.items()}
    changes = {
        name: (
            (torch.randn(_RANK, fixed[name].shape[1]) / fixed[name].shape[1] ** 0.5).requires_grad_(),
            torch.zeros(fixed[name].shape[0], _RANK, requires_grad=True),
        )
        for name in _corrected_weights()
    }
    head = torch.nn.Linear(2 * SIZE, raised.shape[1])

    def linear(values: Any, name: str) -> Any:
        down, up = changes[f"{name}.weight"]
        return functional.linear(values, fixed[f"{name}.weight"], fixed[f"{name}.bias"]) + (values @ down.T) @ up.T

    def normed(values: Any, name: str) -> Any:
        return functional.layer_norm(
            values, values.shape[-1:], fixed[f"{name}.weight"], fixed[f"{name}.bias"], eps=EPSILON
        )

    def scores(places: Sequence[int]) -> Any:
        longest = max(len(states[place]) for place in places)
        values = torch.stack(
            [functional.pad(states[place], (0, 0, 0, longest - len(states[place]))) for place in places]
        )
        there = torch.tensor([[index < len(states[place]) for index in range(longest)] for place in places])
        for layer in CORRECTED:
            within = f"encoder.layer.{layer}."
            query, key, value = (
                linear(values, f"{within}attention.self.{part}").unflatten(-1, (HEADS, -1)).transpose(1, 2)
                for part in ("query", "key", "value")
            )
            likeness = query @ key.transpose(2, 3) / query.shape[-1] ** 0.5
            shares = likeness.masked_fill(~there[:, None, None, :], float("-inf")).softmax(-1)
            mixed = (functional.dropout(shares, _DROPOUT) @ value).transpose(1, 2).flatten(2)
            mixed = functional.dropout(linear(mixed, f"{within}attention.output.dense"), _DROPOUT)
            values = normed(values + mixed, f"{within}attention.output.LayerNorm")
            wide = functional.gelu(linear(values, f"{within}intermediate.dense"))
            wide = functional.dropout(linear(wide, f"{within}output.dense"), _DROPOUT)
            values = normed(values + wide, f"{within}output.LayerNorm")
        alone = there[:, :, None]
        mean = (values * alone).sum(1) / alone.sum(1)
        greatest = values.masked_fill(~alone, float("-inf")).amax(1)
        return head(functional.dropout(torch.cat([mean, greatest], -1), _DROPOUT))

    corrections = [factor for factors in changes.values() for factor in factors]
    optimizer = torch.optim.AdamW(
        [{"params": corrections, "lr": _PACE}, {"params": list(head.parameters()), "lr": 2 * _PACE}], weight_decay=0.01
    )
    steps = _EPOCHS * math.ceil(len(heard) / _BATCH)
    pace = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / (_WARM_UP * steps)) * max(0.0, 1 - step / steps)
    )
    for epoch in range(_EPOCHS):
        total = 0.0
        for places in _batches([len(state) for state in states], order):
            missed = functional.binary_cross_entropy_with_logits(scores(places), raised[places], reduction="none")
            loss = (missed * known[places]).sum() / len(places)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(corrections, 1.0)
            optimizer.step()
            pace.step()
            total += float(loss.detach()) * len(places)
        print(f"epoch {epoch + 1} of {_EPOCHS}: loss {total / len(heard):.3f}", flush=True)
    return Trained(
        corrections={name: (down.detach().numpy(), up.detach().numpy()) for name, (down, up) in changes.items()},
        weights=head.weight.detach().numpy(),
        biases=head.bias.detach().numpy(),
    )


def _corrected_weights() -> Iterator[str]:
    for layer in CORRECTED:
        for part in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            yield f"encoder.layer.{layer}.{part}.weight"
        yield f"encoder.layer.{layer}.intermediate.dense.weight"
        yield f"encoder.layer.{layer}.output.dense.weight"


def _batches(lengths: Sequence[int], order: Random) -> list[list[int]]:
    """All places in a random order, those of like length together, so that little is padded."""
    places = [*range(len(lengths))]
    order.shuffle(places)
    nearby = [
        sorted(places[start : start + 8 * _BATCH], key=lengths.__getitem__)
        for start in range(0, len(places), 8 * _BATCH)
    ]
    batches = [some[start : start + _BATCH] for some in nearby for start in range(0, len(some), _BATCH)]
    order.shuffle(batches)
    return batches


def main(argv: Sequence[str] | None = None) -> int:
    """Train twice, to choose thresholds and for good; print what was chosen, and write the file."""
    parser = argparse.ArgumentParser(prog="benchmarks.encoder", description="Train the heads of the sentence encoder.")
    parser.add_argument("--weights", type=Path, required=True, metavar="FOLDER", help="the files of all-MiniLM-L6-v2")
    parser.add_argument("--output", type=Path, default=OUTPUT, metavar="FILE", help="where to (default: the package)")
    options = parser.parse_args(argv)
    try:
        plain = SentenceEncoder(options.weights)
    except EncoderUnavailable as error:
        parser.error(str(error))
    flags = load_flag_set(DEFAULT_FLAG_SET).names
    heard = [*samples()]
    places, words = unseen_scores(heard)
    left_out = np.zeros(len(heard), bool)
    left_out[places[::_PARTS]] = True
    unseen = [sample for sample, left in zip(heard, left_out, strict=True) if left]
    tried = train(plain, [sample for sample, left in zip(heard, left_out, strict=True) if not left])
    scores: Figures = (
        _encoded(options.weights, tried, unseen) @ tried.weights.T + tried.biases + words[::_PARTS]
    ) / np.float32(2)
    thresholds = chosen(flags, unseen, scores)
    print(thresholds)
    tell(flags, unseen, scores, thresholds)
    found = train(plain, heard)
    examples = [(flag, sample) for index, flag in enumerate(flags) for sample in _examples(heard, index)]
    compared = _encoded(options.weights, found, [sample for _, sample in examples])[:, MEANS]
    save_heads(
        Heads(
            about=About(
                name=DEFAULT_HEADS,
                version=_VERSION,
                flag_set=DEFAULT_FLAG_SET,
                flags=flags,
                thresholds=thresholds,
                examples=tuple((flag, sample.text) for flag, sample in examples),
            ),
            corrections=found.corrections,
            weights=found.weights,
            biases=found.biases,
            examples=compared / np.linalg.norm(compared, axis=1, keepdims=True),
        ),
        options.output,
    )
    return 0


def _encoded(folder: Path, trained: Trained, heard: Sequence[Sample]) -> Figures:
    encoder = SentenceEncoder(folder, trained.corrections)
    return np.array([encoder.encode(sample.text) for sample in heard])


def _examples(heard: Sequence[Sample], index: int) -> Sequence[Sample]:
    """Single sentences that raise a flag, from all over the corpus."""
    of_flag = [sample for sample in heard if sample.single and sample.raised[index]]
    return of_flag[:: math.ceil(len(of_flag) / _EXAMPLES)]


if __name__ == "__main__":
    sys.exit(main())
