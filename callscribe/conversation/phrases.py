"""Finding phrases in what was said."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from callscribe.data_files import load

_WORD: Final = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_SENTENCE_END: Final = re.compile(r"[.!?](?!\d)")
_CLAUSE_END: Final = re.compile(r"[.,;:!?](?!\d)")
# The order of words that tells a question where recognition wrote no punctuation.
_QUESTION: Final = re.compile(
    r"(?<![\w'])(?:"
    r"(?:can|could|may|would|will|should|do|does|did|are) (?:i|you|we|he|she|they)"
    r"|(?:who|what|when|where|why|which|how)(?: \w+){0,2} (?:can|could|would|will|should|do|does|did|are|is|was) "
    r"(?:i|you|we|he|she|they|it|the|your|my|that|this)"
    r"|have you (?:been|ever|had|tried|got|seen|already)|(?:would|will|does|did|is) (?:that|this|it) "
    r"(?:work|help|hurt|okay|all right)"
    r")(?![\w'])"
)


@dataclass(frozen=True, slots=True)
class Spoken:
    """A piece of speech, ready to be searched.

    Attributes:
        text: lower-case words joined by single spaces, without punctuation.
        clause_starts: indexes of words that begin a clause.
        question: whether it asks something, by its punctuation or, where recognition gave none, by its order of words.
    """

    text: str
    clause_starts: frozenset[int]
    question: bool

    @property
    def words(self) -> list[str]:
        """The words."""
        return self.text.split()


def spoken(text: str) -> Spoken:
    """Prepare a text for searching."""
    words: list[str] = []
    starts = {0}
    for clause in _CLAUSE_END.split(text.casefold().replace("’", "'")):
        words.extend(_WORD.findall(clause))
        starts.add(len(words))
    joined = " ".join(words)
    punctuated = _SENTENCE_END.search(text) is not None
    return Spoken(joined, frozenset(starts), "?" in text if punctuated else _QUESTION.search(joined) is not None)


def phrase(expression: str) -> re.Pattern[str]:
    """Compile a regular expression that matches whole words of `Spoken.text`.

    Raises:
        ValueError: no regular expression.
    """
    try:
        return re.compile(rf"(?<![\w'])(?:{expression})(?![\w'])")
    except re.error as error:
        raise ValueError(f"not a regular expression: {expression}") from error


@dataclass(frozen=True, slots=True)
class Negation:
    """Words that turn the meaning of what follows in the same clause.

    Attributes:
        words: negating words.
        window: how many words before a phrase are looked at.
        unless: expressions that hold a negating word and ask for the thing all the same ("why don't you ...").
    """

    words: frozenset[str]
    window: int
    unless: re.Pattern[str]

    def applies(self, speech: Spoken, start: int) -> bool:
        """Whether the phrase that starts at this offset of `speech.text` is negated."""
        words = speech.words
        index = speech.text.count(" ", 0, start)
        first = max(0, index - self.window)
        while index > first and index not in speech.clause_starts:
            index -= 1
            if words[index] in self.words:
                return self.unless.search(speech.text[:start]) is None
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class _NegationFile:
    words: frozenset[str]
    window: int
    unless: tuple[str, ...]


@cache
def negation() -> Negation:
    """The negation rules of `lexicons/negation-v1.json`."""
    file = load(_NegationFile, "lexicons", "negation-v1")
    return Negation(file.words, file.window, phrase("|".join(file.unless)))
