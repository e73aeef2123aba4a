"""Words that an expression cannot match without, so that most of a call need not be searched for it.

Expressions match whole words of normalised text: words joined by single spaces. To read one takes a tenth of the time
of compiling it, and a set of words then tells for most of what is said that it matches nothing there.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Final, TypeAlias

_MOST_SPELLINGS: Final = 60
"""Spellings of one word, such as with and without "s", that are told apart."""

STEM: Final = "*"
"""Behind the beginning of a word that can go on."""

_TOKEN: Final = re.compile(
    r"<(?P<term>[a-z][a-z0-9-]*)>"
    r"|(?P<literal>(?:[^\\()\[\]{}|?*+.^$<](?![?*+{]))+|[^\\()\[\]{}|?*+.^$<])"
    r"|(?P<look>\(\?(?:=|!|<=|<!))"
    r"|(?P<group>\((?!\?)|\(\?:|\(\?P<\w+>)"
    r"|(?P<edge>[$^])"
    r"|(?P<boundary>\\b)"
    r"|(?P<other>\.|\\[dDsSwW]|\\[^\w\s]|\[\^?\]?[^\]]*\])"
)
_REPEAT: Final = re.compile(r"(?P<sign>[?*+])\??|\{(?P<least>\d*)(?P<comma>,?)(?P<most>\d*)\}\??")
_WORD: Final = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")


@dataclass(frozen=True, slots=True)
class _Text:
    text: str


@dataclass(frozen=True, slots=True)
class _Edge:
    """The beginning or the end of what is searched."""


@dataclass(frozen=True, slots=True)
class _Unread:
    """Anything; not more than nothing where it is `empty`."""

    empty: bool = False


@dataclass(frozen=True, slots=True)
class _Sequence:
    parts: "Sequence[Shape]"


@dataclass(frozen=True, slots=True)
class _Choice:
    branches: "Sequence[Shape]"


@dataclass(frozen=True, slots=True)
class _Repeated:
    part: "Shape"
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Term:
    """An expression that others name.

    Attributes:
        shape: how it is made.
    """

    shape: "Shape"
    _needed: dict[tuple[bool, bool], frozenset[str] | None] = field(default_factory=dict)

    def needed(self, *, before: bool, after: bool) -> frozenset[str] | None:
        """What it needs; found once, since most expressions name the same."""
        if (before, after) not in self._needed:
            self._needed[before, after] = _needed(self.shape, before=before, after=after)
        return self._needed[before, after]


Shape: TypeAlias = _Text | _Edge | _Unread | _Sequence | _Choice | _Repeated | Term
"""An expression, as far as it is read here."""


class _Unreadable(ValueError):
    """An expression has something that is not read here."""


def shape(expression: str, terms: Mapping[str, Term]) -> Shape:
    """Read an expression; of one that is written in another way than those of the lexicons nothing is known.

    Args:
        expression: a regular expression, with `<name>` for terms.
        terms: the terms by name.
    """
    try:
        found, end = _choice(expression, 0, terms)
    except _Unreadable:
        return _Unread()
    return found if end == len(expression) else _Unread()


class NeededWords:
    """Words one of which stands wherever an expression of this shape matches.

    Attributes:
        known: whether there are such words; without them it can match anywhere.
        words: the words.
        stems: beginnings of words, each as good as a word.
    """

    def __init__(self, found: Shape) -> None:
        needed = _needed(found, before=True, after=True)
        self.known = needed is not None
        self.words = frozenset(word for word in needed or () if not word.endswith(STEM))
        self.stems = tuple(sorted(word[: -len(STEM)] for word in needed or () if word.endswith(STEM)))

    def can_match(self, words: frozenset[str]) -> bool:
        """Whether the expression can match in a text of these words."""
        if not self.known or not self.words.isdisjoint(words):
            return True
        return bool(self.stems) and any(word.startswith(self.stems) for word in words)


class WordIndex:
    """Which of several expressions can match, found in one look at the words.

    Args:
        needed: what each expression needs, in order.
    """

    def __init__(self, needed: Iterable[NeededWords]) -> None:
        every = list(enumerate(needed))
        self._always = frozenset(index for index, words in every if not words.known)
        self._by_word: dict[str, set[int]] = {}
        by_stem: dict[str, set[int]] = {}
        for index, words in every:
            for word in words.words:
                self._by_word.setdefault(word, set()).add(index)
            for stem in words.stems:
                by_stem.setdefault(stem, set()).add(index)
        self._by_stem = tuple(by_stem.items())
        self._stems = tuple(by_stem)

    def matching(self, words: frozenset[str]) -> Sequence[int]:
        """Indexes of the expressions that can match in a text of these words, in order."""
        found = set(self._always)
        for word in words:
            if word in self._by_word:
                found |= self._by_word[word]
            if word.startswith(self._stems):
                for stem, indexes in self._by_stem:
                    if word.startswith(stem):
                        found |= indexes
        return sorted(found)


def _choice(expression: str, start: int, terms: Mapping[str, Term]) -> tuple[Shape, int]:
    branches = []
    position = start
    while True:
        branch, position = _sequence(expression, position, terms)
        branches.append(branch)
        if position == len(expression) or expression[position] != "|":
            return (branches[0] if len(branches) == 1 else _Choice(branches)), position
        position += 1


def _sequence(expression: str, start: int, terms: Mapping[str, Term]) -> tuple[Shape, int]:
    parts: list[Shape] = []
    position = start
    while position < len(expression) and expression[position] not in "|)":
        part, position = _part(expression, position, terms)
        repeat = _REPEAT.match(expression, position)
        if repeat is not None:
            part, position = _repeated(part, repeat), repeat.end()
        parts.append(part)
    return (parts[0] if len(parts) == 1 else _Sequence(parts)), position


def _part(expression: str, start: int, terms: Mapping[str, Term]) -> tuple[Shape, int]:
    token = _TOKEN.match(expression, start)
    if token is None:
        raise _Unreadable(expression[start:])
    match token.lastgroup:
        case "term":
            return terms[token["term"]], token.end()
        case "literal":
            return _Text(token[0]), token.end()
        case "edge":
            return _Edge(), token.end()
        case "boundary":
            return _Unread(empty=True), token.end()
        case "other":
            return _Unread(), token.end()
    inner, end = _choice(expression, token.end(), terms)
    if end == len(expression):
        raise _Unreadable(expression[start:])
    return (inner if token.lastgroup == "group" else _Unread(empty=True)), end + 1


def _repeated(part: Shape, repeat: re.Match[str]) -> Shape:
    if repeat["sign"]:
        return _Repeated(part, int(repeat["sign"] == "+"), 1 if repeat["sign"] == "?" else None)
    least = int(repeat["least"] or 0)
    return _Repeated(part, least, (int(repeat["most"]) if repeat["most"] else None) if repeat["comma"] else least)


def _needed(found: Shape, *, before: bool, after: bool) -> frozenset[str] | None:
    """Words that a shape needs, where no letter stands `before` it, or `after` it."""
    match found:
        case _Text(text):
            return _whole_word(text, before=before, after=after)
        case _Choice(branches):
            needed: set[str] = set()
            for branch in branches:
                words = _needed(branch, before=before, after=after)
                if words is None:
                    return None
                needed |= words
            return frozenset(needed)
        case _Repeated(part, least, most) if least:
            return _needed(part, before=before, after=after and most == 1)
        case Term():
            return found.needed(before=before, after=after)
        case _Sequence(parts):
            return _rarest(_needed_in_sequence(parts, before=before, after=after))
    return None


def _needed_in_sequence(parts: Sequence[Shape], *, before: bool, after: bool) -> Iterator[frozenset[str] | None]:
    """What each stretch of parts needs that begins and ends between words."""
    open_after = [after] * len(parts)
    for index in range(len(parts) - 2, -1, -1):
        open_after[index] = _begins_apart(parts[index + 1], open_after[index + 1])
    first, apart = 0, before
    for index, part in enumerate(parts):
        ends_apart = _ends_apart(part, apart if index == first else False)
        if not (open_after[index] or ends_apart or index + 1 == len(parts)):
            continue
        stretch = parts[first : index + 1]
        spellings = _spellings(stretch) if len(stretch) > 1 and apart and open_after[index] else None
        if spellings is not None and all(map(_WORD.fullmatch, spellings)):
            yield frozenset(spellings)
        else:
            for place, one in enumerate(stretch):
                yield _needed(one, before=apart and not place, after=open_after[index] and place + 1 == len(stretch))
        first, apart = index + 1, ends_apart or open_after[index]


def _spellings(parts: Sequence[Shape]) -> Sequence[str] | None:
    """The texts of some parts, where they are few and have no space; None where they are not."""
    found = [""]
    for part in parts:
        match part:
            case _Text(text) if " " not in text:
                texts: Sequence[str] | None = (text,)
            case _Choice(branches):
                options = [_spellings((branch,)) for branch in branches]
                texts = None if None in options else [text for option in options for text in option or ()]
            case _Sequence(inner):
                texts = _spellings(inner)
            case _Repeated(inner_part, 0, 1):
                texts = _spellings((inner_part,))
                texts = None if texts is None else ("", *texts)
            case Term(named):
                texts = _spellings((named,))
            case _Unread(empty=True):
                texts = ("",)
            case _:
                texts = None
        if texts is None or len(texts) * len(found) > _MOST_SPELLINGS:
            return None
        found = [one + other for one, other in product(found, texts)]
    return found


def _begins_apart(found: Shape, otherwise: bool) -> bool:
    """Whether a word before it ends there; `otherwise` is what holds behind it, where it can be empty."""
    match found:
        case _Text(text):
            return text.startswith(" ")
        case _Edge():
            return True
        case _Unread(empty=empty):
            return empty and otherwise
        case _Choice(branches):
            return all(_begins_apart(branch, otherwise) for branch in branches)
        case Term(named):
            return _begins_apart(named, otherwise)
        case _Repeated(part, least, _):
            return _begins_apart(part, otherwise and not least) and (bool(least) or otherwise)
        case _Sequence(parts):
            for part in reversed(parts):
                otherwise = _begins_apart(part, otherwise)
            return otherwise


def _ends_apart(found: Shape, otherwise: bool) -> bool:
    """Whether a word behind it begins there; `otherwise` is what holds before it, where it can be empty."""
    match found:
        case _Text(text):
            return text.endswith(" ")
        case _Edge():
            return True
        case _Unread(empty=empty):
            return empty and otherwise
        case _Choice(branches):
            return all(_ends_apart(branch, otherwise) for branch in branches)
        case Term(named):
            return _ends_apart(named, otherwise)
        case _Repeated(part, least, _):
            return _ends_apart(part, otherwise and not least) and (bool(least) or otherwise)
        case _Sequence(parts):
            for part in parts:
                otherwise = _ends_apart(part, otherwise)
            return otherwise


def _whole_word(text: str, *, before: bool, after: bool) -> frozenset[str] | None:
    """The rarest word of a text, where it begins in it, and only its beginning where more can follow."""
    words = text.split(" ")
    known = [word for word in words[0 if before else 1 : -1] if _WORD.fullmatch(word)]
    if (before or len(words) > 1) and _WORD.fullmatch(words[-1]):
        known.append(words[-1] if after else f"{words[-1]}{STEM}")
    return _rarest(frozenset({word}) for word in known)


def _rarest(needed: Iterable[frozenset[str] | None]) -> frozenset[str] | None:
    return min((words for words in needed if words is not None), key=_commonness, default=None)


def _commonness(words: frozenset[str]) -> float:
    """How often one of some words is said, by a guess: short words often."""
    return sum(2.0 ** -len(word) for word in words)
