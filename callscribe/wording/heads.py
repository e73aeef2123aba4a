"""Judges wording with an encoder that was trained on the labelled corpus.

`benchmarks/train_wording.py` writes the folder that is read here: the encoder of all-MiniLM-L6-v2 (22.7 million
parameters, English), tuned on the corpus, with a head for each flag; 45 MB. Whoever wants it brings it; nothing is
fetched.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from callscribe.conversation.utterances import Role
from callscribe.conversation.wording import InvalidWording
from callscribe.serialization import InvalidData, decode_json
from callscribe.wording.encoder import Encoder
from callscribe.wording.tensors import InvalidTensors, read_tensors
from callscribe.wording.word_pieces import WordPieces

WEIGHTS: Final = "model.safetensors"
TOKENIZER: Final = "tokenizer.json"

HEADS: Final = "heads"
"""Name of the layer whose outputs are the scores of the flags."""
LEAST: Final = "heads.least"
"""Score from which on each flag is meant."""


class EncodedWording:
    """Implements `callscribe.conversation.wording.Wording` with an encoder.

    Args:
        folder: has `model.safetensors`, with the encoder, the heads and, as metadata, their `name` and `flags`, and
            `tokenizer.json`.

    Raises:
        InvalidWording: the folder lacks something, or holds something else; the message names it.
    """

    def __init__(self, folder: Path) -> None:
        try:
            weights, facts = read_tensors(folder / WEIGHTS)
            tokenizer = decode_json(dict[str, Any], (folder / TOKENIZER).read_bytes(), TOKENIZER)
            self._encoder = Encoder(weights, WordPieces(tokenizer["model"]["vocab"]))
            self._weight, self._bias = weights[f"{HEADS}.weight"], weights[f"{HEADS}.bias"]
            self._least = weights[LEAST]
            self._flags, self._name = tuple(facts["flags"].split()), facts["name"]
        except OSError as error:
            raise InvalidWording(f"{folder}: {error.strerror}") from None
        except KeyError as error:
            raise InvalidWording(f"{folder} has no {error.args[0]}") from None
        except (InvalidData, InvalidTensors) as error:
            raise InvalidWording(f"{folder}: {error}") from None

    @property
    def name(self) -> str:
        """Name and version of what was trained."""
        return self._name

    def meant(self, role: Role, text: str) -> Mapping[str, float]:
        """The flags that a few sentences of one party mean; see `Wording`."""
        scores = self._weight @ self._encoder.encode(f"{role}: {text}") + self._bias
        return {
            flag: 1 / (1 + math.exp(-float(score)))
            for flag, score, least in zip(self._flags, scores, self._least, strict=True)
            if score >= least
        }
