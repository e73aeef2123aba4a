"""Results of a live call are redacted one by one, whichever way their texts are formatted."""

from __future__ import annotations

from callscribe.conversation.utterances import TimedWord
from callscribe.redaction import NUMBER, Redaction
from streamer.redaction import ResultRedactor
from streamer.speech import FinalResult


def final(text: str, *words: str) -> FinalResult:
    timed = tuple(TimedWord(word, place / 10, place / 10 + 0.1) for place, word in enumerate(words))
    return FinalResult(
        channel=0,
        start=0,
        end=8000,
        text=text,
        words_start=0.0,
        words_end=1.0,
        confidence=0.9,
        word_count=len(words),
        speech_final=True,
        words=timed or None,
    )


def test_a_text_is_redacted_that_is_formatted_otherwise_than_its_words() -> None:
    redactor = ResultRedactor(Redaction(), resumed=False)
    said = redactor.final(final("It is 4111.", "it", "is", "four", "one", "one", "one"), late=False)
    assert said.text == f"It is {NUMBER}."
    assert [word.text for word in said.words or ()] == ["it", "is", *[NUMBER] * 4]
    assert redactor.final(final("22 Main"), late=False).text == f"{NUMBER} Main"


def test_a_late_piece_does_not_count_as_what_was_said_last() -> None:
    redactor = ResultRedactor(Redaction(), resumed=False)
    assert redactor.final(final("one two three"), late=False).text == "one two three"
    assert redactor.final(final("please hold nine"), late=True).text == f"please hold {NUMBER}"
    assert redactor.final(final("four"), late=False).text == NUMBER
