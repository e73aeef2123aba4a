"""What somebody looks for in the words of calls, and where a turn has it.

Letters are compared without case and without marks above or below them. A word finds every word that begins with it, a
phrase in quotes the same words one after the other in one turn, whatever stands between them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Self

MOST_CHARACTERS: Final = 200
"""Longest query."""
MOST_TERMS: Final = 8
"""Most words and phrases of a query."""
LEAST_CHARACTERS: Final = 3
"""Letters and digits that at least one word or phrase has, and from which on a word finds longer ones, too."""

_SNIPPET_CHARACTERS: Final = 80
_APOSTROPHES: Final = "'’ʼ‘"
_TERMS: Final = re.compile(r'"([^"]*)"?|([^\s"]+)')
_QUOTES: Final = str.maketrans(dict.fromkeys("“”„«»", '"'))
_LETTER: Final = "[\\w\u0300-\u036f]"
_TOKEN: Final = re.compile(f"{_LETTER}+(?:[{_APOSTROPHES}]+{_LETTER}+)*")
# Marks, and what stands within letters once these are taken apart: the stroke of "½", the apostrophe of "ŉ".
_MARKS: Final = re.compile("[\u0300-\u036f\u2044\u02bc]+")
_NO_LETTERS: Final = re.compile(r"\W+")
_WITHOUT_APOSTROPHES: Final = str.maketrans(dict.fromkeys(_APOSTROPHES))
_ASCII: Final = str.maketrans({chr(code): " " for code in range(128) if not re.match(r"\w", chr(code))} | {"'": None})


class InvalidTerms(ValueError):
    """Nothing can be looked for; the message says why, without the words."""


@dataclass(frozen=True, slots=True)
class Term:
    """A word, or several one after the other.

    Attributes:
        words: As `normalised` writes them.
        whole: Whether the last one must end there, too.
    """

    words: str
    whole: bool

    @property
    def pattern(self) -> str:
        """What the words of a turn contain that has it."""
        return f" {self.words} " if self.whole else f" {self.words}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """A place where something was said that is looked for.

    Attributes:
        turn: Number of the turn, counted from 0.
        start: Seconds from the begin of the recording to the begin of the turn.
        role: Who says it.
        before: What the turn has before it; begins with "…" where that is not all.
        match: What is looked for, as it was said.
        after: What the turn has behind it; ends with "…" where that is not all.
    """

    turn: int
    start: float
    role: str
    before: str
    match: str
    after: str


@dataclass(frozen=True, slots=True)
class Terms:
    """What is looked for: a call must have all of it.

    Attributes:
        terms: Each word and phrase.
    """

    terms: tuple[Term, ...]

    @classmethod
    def of(cls, query: str) -> Self:
        """Read what somebody has written.

        Raises:
            InvalidTerms: It has nothing that can be looked for, or too much.
        """
        if len(query) > MOST_CHARACTERS:
            raise InvalidTerms(f"more than {MOST_CHARACTERS} characters cannot be looked for")
        found: dict[Term, None] = {}
        for quoted, word in _TERMS.findall(query.translate(_QUOTES)):
            words = normalised(quoted or word).strip()
            if words:
                found[Term(words, whole=bool(quoted) or len(words) < LEAST_CHARACTERS)] = None
        if len(found) > MOST_TERMS:
            raise InvalidTerms(f"more than {MOST_TERMS} words and phrases cannot be looked for")
        if not any(len(term.words.replace(" ", "")) >= LEAST_CHARACTERS for term in found):
            raise InvalidTerms(f"at least one word or phrase of {LEAST_CHARACTERS} characters has to be looked for")
        return cls(tuple(found))

    def maybe_in(self, text: str) -> bool:
        """Whether a text can have all terms: quickly, and wrong at times, but never where it has them."""
        folded = _folded(text)
        return all(term.words.partition(" ")[0] in folded for term in self.terms)

    def places(self, turns: Sequence[str | None]) -> list[tuple[int, int, Term]]:
        """Every place where a call has a term, or none where it lacks one of them.

        Args:
            turns: What was said in each turn; None for those that are not looked at.

        Returns:
            For each place the turn, how many words of it stand before the place, and the term; in order of time.
        """
        found: list[tuple[int, int, Term]] = []
        missing = {*self.terms}
        for number, text in enumerate(turns):
            if text is None:
                continue
            words = normalised(text)
            for term in self.terms:
                for position in _occurrences(words, term.pattern):
                    found.append((number, words.count(" ", 0, position), term))
                    missing.discard(term)
        return [] if missing else sorted(found, key=lambda place: place[:2])


def normalised(text: str) -> str:
    """The words of a text: folded, each with one space before it and one behind the last."""
    if text.isascii():
        words = text.lower().translate(_ASCII).split()
    else:
        words = [_folded_word(found[0]) for found in _TOKEN.finditer(text)]
    return f" {' '.join(filter(None, words))} "


def snippet(text: str, place: tuple[int, int, Term], *, start: float, role: str) -> Snippet:
    """Show a place with what stands around it.

    Args:
        text: What was said in the turn.
        place: One of `Terms.places`.
        start: When the turn begins.
        role: Who says it.
    """
    number, first, term = place
    tokens = [found.span() for found in _TOKEN.finditer(text) if _folded_word(found[0])]
    begin, end = tokens[first][0], tokens[first + term.words.count(" ")][1]
    before, after = text[:begin], text[end:]
    if len(before) > _SNIPPET_CHARACTERS:
        before = "…" + before[-_SNIPPET_CHARACTERS:].partition(" ")[2]
    if len(after) > _SNIPPET_CHARACTERS:
        after = after[:_SNIPPET_CHARACTERS].rpartition(" ")[0] + "…"
    return Snippet(turn=number, start=start, role=role, before=before, match=text[begin:end], after=after)


def chosen(places: Sequence[tuple[int, int, Term]], most: int) -> list[tuple[int, int, Term]]:
    """Some of the places, in order of time: first of all one for each term."""
    firsts = {place[2]: place for place in reversed(places)}
    taken = [*firsts.values(), *(place for place in places if place not in firsts.values())][:most]
    return sorted(taken, key=lambda place: place[:2])


def _occurrences(words: str, pattern: str) -> Iterator[int]:
    position = words.find(pattern)
    while position >= 0:
        yield position
        position = words.find(pattern, position + 1)


def _folded(text: str) -> str:
    """Without case, marks and apostrophes."""
    if text.isascii():
        return text.lower().replace("'", "")
    folded = unicodedata.normalize("NFKD", text.translate(_WITHOUT_APOSTROPHES).casefold()).casefold()
    return _MARKS.sub("", folded)


def _folded_word(word: str) -> str:
    return _NO_LETTERS.sub("", _folded(word))
