"""What criteria listen for, in one language: expressions by name, kept as data in `lexicons/criteria-*.json`."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from re import Match, Pattern
from typing import Final

from callscribe.conversation.phrases import phrase
from callscribe.data_files import load

_SET: Final = re.compile(r"(?<!\?P)<([a-z-]+)>")


@dataclass(frozen=True, slots=True, kw_only=True)
class _CuesFile:
    language: str
    everyday_words: frozenset[str]
    function_words: frozenset[str]
    sets: Mapping[str, str]
    cues: Mapping[str, Sequence[str]]


class Cues:
    """The expressions of one language.

    Attributes:
        language: as BCP 47 names it.
        everyday_words: words that are nobody's name.
        function_words: words that say nothing by themselves.

    Raises:
        ValueError: an expression is none, or names a set that is not there.
    """

    def __init__(self, file: _CuesFile) -> None:
        self.language = file.language
        self.everyday_words = file.everyday_words
        self.function_words = file.function_words
        self._sets: dict[str, str] = {}
        for name, expression in file.sets.items():
            self._sets[name] = self._filled(expression)
        self._patterns = {name: self.compiled(expressions) for name, expressions in file.cues.items()}

    def __getitem__(self, name: str) -> Pattern[str]:
        """The expressions of one name, any of which may match.

        Raises:
            KeyError: there are none.
        """
        return self._patterns[name]

    def compiled(self, expressions: Sequence[str]) -> Pattern[str]:
        """Compile expressions, any of which may match whole words; `<name>` stands for a set of the file.

        Raises:
            ValueError: one of them is none, or names a set that is not there.
        """
        return phrase("|".join(f"(?:{self._filled(expression)})" for expression in _numbered(expressions)))

    def _filled(self, expression: str) -> str:
        def filled(match: Match[str]) -> str:
            if match[1] not in self._sets:
                raise ValueError(f"there is no set {match[1]}")
            return self._sets[match[1]]

        return _SET.sub(filled, expression)


def _numbered(expressions: Iterable[str]) -> Iterator[str]:
    """Give each `(?P<name>…)` its own number, because alternatives must not share a group."""
    for index, expression in enumerate(expressions):
        yield expression.replace("(?P<name>", f"(?P<name_{index}>")


def named(match: Match[str]) -> str | None:
    """Name of the group that holds what a match names; None where it names nothing."""
    return next((group for group, value in match.groupdict().items() if value), None)


@cache
def cues_of(language: str) -> Cues:
    """The expressions of `lexicons/criteria-{language}-v1.json`.

    Raises:
        FileNotFoundError: there are none for this language.
    """
    return Cues(load(_CuesFile, "lexicons", f"criteria-{language}-v1"))
