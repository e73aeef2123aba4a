"""The port of an engine that knows flags by the wording of what is said, beside the rules that know acts.

It is asked for pieces of what customers say, each by itself. What is denied, asked, supposed or only an answer is the
rules' to know: `conversation.flags` weighs the two.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

LEAST_WORDS: Final = 3
"""Of fewer words an engine knows nothing: they are answers, whose questions it does not see."""

_WORDS: Final = 40
_ENDS: Final = (".", "?", "!")


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Some sentences of a turn that are read as one.

    Attributes:
        text: the words.
        first: index of the first word in the turn, as `str.split` counts them.
        last: index of the last word.
    """

    text: str
    first: int
    last: int

    def sentence_of(self, word: int) -> str:
        """The sentence in which a word of the turn stands, as far as it is in the piece."""
        words = self.text.split()
        place = word - self.first
        begin = max((index + 1 for index in range(place) if words[index].endswith(_ENDS)), default=0)
        end = next((index for index in range(place, len(words)) if words[index].endswith(_ENDS)), len(words))
        return " ".join(words[begin : end + 1])


class Leaning(Protocol):
    """What an engine says of one flag in one piece."""

    @property
    def adds(self) -> bool:
        """Whether the wording alone raises the flag."""

    @property
    def vetoes(self) -> bool:
        """Whether the wording speaks against a rule that raises the flag."""

    @property
    def certainty(self) -> float:
        """0 to 1, how sure the engine is that the flag is meant."""

    @property
    def nearest(self) -> tuple[str, ...]:
        """Labelled sentences that raise the flag and are nearest to the piece, the nearest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WordingVersion:
    """An engine that knows wordings.

    Attributes:
        name: what it is and has learnt.
        version: counted up with every training.
    """

    name: str
    version: int


class Threshold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From which score on an engine is believed of a flag; scores are log odds.

    Attributes:
        add: above it the wording alone raises the flag.
        veto: below it the wording speaks against a rule; None where it never does.
    """

    add: float
    veto: float | None


@dataclass(frozen=True, slots=True)
class Score:
    """What an engine that counts in log odds says of one flag in one piece: a `Leaning`.

    Attributes:
        score: log odds that the flag is meant.
        threshold: from which score on it is believed.
        nearest: labelled sentences that raise the flag and are nearest to the piece, the nearest first.
    """

    score: float
    threshold: Threshold
    nearest: tuple[str, ...] = ()

    @property
    def adds(self) -> bool:
        """Whether the wording alone raises the flag."""
        return self.score > self.threshold.add

    @property
    def vetoes(self) -> bool:
        """Whether the wording speaks against a rule that raises the flag."""
        return self.threshold.veto is not None and self.score < self.threshold.veto

    @property
    def certainty(self) -> float:
        """The odds as a share, 0 to 1."""
        return 1 / (1 + math.exp(-self.score))


class WordingEngine(Protocol):
    """Knows flags by wording."""

    @property
    def version(self) -> WordingVersion:
        """Which engine it is, as evidence and transcripts name it."""

    def read(self, text: str) -> Mapping[str, Leaning]:
        """What a piece leans to, by flag; flags that it knows nothing of are left out."""


def pieces_of(text: str) -> Iterator[Piece]:
    """Cut what somebody says into pieces of whole sentences, of up to 40 words; a longer sentence is cut there, too."""
    words = text.split()
    first = 0
    end = 0
    for index, word in enumerate(words):
        ends = word.endswith(_ENDS) or index + 1 == len(words)
        if index - first >= _WORDS:
            end = end if end > first else index
            yield _piece(words, first, end)
            first = end
        if ends:
            end = index + 1
    if first < len(words):
        yield _piece(words, first, len(words))


def _piece(words: list[str], first: int, end: int) -> Piece:
    return Piece(text=" ".join(words[first:end]), first=first, last=end - 1)
