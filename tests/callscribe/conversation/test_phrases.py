import pytest

from callscribe.conversation.phrases import phrase, spoken


def test_speech_is_reduced_to_lower_case_words() -> None:
    assert (
        spoken("Yes, I’d like an APPOINTMENT — at 9:30, please!").text == "yes i'd like an appointment at 9 30 please"
    )


@pytest.mark.parametrize(
    "text",
    [
        "Is it far?",
        "good morning billing department how can i help you",
        "i am sorry when did the pain begin",
        "we have an opening on tuesday would that work for you",
        "are you a new patient or have you been here before",
    ],
)
def test_questions_are_known_with_and_without_a_mark(text: str) -> None:
    assert spoken(text).question


@pytest.mark.parametrize(
    "text",
    ["I will wait.", "", "what a day", "when you come in", "have a good day", "we have you down", "Do you. I do."],
)
def test_other_sentences_are_no_questions(text: str) -> None:
    assert not spoken(text).question


def test_phrases_match_whole_words() -> None:
    assert phrase("bill").search("the bill is here")
    assert not phrase("bill").search("the billing desk")
    assert not phrase("don").search("i don't know")


def test_a_phrase_that_is_no_expression_is_refused() -> None:
    with pytest.raises(ValueError, match="not a regular expression"):
        phrase("(")
