"""``python -m benchmarks.encoder --weights FOLDER``: trains the heads of the sentence encoder and writes their file.

It reads the parts of the labelled corpus that engines are built with, never the one that is held out: what customers
say in single sentences, and in dialogues as far as their labels tell which words they are for. The threshold is chosen
with heads that have not seen the fresh sentences, on these; then all are trained with. It needs PyTorch, which nothing
else here does and so no lock has: ``uv pip install torch``.
"""

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from benchmarks.agreement import CORPUS, Labelled, corpus
from callscribe.conversation.flags import DEFAULT_FLAG_SET, load_flag_set
from callscribe.conversation.wording import pieces_of
from callscribe.encoder.engine import LEAST_WORDS
from callscribe.encoder.files import DEFAULT_HEADS
from callscribe.encoder.heads import About, Heads, Threshold, save_heads
from callscribe.encoder.model import CORRECTED, EPSILON, HEADS, MEANS, PLAIN, SIZE, SentenceEncoder
from callscribe.encoder.unavailable import EncoderUnavailable
from callscribe.written_calls import transcript_of

_Figures: TypeAlias = NDArray[np.float32]

_VERSION: Final = 1
_DECAY: Final = 0.02
_STEPS: Final = 200
_RANK: Final = 16
_EPOCHS: Final = 6
_BATCH: Final = 32
_PACE: Final = 1e-3
_WARM_UP: Final = 0.06
_DROPOUT: Final = 0.1
_FRESH: Final = "fresh"
_ADD: Final = tuple(step / 4 for step in range(2, 13))
_VETO: Final = tuple(-step / 4 for step in range(4, 17))
OUTPUT: Final = Path(__file__).parent.parent / "callscribe" / "encoder" / f"{DEFAULT_HEADS}.safetensors"
_EXAMPLES: Final = 100
"""Labelled sentences of each flag that are kept to explain with."""


class Sample(NamedTuple):
    """Something that customers say.

    Attributes:
        text: the words.
        raised: for each flag 1 where it is meant, else 0.
        known: for each flag 1 where the label tells which.
        ruled: for each flag whether the rules raise it, of a sentence by itself.
        single: whether it is a sentence by itself.
        fresh: whether the rules have not been worked over with it.
    """

    text: str
    raised: tuple[int, ...]
    known: tuple[int, ...]
    ruled: tuple[bool, ...]
    single: bool
    fresh: bool


def samples(flags: Sequence[str]) -> Iterator[Sample]:
    """What customers say in the parts of the corpus that engines are built with."""
    for file in sorted(CORPUS.glob("*.jsonl")):
        if file.stem.startswith(("development", "earlier", _FRESH)):
            for call in corpus([file]):
                yield from _samples_of(call, flags, fresh=file.stem.startswith(_FRESH))


def _samples_of(call: Labelled, flags: Sequence[str], *, fresh: bool) -> Iterator[Sample]:
    if call.flags is None or call.channels == 1:
        return
    said = [
        piece.text
        for line in (call.lines or call.spoken()[1:2])
        if line.role == "customer"
        for piece in pieces_of(line.text)
        if len(piece.text.split()) >= LEAST_WORDS
    ]
    # Of several, a label does not tell which of them it is for; one that is not there is there for none of them.
    alone = len(said) == 1
    raised = tuple(int(flag in call.flags) for flag in flags)
    rules = {flag.name for flag in transcript_of(call).summary.flags if flag.raised and call.text is not None}
    for text in said:
        yield Sample(
            text=text,
            raised=raised if alone else (0,) * len(flags),
            known=tuple(int(alone or not flag) for flag in raised),
            ruled=tuple(flag in rules for flag in flags),
            single=call.text is not None,
            fresh=fresh,
        )


class Trained(NamedTuple):
    """What a training finds.

    Attributes:
        corrections: for each weight that is corrected the two factors of its correction.
        weights: of the heads, one row for each flag.
        biases: of the heads.
    """

    corrections: dict[str, tuple[_Figures, _Figures]]
    weights: _Figures
    biases: _Figures


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


