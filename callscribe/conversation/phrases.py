"""Finding phrases in what was said."""

import re
from dataclasses import dataclass
from typing import Final

_WORD: Final = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_SENTENCE_END: Final = re.compile(r"[.!?](?!\d)")
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
        question: whether it asks something, by its punctuation or, where recognition gave none, by its order of words.
    """

    text: str
    question: bool

    @property
    def words(self) -> list[str]:
        """The words."""
        return self.text.split()


def spoken(text: str) -> Spoken:
    """Prepare a text for searching."""
    joined = " ".join(_WORD.findall(text.casefold().replace("’", "'")))
    punctuated = _SENTENCE_END.search(text) is not None
    return Spoken(joined, "?" in text if punctuated else _QUESTION.search(joined) is not None)


def phrase(expression: str) -> re.Pattern[str]:
    """Compile a regular expression that matches whole words of `Spoken.text`.

    Raises:
        ValueError: no regular expression.
    """
    try:
        return re.compile(rf"(?<![\w'])(?:{expression})(?![\w'])")
    except re.error as error:
        raise ValueError(f"not a regular expression: {expression}") from error
