"""Heads for the flags: how far the figures of a text speak for each flag, as data that ships with the package.

With them come corrections of the model's last layers, of low rank, which make its figures tell what is meant and not
only what is spoken of. `benchmarks.encoder` trains both on the labelled corpus and writes the file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from callscribe.conversation.wording import Threshold
from callscribe.encoder.files import DEFAULT_HEADS
from callscribe.encoder.model import Figures
from callscribe.encoder.unavailable import EncoderUnavailable

_ABOUT: Final = "about"
_DOWN: Final = ".down"
_UP: Final = ".up"


class About(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands in a file of heads beside its figures.

    Attributes:
        name: name of the file.
        version: counted up with every training.
        flag_set: the flag set that the labels were by.
        flags: one for each head, in order.
        thresholds: of each flag.
        examples: labelled sentences, each with the flag that it raises, in the order of their figures.
    """

    name: str
    version: int
    flag_set: str
    flags: tuple[str, ...]
    thresholds: Mapping[str, Threshold]
    examples: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Heads:
    """Heads with their figures.

    Attributes:
        about: what they are.
        corrections: of the model, as `SentenceEncoder` takes them.
        weights: one row for each head.
        biases: one for each head.
        examples: one row of length 1 for each example.
    """

    about: About
    corrections: Mapping[str, tuple[Figures, Figures]]
    weights: Figures
    biases: Figures
    examples: Figures


def load_heads(name: str = DEFAULT_HEADS) -> Heads:
    """Read heads of the package.

    Raises:
        EncoderUnavailable: the file does not fit.
    """
    with resources.as_file(resources.files("callscribe") / "encoder" / f"{name}.safetensors") as path:
        try:
            with safe_open(path, framework="numpy") as file:
                about = msgspec.json.decode((file.metadata() or {}).get(_ABOUT, ""), type=About)
                parts = {part: file.get_tensor(part).astype(np.float32) for part in file.keys()}  # noqa: SIM118 - it is no mapping
        except (OSError, SafetensorError, msgspec.DecodeError) as error:
            raise EncoderUnavailable(f"the heads {name} cannot be read: {error}") from None
    return Heads(
        about=about,
        corrections={
            part.removesuffix(_DOWN): (parts[part], parts[part.removesuffix(_DOWN) + _UP])
            for part in parts
            if part.endswith(_DOWN)
        },
        weights=parts["weights"],
        biases=parts["biases"],
        examples=parts["examples"],
    )


def save_heads(heads: Heads, path: Path) -> None:
    """Write heads to a file, in half precision; the same heads give the same bytes."""
    parts = {"weights": heads.weights, "biases": heads.biases, "examples": heads.examples}
    for name, (down, up) in heads.corrections.items():
        parts |= {f"{name}{_DOWN}": down, f"{name}{_UP}": up}
    save_file(
        {name: np.ascontiguousarray(part, np.float16) for name, part in parts.items()},
        path,
        metadata={_ABOUT: msgspec.json.encode(heads.about).decode()},
    )
