"""How words are pronounced: by the dictionary that ships inside the pocketsphinx wheel. No other can be recognised."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from pocketsphinx import get_model_path


def spoken_words(text: str) -> list[str]:
    """Return a text as the dictionary writes it: lower case, without punctuation."""
    return re.findall(r"[a-z]+(?:'[a-z]+)*", text.lower())


@cache
def _dictionary() -> dict[str, str]:
    """Return the phones of each word."""
    known: dict[str, str] = {}
    path = Path(get_model_path("en-us")) / "cmudict-en-us.dict"  # type: ignore[no-untyped-call]
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            word, phones = line.split(maxsplit=1)
            if not word.endswith(")"):
                known[word] = phones.strip()
    return known


def pronounce(word: str) -> str | None:
    """Return a word's phones: its own, or those of two dictionary words that make it up (``eyecare``)."""
    known = _dictionary()
    if word in known:
        return known[word]
    for cut in range(3, len(word) - 2):
        if word[:cut] in known and word[cut:] in known:
            return f"{known[word[:cut]]} {known[word[cut:]]}"
    return None


def split_vocabulary(terms: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the terms that can be recognised, as spoken, and those for which a pronunciation is missing."""
    spoken, unknown = [], []
    for term in terms:
        words = spoken_words(term)
        if words and all(map(pronounce, words)):
            spoken.append(" ".join(words))
        else:
            unknown.append(term)
    return spoken, unknown
