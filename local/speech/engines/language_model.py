"""The recogniser's language model: which words it can hear, and what it expects next to what.

Three sources are counted together: the clinic phrases in `phrases.txt`, the scripts of the sample calls in
`local/samples`, and the 5,000 commonest words of the model that ships inside the pocketsphinx wheel, with its
frequencies; more of them cost time and lead to more mistakes. The model has therefore **seen the sample calls**: what
it makes of them shows that the chain works and says nothing about accuracy. Words outside it are never recognised.
For other recordings the server can use the wheel's own model instead (``--language-model general``).
"""

from __future__ import annotations

import heapq
import math
import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from pocketsphinx import NGramModel, get_model_path  # type: ignore[attr-defined]
from pocketsphinx.lm import ArpaBoLM

HERE = Path(__file__).parent
SAMPLES = HERE.parents[1] / "samples"
GENERAL_WORDS = 5_000
# Weight of the general words against about 600 words of phrases and scripts.
_GENERAL_COUNT = 2000.0
_LEAST_COUNT = 0.001
# How often a requested term counts, as if it had been said that often in the phrases.
_TERM_COUNT = 5
# Base of the logarithms that the wheel's model answers with.
_LOG_BASE = 1.0001


def spoken_words(text: str) -> list[str]:
    """Return a text as the recogniser's dictionary writes it: lower case, without punctuation."""
    return re.findall(r"[a-z]+(?:'[a-z]+)*", text.lower())


def _shipped(name: str) -> Path:
    """Return a file of the American English model inside the wheel."""
    return Path(get_model_path("en-us")) / name  # type: ignore[no-untyped-call]


@cache
def extra_pronunciations() -> dict[str, str]:
    """Return the pronunciations that the wheel's dictionary lacks, in its phones."""
    lines = (HERE / "pronunciations.dict").read_text("utf-8").splitlines()
    return {word: phones for word, _, phones in (line.partition(" ") for line in lines)}


@cache
def pronunciations() -> dict[str, str]:
    """Return the wheel's dictionary with ours added: phones by word."""
    known: dict[str, str] = {}
    with _shipped("cmudict-en-us.dict").open(encoding="utf-8") as lines:
        for line in lines:
            word, phones = line.split(maxsplit=1)
            if not word.endswith(")"):
                known[word] = phones.strip()
    return known | extra_pronunciations()


def pronounce(word: str) -> str | None:
    """Return a word's phones: its own, or those of two dictionary words that make it up (``eyecare``)."""
    known = pronunciations()
    if word in known:
        return known[word]
    for cut in range(3, len(word) - 2):
        if word[:cut] in known and word[cut:] in known:
            return f"{known[word[:cut]]} {known[word[cut:]]}"
    return None


@cache
def _general_counts() -> dict[str, float]:
    """Return the commonest words with their weight, by asking the wheel's own model for each dictionary word."""
    model = NGramModel.readfile(str(_shipped("en-us.lm.bin")))
    frequency = {word: math.exp(model.prob([word]) * math.log(_LOG_BASE)) for word in pronunciations()}
    common = heapq.nlargest(GENERAL_WORDS, frequency, key=frequency.__getitem__)
    return {word: max(_LEAST_COUNT, frequency[word] * _GENERAL_COUNT) for word in common}


def _sentences() -> list[str]:
    phrases = (HERE / "phrases.txt").read_text("utf-8").splitlines()
    lines = [line for path in sorted(SAMPLES.glob("*.txt")) for line in path.read_text("utf-8").splitlines()]
    turns = [line.partition(":")[2] for line in lines]
    sentences = [sentence for turn in turns for sentence in re.split(r"[.?!]", turn)]
    # Whole turns too: a pause between two sentences is often too short to be heard as one.
    return [" ".join(words) for words in map(spoken_words, [*phrases, *turns, *sentences]) if words]


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


def write_language_model(path: Path, spoken_terms: Sequence[str] = ()) -> None:
    """Write the model in ARPA format, with `spoken_terms` made as likely as frequent phrases. Takes about 1 s."""
    model = ArpaBoLM(add_start=True, text="\n".join([*_sentences(), *(list(spoken_terms) * _TERM_COUNT)]))
    for word, count in _general_counts().items():
        if word not in model.grams_1:
            model.grams_1[word] = count
    model.compute()
    with path.open("w", encoding="utf-8") as out:
        model.write(out)
