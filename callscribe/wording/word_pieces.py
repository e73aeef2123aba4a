"""WordPiece: text as the encoder's vocabulary has it, the way that uncased BERT models cut it.

Source: https://huggingface.co/docs/transformers/model_doc/bert and the tokenizer.json of the weights (BertNormalizer,
BertPreTokenizer, WordPiece).
"""

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Final

BEGIN: Final = "[CLS]"
END: Final = "[SEP]"
UNKNOWN: Final = "[UNK]"
_CONTINUES: Final = "##"
_LONGEST_WORD: Final = 100


class WordPieces:
    """Cuts text into pieces of a vocabulary.

    Args:
        vocabulary: number of each piece.

    Raises:
        KeyError: the vocabulary lacks `[CLS]`, `[SEP]` or `[UNK]`.
    """

    def __init__(self, vocabulary: Mapping[str, int]) -> None:
        self._vocabulary = vocabulary
        self._begin, self._end, self._unknown = (vocabulary[piece] for piece in (BEGIN, END, UNKNOWN))

    def numbers(self, text: str, most: int) -> list[int]:
        """The numbers of a text's pieces between those of beginning and end; at most `most`, the last one the end's."""
        numbers = [self._begin]
        for word in _words(text):
            numbers += self._pieces(word)
            if len(numbers) >= most:
                break
        return [*numbers[: most - 1], self._end]

    def _pieces(self, word: str) -> list[int]:
        """The longest pieces from the left; one unknown where some part of the word has none."""
        if len(word) > _LONGEST_WORD:
            return [self._unknown]
        pieces: list[int] = []
        start = 0
        while start < len(word):
            prefix = _CONTINUES if start else ""
            for end in range(len(word), start, -1):
                number = self._vocabulary.get(prefix + word[start:end])
                if number is not None:
                    pieces.append(number)
                    start = end
                    break
            else:
                return [self._unknown]
        return pieces


def _words(text: str) -> Iterator[str]:
    """Words and single marks, in lower case and without accents."""
    word = ""
    for character in unicodedata.normalize("NFD", text.lower()):
        category = unicodedata.category(character)
        if category in {"Mn", "Cf"} or character == "\N{REPLACEMENT CHARACTER}":
            continue
        if category.startswith(("L", "N")):
            word += character
            continue
        if word:
            yield word
            word = ""
        if not character.isspace() and not category.startswith("C"):
            yield character
    if word:
        yield word