def fit(figures: _Figures, heard: Sequence[Sample]) -> tuple[_Figures, _Figures]:
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


def _chosen(fresh: Sequence[Sample], scores: _Figures) -> Threshold:
    """The threshold with which rules and heads together do best, where precision counts twice as much as recall.

    It is looked for in sentences that neither heads nor rules have been worked over with; on others both err less.
    """
    pairs = [Threshold(add=add, veto=veto) for add in _ADD for veto in _VETO]
    return max(pairs, key=lambda threshold: _half_f(_together(fresh, scores, threshold), _meant(fresh)))


def _meant(heard: Sequence[Sample]) -> NDArray[np.bool_]:
    return np.array([sample.raised for sample in heard], bool)


def _together(heard: Sequence[Sample], scores: _Figures, threshold: Threshold) -> NDArray[np.bool_]:
    ruled = np.array([sample.ruled for sample in heard])
    return np.where(ruled, scores >= threshold.veto, scores > threshold.add)


def _half_f(found: NDArray[np.bool_], meant: NDArray[np.bool_]) -> float:
    precision, recall = _precision_and_recall(found, meant)
    return 1.25 * precision * recall / (0.25 * precision + recall) if precision and recall else 0.0


def _precision_and_recall(found: NDArray[np.bool_], meant: NDArray[np.bool_]) -> tuple[float, float]:
    right = float((found & meant).sum())
    return right / max(float(found.sum()), 1.0), right / max(float(meant.sum()), 1.0)


def _tell(flags: Sequence[str], fresh: Sequence[Sample], scores: _Figures, threshold: Threshold) -> None:
    """Print precision and recall in the fresh sentences, judged by heads that have seen none of them."""
    meant = _meant(fresh)
    engines = {
        "rules": np.array([sample.ruled for sample in fresh]),
        "encoder": scores > 0,
        "together": _together(fresh, scores, threshold),
    }
    print(f"adds above {threshold.add}, vetoes below {threshold.veto}")
    for name, found in engines.items():
        shares = {flag: (found[:, index], meant[:, index]) for index, flag in enumerate(flags)} | {
            "all": (found, meant)
        }
        for flag, (of_flag, meant_of_flag) in shares.items():
            precision, recall = _precision_and_recall(of_flag, meant_of_flag)
            print(f"{name}, {flag}: {precision:.2f} / {recall:.2f}", flush=True)


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
    heard = [*samples(flags)]
    fresh = [sample for sample in heard if sample.fresh and sample.single]
    tried = train(plain, [sample for sample in heard if not sample.fresh])
    scores = _figures(options.weights, tried, fresh) @ tried.weights.T + tried.biases
    threshold = _chosen(fresh, scores)
    _tell(flags, fresh, scores, threshold)
    found = train(plain, heard)
    examples = [(flag, sample) for index, flag in enumerate(flags) for sample in _examples(heard, index)]
    compared = _figures(options.weights, found, [sample for _, sample in examples])[:, MEANS]
    save_heads(
        Heads(
            about=About(
                name=DEFAULT_HEADS,
                version=_VERSION,
                flag_set=DEFAULT_FLAG_SET,
                flags=flags,
                threshold=threshold,
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


def _figures(folder: Path, trained: Trained, heard: Sequence[Sample]) -> _Figures:
    encoder = SentenceEncoder(folder, trained.corrections)
    return np.array([encoder.encode(sample.text) for sample in heard])


def _examples(heard: Sequence[Sample], index: int) -> Sequence[Sample]:
    """Single sentences that raise a flag, from all over the corpus."""
    of_flag = [sample for sample in heard if sample.single and sample.raised[index]]
    return of_flag[:: math.ceil(len(of_flag) / _EXAMPLES)]


if __name__ == "__main__":
    sys.exit(main())
