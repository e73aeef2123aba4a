"""The guards around Whisper, and what its words are made into. Nothing here loads the model."""

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("faster_whisper", reason="there is no wheel for this machine")

from local.speech.engines import Word, whisper_model


def words(text: str) -> list[Word]:
    return [Word(word, float(at), at + 1.0, 0.9) for at, word in enumerate(text.split())]


def segment(text: str, *, log_probability: float = -0.3, no_speech: float = 0.1) -> Any:
    parts = [
        SimpleNamespace(word=word, start=at, end=at + 0.5, probability=0.8)
        for at, word in enumerate(part for part in text.split("|") if part)
    ]
    return SimpleNamespace(
        text=text.replace("|", ""), words=parts, avg_logprob=log_probability, no_speech_prob=no_speech
    )


def said(found: Any) -> list[str]:
    return [word.text for word in found]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("so oh oh oh oh oh oh oh what", "so what"),
        ("go on i am i am i am i am done", "go on done"),
        ("no no no thank you", "no no no thank you"),
        ("5 5 5 5 5 5 5 5", "5 5 5 5 5 5 5 5"),
        ("bye bye thank you thank you thank you", "bye bye thank you thank you thank you"),
        ("", ""),
    ],
)
def test_a_loop_is_left_out_and_what_a_person_repeats_is_not(text: str, kept: str) -> None:
    assert said(whisper_model.without_loops(words(text))) == kept.split()


def test_a_segment_that_whisper_itself_doubts_gives_no_words() -> None:
    text = " Thank| you."
    assert said(whisper_model.spoken(segment(text))) == ["thank", "you"]
    assert said(whisper_model.spoken(segment(text, log_probability=-1.2))) == []
    assert said(whisper_model.spoken(segment(text, no_speech=0.9))) == []


def test_a_segment_that_compresses_too_well_gives_no_words() -> None:
    assert said(whisper_model.spoken(segment("| I'm| going| to| go| to| the| next| one" * 8))) == []


def test_a_word_keeps_its_writing_and_is_spoken_without_punctuation() -> None:
    found = whisper_model.spoken(segment(' "Okay,"| I\u2019ll| pay| $200| or| 50%|-ish| at| 9|.30| o\'clock.| -'))
    assert said(found) == ["okay", "i'll", "pay", "$200", "or", "50%-ish", "at", "9.30", "o'clock"]
    assert found[0] == Word("okay", 0.0, 0.5, 0.8, '"Okay,"')
    assert (found[7].punctuated, found[7].start, found[7].end) == ("9.30", 8.0, 9.5)
