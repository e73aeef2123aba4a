"""Wordings by weights of words and of pairs of words: a logistic model that is small enough to ship.

What rules have no expression for is said with words that labelled sentences have, too; and where a rule matches, the
words around it tell whether it is meant. `benchmarks.wording` finds the weights in the labelled corpus and writes them
to `lexicons`, for one flag set.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from callscribe.conversation.wording import LEAST_WORDS, Score, Threshold, WordingVersion

PER_UNIT: Final = 100
"""Weights are kept as whole hundredths."""

_SENTENCES: Final = re.compile(r"[.?!;:]+(?:\s|$)")
_WORD: Final = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_NUMBER: Final = "#number"
_BEGIN: Final = "<"
_END: Final = ">"
_ASKED: Final = "?"


class WordWeightsFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model, as its file has it.

    Attributes:
        name: name of the file.
        version: counted up with every training.
        description: for whoever reads the file.
        language: language of the words, as BCP 47 names it.
        flag_set: the flag set that the labels were by.
        flags: what the model knows, in order.
        thresholds: of each flag.
        classes: words that stand for one another, such as the days of the week, with the name of their class.
        biases: for each flag, in hundredths.
        weights: for each word or pair of words those of the flags, in hundredths.
    """

    name: str
    version: int
    description: str
    language: str
    flag_set: str
    flags: tuple[str, ...]
    thresholds: Mapping[str, Threshold]
    classes: Mapping[str, str]
    biases: tuple[int, ...]
    weights: Mapping[str, tuple[int, ...]]


class WordWeights:
    """Knows flags by the words of a piece; see `callscribe.conversation.wording.WordingEngine`."""

    def __init__(self, file: WordWeightsFile) -> None:
        self.file = file
        self._flags = tuple(
            (flag, file.thresholds[flag], bias) for flag, bias in zip(file.flags, file.biases, strict=True)
        )

    @property
    def version(self) -> WordingVersion:
        """Name and version of the model."""
        return WordingVersion(name=self.file.name, version=self.file.version)

    def read(self, text: str) -> Mapping[str, Score]:
        """Score a piece for each flag; of fewer than three words nothing is known."""
        if len(text.split()) < LEAST_WORDS:
            return {}
        weights = self.file.weights
        known = [weights[feature] for feature in features(text, self.file.classes) if feature in weights]
        sums = [sum(column) for column in zip(*known, strict=True)] or [0] * len(self._flags)
        length = max(1, len(known)) ** 0.5
        return {
            flag: Score((total / length + bias) / PER_UNIT, threshold)
            for (flag, threshold, bias), total in zip(self._flags, sums, strict=True)
        }


def features(text: str, classes: Mapping[str, str]) -> frozenset[str]:
    """The words and pairs of words of a text, sentence by sentence, words of a class by its name."""
    return frozenset(_features(text, classes))


def _features(text: str, classes: Mapping[str, str]) -> Iterator[str]:
    if "?" in text:
        yield _ASKED
    for sentence in _SENTENCES.split(text.casefold().replace("’", "'")):
        before = _BEGIN
        for word in _WORD.findall(sentence):
            now = _NUMBER if word[0].isdigit() else classes.get(word, word)
            yield now
            yield f"{before} {now}"
            before = now
        if before is not _BEGIN:
            yield f"{before} {_END}"
