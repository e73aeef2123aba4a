from itertools import pairwise

import pytest

from local.speech.engines import Word
from local.speech.spoken_numbers import Redaction, as_numerals, number_spans
from local.speech.transcript import SpokenWord


def said(text: str) -> list[SpokenWord]:
    return [SpokenWord.of(Word(word, place, place + 0.5, 0.9)) for place, word in enumerate(text.split())]


def texts(words: list[SpokenWord]) -> str:
    return " ".join(word.text for word in words)


@pytest.mark.parametrize(
    ("spoken", "written"),
    [
        ("four seven one five six two", "471562"),
        ("nineteen fifty two", "1952"),
        ("at nine thirty in the morning", "at 9:30 in the morning"),
        ("two hundred dollars", "$200"),
        ("one thousand two hundred thirty four", "1234"),
        ("thirty days", "30 days"),
        ("one moment please", "one moment please"),
        ("at two o'clock", "at two o'clock"),
        ("it is a hundred", "it is a hundred"),
        ("thousand times hundred thousand", "thousand times hundred thousand"),
        ("471,562 on the 10th at 9:30 for $200", "471,562 on the 10th at 9:30 for $200"),
        ("five hundred twenty one and thirty", "521 and 30"),
        ("", ""),
    ],
)
def test_spoken_numbers_are_written_as_numerals(spoken: str, written: str) -> None:
    assert texts(as_numerals(said(spoken))) == written


def test_amounts_are_written_with_their_currency() -> None:
    assert texts(as_numerals(said("a bill for two thousand dollars today"))) == "a bill for $2,000 today"


def test_numerals_of_the_engine_become_amounts_too() -> None:
    assert texts(as_numerals(said("all of the 2000 dollars"))) == "all of the $2,000"


def test_a_redacted_number_is_no_number_any_more() -> None:
    words = Redaction(["numbers"]).apply(said("two hundred dollars"))
    assert texts(as_numerals(words)) == "[NUMBER_1] dollars"


def test_the_punctuation_around_a_number_stays() -> None:
    words = [SpokenWord.of(Word(*word)) for word in (("471", 0, 1, 0.9, "(471"), ("562", 1, 2, 0.9, "562)."))]
    assert [word.punctuated for word in Redaction(["numbers"]).apply(words)] == ["([NUMBER_1])."]


def test_a_number_keeps_the_time_of_all_its_words() -> None:
    (number,) = as_numerals(said("four seven one"))
    assert (number.start, number.end) == (0, 2.5)
    assert number.confidence == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("wanted", "spoken", "written"),
    [
        (["numbers"], "number four seven one and nine", "number [NUMBER_1] and nine"),
        (["true"], "four seven one then six six six", "[NUMBER_1] then [NUMBER_2]"),
        (["aggressive_numbers"], "one or two", "[NUMBER_1] or [NUMBER_2]"),
        (["pci"], "card " + "four " * 16 + "code one two three", "card [CREDIT_CARD_1] code one two three"),
        (["ssn"], "five " * 9 + "end", "[SSN_1] end"),
        (["pii"], "call " + "five " * 10 + "now", "call [PHONE_NUMBER_1] now"),
        (["pii", "numbers"], "six six six", "[NUMBER_1]"),
        (["pii"], "nineteen fifty two", "[NUMERICAL_PII_1]"),
        (["phi"], "six six six", "six six six"),
        (["numbers"], "number 471.562 on the 10th", "number [NUMBER_1] on the 10th"),
        (["numbers"], "471 five six two", "[NUMBER_1]"),
        (["numbers"], "$20 or $200", "$20 or [NUMBER_1]"),
        (["pii"], "call 555-123 4567 now", "call [PHONE_NUMBER_1] now"),
        (["numbers"], "policy a12345", "policy [NUMBER_1]"),
        ([], "six six six", "six six six"),
    ],
)
def test_numbers_are_redacted_by_what_they_look_like(wanted: list[str], spoken: str, written: str) -> None:
    assert texts(Redaction(wanted).apply(said(spoken))) == written


def test_labels_are_counted_through_all_channels_of_a_reply() -> None:
    redaction = Redaction(["numbers"])
    redaction.apply(said("six six six"))
    assert texts(redaction.apply(said("five five five"))) == "[NUMBER_2]"


def test_spans_never_overlap_and_cover_only_number_words() -> None:
    spans = list(number_spans(["one", "hundred", "and", "twenty", "two", "of", "nine", "nine", "nine"]))
    assert all(first.end <= second.start for first, second in pairwise(spans))
    assert [span.numerals for span in spans] == ["100", "22", "999"]
