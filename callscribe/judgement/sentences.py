"""What is said in a call, sentence by sentence, in words that can be searched: lower case, contractions written out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from re import Match, Pattern
from typing import Final

from callscribe.conversation.clauses import Token, denials, english, words_said

_MOST_CLAUSE_WORDS: Final = 15
_OPENS_CLAUSE: Final = frozenset(("so", "then", "while"))  # beside the language's joins
_ENDS: Final = (".", "?", "!", ";")


@cache
def _clause_openers() -> frozenset[str]:
    return _OPENS_CLAUSE.union(english().file.joins)


@dataclass(frozen=True, slots=True)
class Words:
    """Some words of a turn: index of the first and of the last one, as `str.split` counts them."""

    first: int
    last: int


class Sentence:
    """A sentence; where there is no punctuation, all that somebody says in one go.

    Attributes:
        text: the words to compare, joined by single spaces.
        words: the same, one by one.
        question: whether it asks something.
    """

    def __init__(self, said: Sequence[Token], written: Sequence[str], *, asks: Pattern[str] | None) -> None:
        self._said = said
        self._written = written
        self.words: Sequence[str] = [token.word for token in said]
        self.text = " ".join(self.words)
        self.question = said[-1].mark == "?" if asks is None else asks.search(self.text) is not None
        opens = _clause_openers()
        self._clause_starts = {0} | {
            index for index in range(1, len(said)) if said[index - 1].mark or said[index].word in opens
        }

    @property
    def raw(self) -> Sequence[str]:
        """The words as they were written."""
        return self._written[self._said[0].origin : self._said[-1].origin + 1]

    @property
    def whole(self) -> Words:
        """All of its words."""
        return Words(self._said[0].origin, self._said[-1].origin)

    def place(self, match: Match[str]) -> Words:
        """The words of a match, and of the clause that it stands in."""
        first, last = self._span(match, 0)
        start = max(start for start in self._clause_starts if start <= first)
        end = min((other for other in self._clause_starts if other > last), default=len(self.words)) - 1
        if end - start >= _MOST_CLAUSE_WORDS:
            start, end = first, last
        return Words(self._said[start].origin, self._said[end].origin)

    def written(self, match: Match[str], group: str | int = 0) -> Sequence[str]:
        """The words of a match, or of one group of it, as they were written."""
        if match.start(group) < 0:
            return ()
        first, last = self._span(match, group)
        return self._written[self._said[first].origin : self._said[last].origin + 1]

    def clause_start(self, offset: int) -> bool:
        """Whether a clause begins at this offset of `text`."""
        return self.text.count(" ", 0, offset) in self._clause_starts

    def clause_at(self, offset: int) -> str:
        """The words of the clause that holds this offset of `text`."""
        index = self.text.count(" ", 0, offset)
        start = max(start for start in self._clause_starts if start <= index)
        end = min((other for other in self._clause_starts if other > index), default=len(self.words))
        return " ".join(self.words[start:end])

    def parts(self) -> Iterator[Words]:
        """The clauses, in order, as they were said."""
        starts = [*sorted(self._clause_starts), len(self.words)]
        for start, end in pairwise(starts):
            yield Words(self._said[start].origin, self._said[end - 1].origin)

    def affirmed(self, pattern: Pattern[str]) -> Iterator[Match[str]]:
        """What matches with no negating word before it in its clause."""
        return (match for match in pattern.finditer(self.text) if not self._negated(match))

    def _negated(self, match: Match[str]) -> bool:
        index = self.text.count(" ", 0, match.start())
        start = max(start for start in self._clause_starts if start <= index)
        before = len(" ".join(self.words[start:index]))
        return any(True for _ in denials(self.clause_at(match.start()), before, english()))

    def _span(self, match: Match[str], group: str | int) -> tuple[int, int]:
        start, end = match.span(group)
        return self.text.count(" ", 0, start), self.text.count(" ", 0, max(start, end - 1))


def said(sentence: Sentence, pattern: Pattern[str]) -> bool:
    """Whether an expression is in a sentence, negated or not."""
    return pattern.search(sentence.text) is not None


def sentences(text: str, opens_question: Pattern[str]) -> list[Sentence]:
    """Take the text of a turn apart.

    Args:
        text: the text.
        opens_question: what tells a question where recognition wrote no punctuation.
    """
    words, written = list(words_said(text, english())), text.split()
    asks = None if any(word.mark in _ENDS for word in words) else opens_question
    found, start = [], 0
    for index, word in enumerate(words):
        if word.mark in _ENDS or index == len(words) - 1:
            found.append(Sentence(words[start : index + 1], written, asks=asks))
            start = index + 1
    return found
