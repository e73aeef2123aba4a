"""The sample calls and audio made from them."""

import hashlib
import io
import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

import local
from local.speech.audio import Recording, decode
from local.speech.parameters import ListenOptions, parse_options

SAMPLES = Path(local.__file__).parent / "samples"
NAMES = ("call1_glaucoma_appointment", "call2_insurance_billing", "call3_urgent_symptoms")


@cache
def wav(name: str) -> bytes:
    """Return a sample call's file."""
    return (SAMPLES / f"{name}.wav").read_bytes()


@cache
def turns(name: str) -> list[dict[str, Any]]:
    """Return a sample call's script."""
    script: list[dict[str, Any]] = json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))
    return script


def tone(seconds: float = 1.0, *, rate: int = 8000, channels: int = 1, hertz: float = 440.0) -> npt.NDArray[np.int16]:
    """Return a tone, frames by channels."""
    wave = 8000 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)
    return np.repeat(wave.astype(np.int16)[:, None], channels, axis=1)


def encoded(
    samples: npt.NDArray[np.int16], *, rate: int = 8000, kind: str = "WAV", subtype: str | None = None
) -> bytes:
    """Return samples as a file."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind, subtype=subtype)
    return file.getvalue()


def options(**parameters: str | Iterable[str]) -> ListenOptions:
    """Return options as the server reads them."""
    pairs = [
        (name, value)
        for name, given in ({"model": "nova-3"} | parameters).items()
        for value in ([given] if isinstance(given, str) else given)
    ]
    return parse_options(pairs, None)


@cache
def _decoded(name: str, multichannel: bool) -> Recording:
    return decode(wav(name), hashlib.sha256(wav(name)).hexdigest(), multichannel=multichannel)


def recording(name: str, asked: ListenOptions) -> Recording:
    """Return a decoded sample call."""
    return _decoded(name, asked.multichannel)


def plain_words(text: str) -> list[str]:
    """Return a text's words without case and punctuation."""
    return re.findall(r"[a-z0-9]+(?:'[a-z]+)*", text.lower())
