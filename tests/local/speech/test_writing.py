import pytest

from local.speech.engines import Word
from local.speech.transcript import SpokenWord, utterances
from local.speech.writing import write


def spoken(text: str, *, pause: float = 0.0) -> list[SpokenWord]:
    """Words of 0.3 s; a ``|`` between two words is a pause."""
    words, time = [], 0.0
    for token in text.split():
        if token == "|":
            time += pause
            continue
        words.append(SpokenWord.of(Word(token, round(time, 3), round(time + 0.3, 3), 0.8)))
        time += 0.3
    return words


def written(text: str, *, pause: float = 0.0, gap: float = 0.8) -> list[str]:
    found = utterances(spoken(text, pause=pause), 0, gap)
    for sentence in (sentence for utterance in found for sentence in utterance.sentences):
        write(sentence)
    return [utterance.text for utterance in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("thank you | we have time | would that work for you", "Thank you. We have time. Would that work for you?"),
        ("good morning i got a bill", "Good morning. I got a bill."),
        ("tuesday is fine do i need my insurance card", "Tuesday is fine. Do I need my insurance card?"),
        ("that would be great how long will it take", "That would be great. How long will it take?"),
        ("and now my left eye is red", "And now my left eye is red."),
        ("yes three times a day", "Yes, three times a day."),
        ("hello", "Hello."),
        ("how", "How."),
    ],
)  # fmt: skip
def test_sentences_get_capitals_and_marks(text: str, expected: str) -> None:
    assert written(text, pause=0.05) == [expected]


def test_a_long_pause_ends_a_sentence_and_a_longer_one_the_utterance() -> None:
    assert written("please wait | glasses", pause=0.5) == ["Please wait. Glasses."]
    assert written("please wait | glasses", pause=0.9) == ["Please wait.", "Glasses."]
    assert written("please wait | glasses", pause=0.9, gap=1.5) == ["Please wait. Glasses."]


def test_another_speaker_begins_another_utterance() -> None:
    words = spoken("good morning hello there")
    for word, speaker in zip(words, (0, 0, 1, 1), strict=True):
        word.speaker = speaker
    assert [(u.speaker, [w.text for w in u.words]) for u in utterances(words, 0, 0.8)] == [
        (0, ["good", "morning"]),
        (1, ["hello", "there"]),
    ]


def test_no_words_are_no_utterances() -> None:
    assert utterances([], 0, 0.8) == []


def punctuated(text: str) -> list[SpokenWord]:
    """Words as an engine that punctuates gives them."""
    spoken = (
        Word(word.lower().strip(".,?!"), at * 0.3, at * 0.3 + 0.2, 0.9, word) for at, word in enumerate(text.split())
    )
    return [SpokenWord.of(word) for word in spoken]


@pytest.mark.parametrize(
    "sentences",
    [
        ["This is Dr. Miller.", "Can I have your name?", "2 o'clock is fine."],
        ["well I think so"],
        ["He said no.", '"Really?"', "Yes!"],
        ["It is the U.S. government."],
    ],
)
def test_the_punctuation_of_the_engine_is_kept_and_ends_sentences(sentences: list[str]) -> None:
    (utterance,) = utterances(punctuated(" ".join(sentences)), 0, 0.8)
    for sentence in utterance.sentences:
        write(sentence)
    assert [sentence.text for sentence in utterance.sentences] == sentences
