"""Text is cut as uncased BERT models cut it."""

import pytest

from callscribe.wording.word_pieces import WordPieces

PIECES = ["[CLS]", "[SEP]", "[UNK]", "re", "##fill", "##s", "my", "drop", "'", "?", "resume", "3", "##0"]
VOCABULARY = {piece: number for number, piece in enumerate(PIECES)}


def _cut(text: str, most: int = 96) -> list[str]:
    return [PIECES[number] for number in WordPieces(VOCABULARY).numbers(text, most)]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Refill my drops?", ["re", "##fill", "my", "drop", "##s", "?"]),
        ("my drop's", ["my", "drop", "'", "[UNK]"]),
        ("RÉSUMÉ", ["resume"]),
        ("30", ["3", "##0"]),
        ("my\u200b\tdrop\n", ["my", "drop"]),
        ("refillx", ["[UNK]"]),
        ("my " + "s" * 101, ["my", "[UNK]"]),
        ("", []),
    ],
)
def test_a_word_is_cut_into_the_longest_pieces_from_the_left(text: str, pieces: list[str]) -> None:
    assert _cut(text) == ["[CLS]", *pieces, "[SEP]"]


def test_a_long_text_is_cut_off_before_the_last_piece() -> None:
    assert _cut("my " * 500, most=5) == ["[CLS]", "my", "my", "my", "[SEP]"]
