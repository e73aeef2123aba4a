"""What a service leaves when it redacts is found by rules: numbers, dates of birth, names; nothing else is touched."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscribe.audio_facts import AudioFacts
from callscribe.deepgram.options import TranscriptionOptions, redaction_of
from callscribe.deepgram.transcription import DeepgramTranscriptions
from callscribe.number_words import DIGITS
from callscribe.recognition import (
    Entity,
    Mention,
    RecognisedUtterance,
    Recognition,
    ServiceSummary,
    Word,
)
from callscribe.redaction import BIRTH_DATE, NAME, NUMBER, LiveRedactor, Passage, Redaction, redacted, redacted_words

NUMBERS = Redaction()
NAMES = Redaction(names=True)
AGENT, CUSTOMER = "agent", "customer"


def passages(*lines: tuple[str, str]) -> list[Passage]:
    return [Passage(speaker=speaker, words=text.split()) for speaker, text in lines]


def said(*lines: tuple[str, str], wanted: Redaction = NUMBERS) -> list[str]:
    return [" ".join(words) for words in redacted_words(passages(*lines), wanted)]


def alone(text: str, wanted: Redaction = NUMBERS) -> str:
    return said((CUSTOMER, text), wanted=wanted)[0]


def hidden(text: str, label: str = NUMBER, wanted: Redaction = NUMBERS) -> str:
    """Which words were replaced."""
    written = alone(text, wanted).split()
    return " ".join(word for word, new in zip(text.split(), written, strict=True) if new.rstrip(".,?!;:") == label)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("my number is four one one one", "four one one one"),
        ("It's 4111, thanks.", "4111,"),
        ("call me at five five five, oh one, double nine please", "five five five, oh one, double nine"),
        ("the card is 4111-1111-1111-1111.", "4111-1111-1111-1111."),
        ("the card is four-one-one-one uh four two two two", "four-one-one-one four two two two"),
        ("my social is one two three and then forty five sixty seven", "one two three forty five sixty seven"),
        ("card ending in forty one eleven", "forty one eleven"),
        ("reach me at (555) 010-7788 today", "(555) 010-7788"),
        ("account number a12345 please", "a12345"),
        ("the phone is five fifty five twelve thirty four", "five fifty five twelve thirty four"),
        ("mi número es cuatro uno uno dos", "cuatro uno uno dos"),
        ("It is [PHONE_NUMBER_1] one two.", "one two."),
    ],
)
def test_numbers_that_are_somebodys_go(text: str, number: str) -> None:
    assert hidden(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "come at two thirty or at ten fifteen",
        "Tuesday at 10:30 works",
        "that is $1,200 or fifty percent",
        "my vision is 20/40 with minus 12.75",
        "since 2019 I have had drops twice a day",
        "on March 5 2026 at nine",
        "December fifth twenty twenty six",
        "one two three",
        "I called about two weeks ago, and then three times",
        "Oh, one more thing.",
        "your code is good until ten thirty",
        "two hundred and fifty dollars",
    ],
)
def test_times_amounts_and_other_quantities_stay(text: str) -> None:
    assert alone(text) == text


def test_a_number_goes_on_over_pauses_and_acknowledgements() -> None:
    assert said((CUSTOMER, "it's four one"), (AGENT, "okay"), (CUSTOMER, "one, uh,"), (CUSTOMER, "two. Yes.")) == [
        f"it's {NUMBER} {NUMBER}",
        "okay",
        f"{NUMBER}, uh,",
        f"{NUMBER}. Yes.",
    ]


DATES = [
    ((AGENT, "What is your date of birth?"), (CUSTOMER, "March third, nineteen sixty two."), 5),
    ((AGENT, "And your birthday please"), (CUSTOMER, "oh three fourteen sixty-two"), 4),
    ((AGENT, "date of birth"), (CUSTOMER, "it's the 3rd of March 1962"), 3),
    ((AGENT, "DOB?"), (CUSTOMER, "3/14/1962"), 1),
    ((CUSTOMER, "she was"), (CUSTOMER, "born on May fifth two thousand and one"), 5),
    ((AGENT, "D.O.B. please"), (CUSTOMER, "One second. It's july ninth eighty one"), 4),
]


@pytest.mark.parametrize(("ask", "answer", "words"), DATES)
def test_a_date_of_birth_goes(ask: tuple[str, str], answer: tuple[str, str], words: int) -> None:
    _, written = said(ask, answer)
    assert sum(word.startswith(BIRTH_DATE) for word in written.split()) == words
    assert len(written.split()) == len(answer[1].split())


def test_a_date_of_birth_goes_on_after_a_pause_and_when_it_is_repeated_and_another_date_stays() -> None:
    written = said(
        (AGENT, "Your date of birth?"),
        (CUSTOMER, "March third"),
        (CUSTOMER, "sixty two"),
        (AGENT, "March third sixty two, thank you. You are booked for December first."),
    )
    assert written[1:] == [
        f"{BIRTH_DATE} {BIRTH_DATE}",
        f"{BIRTH_DATE} {BIRTH_DATE}",
        f"{BIRTH_DATE} {BIRTH_DATE} {BIRTH_DATE} {BIRTH_DATE}, thank you. You are booked for December first.",
    ]


@pytest.mark.parametrize(
    ("answer", "repetition", "words"),
    [
        ("nine, fourteen, fifty-eight", "September fourteenth, nineteen fifty-eight? Thanks.", 4),
        ("the fourth of July seventy six", "7/4/1976. Thanks.", 1),
        ("March 3rd 1962", "the third of March sixty two. Thanks.", 4),
        ("March 3rd 1962", "You are booked for March 5th.", 0),
        ("nine, fourteen, fifty-eight", "See you on December 1st at nine.", 0),
    ],
)
def test_a_date_of_birth_goes_as_well_when_it_is_repeated_in_other_words(
    answer: str, repetition: str, words: int
) -> None:
    *_, repeated = said((AGENT, "Your date of birth?"), (CUSTOMER, answer), (AGENT, repetition))
    assert sum(word.startswith(BIRTH_DATE) for word in repeated.split()) == words


def test_dates_that_nobody_was_born_on_stay() -> None:
    text = "You may come on March third, or in May."
    assert alone(text) == text


def test_names_go_where_they_are_asked_for_and_wherever_else_they_are_said() -> None:
    lines = [
        (CUSTOMER, "Hi, my name is Anna Miller, I'd like to come in."),
        (AGENT, "Thank you, Miss Miller. Is Anna's number the same?"),
        (CUSTOMER, "Yes. My last name is M I L L E R."),
    ]
    assert said(*lines, wanted=NAMES) == [
        f"Hi, my name is {NAME} {NAME}, I'd like to come in.",
        f"Thank you, Miss {NAME}. Is {NAME} number the same?",
        f"Yes. My last name is {' '.join([NAME] * 6)}.",
    ]
    assert said(*lines) == [text for _, text in lines]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("my name is anna and i have a question", "anna"),
        ("My name's John Smith and I called.", "John Smith"),
        ("Her name is on the account.", ""),
        ("My name is Will. Will you help me? It will take a while.", "Will. Will"),
        ("me llamo José García", "José García"),
    ],
)
def test_a_name_ends_where_the_sentence_goes_on(text: str, names: str) -> None:
    assert hidden(text, NAME, NAMES) == names


DIGIT = st.sampled_from([*DIGITS, "oh", "4", "7"])
OTHER = st.sampled_from(["yes", "please", "call", "it", "ten", "card", "[NUMBER_1]", "Tuesday.", "born", "name", "is"])
FILLER = st.sampled_from(["uh", "and", "um", "then"])
LINES = st.lists(
    st.tuples(st.sampled_from([AGENT, CUSTOMER]), st.lists(DIGIT | DIGIT | FILLER | OTHER, max_size=8).map(" ".join)),
    max_size=8,
)


def longest_run(lines: list[str], speakers: list[str], speaker: str) -> int:
    """The longest row of digits that a speaker is left with, over everything that does not end a number."""
    words = [word for line, by in zip(lines, speakers, strict=True) if by == speaker for word in line.split()]
    spoken = [word in DIGITS or word in ("oh", "4", "7") for word in words if word not in ("uh", "and", "um", "then")]
    return max((len(list(row)) for is_digit, row in groupby(spoken) if is_digit), default=0)


@given(LINES, st.booleans())
def test_no_four_digits_said_one_after_the_other_are_left(lines: list[tuple[str, str]], names: bool) -> None:
    written = said(*lines, wanted=Redaction(names=names))
    for speaker in (AGENT, CUSTOMER):
        assert longest_run(written, [by for by, _ in lines], speaker) < 4


@given(LINES)
def test_every_word_stays_in_its_place_and_a_second_pass_changes_nothing(lines: list[tuple[str, str]]) -> None:
    once = said(*lines, wanted=NAMES)
    assert [len(line.split()) for line in once] == [len(text.split()) for _, text in lines]
    again = said(*((by, line) for (by, _), line in zip(lines, once, strict=True)))
    assert again == once


@given(LINES)
def test_a_live_call_never_shows_more_than_three_digits_of_a_number(lines: list[tuple[str, str]]) -> None:
    redactor = LiveRedactor(NUMBERS)
    written = [" ".join(redactor.final(by, text.split())) for by, text in lines]
    for speaker in (AGENT, CUSTOMER):
        assert longest_run(written, [by for by, _ in lines], speaker) < 4


def test_a_live_piece_is_redacted_by_what_came_before_it() -> None:
    redactor = LiveRedactor(NAMES)
    assert redactor.final(CUSTOMER, ["My", "name", "is", "Anna."])[-1] == f"{NAME}."
    assert redactor.final(AGENT, ["Date", "of", "birth,", "Anna?"])[-1] == f"{NAME}?"
    assert redactor.interim(CUSTOMER, ["March", "third"]) == [BIRTH_DATE, BIRTH_DATE]
    assert redactor.final(CUSTOMER, ["March", "third", "sixty"]) == [BIRTH_DATE] * 3
    assert redactor.final(CUSTOMER, ["two.", "Yes.", "Four", "one", "one"]) == [
        f"{BIRTH_DATE}.",
        "Yes.",
        "Four",
        "one",
        "one",
    ]
    assert redactor.final(CUSTOMER, ["two"]) == [NUMBER]


def test_what_may_continue_a_number_of_before_is_redacted_after_a_hand_over_and_in_a_late_piece() -> None:
    taken_over = LiveRedactor(NUMBERS, resumed=True)
    assert taken_over.final(CUSTOMER, ["one", "two.", "Yes,", "two."]) == [NUMBER, f"{NUMBER}.", "Yes,", "two."]
    assert taken_over.final(CUSTOMER, ["one", "one", "please", "two"], late=True) == [NUMBER, NUMBER, "please", NUMBER]
    assert taken_over.final(CUSTOMER, ["three"]) == ["three"]


def recognition(*lines: tuple[int, str], **others: Any) -> Recognition:
    utterances = tuple(
        RecognisedUtterance(
            channel=channel,
            text=text,
            start=float(place),
            end=place + 0.9,
            words=tuple(
                Word(text=word, start=place + index / 100, end=place + index / 100 + 0.01)
                for index, word in enumerate(text.split())
            ),
        )
        for place, (channel, text) in enumerate(lines)
    )
    return replace(Recognition(duration_seconds=60.0, channel_count=2, utterances=utterances), **others)


def test_everything_that_is_kept_is_redacted_and_times_stay() -> None:
    heard = recognition(
        (0, "My name is  Anna."),
        (0, "It's four one one one."),
        entities=(
            Entity(label="phone", value="four one one one", confidence=0.9, channel=0, start_word=1, end_word=5),
        ),
        topics=(Mention(label="4111 card", confidence=0.9, text="x", start_word=0, end_word=1),),
        intents=(Mention(label="Give 4111", confidence=0.9, text="x", start_word=0, end_word=1),),
        summary=ServiceSummary(service="deepgram", succeeded=True, text="Anna gives 4111."),
    )

    kept = redacted(heard, NAMES)

    assert [one.text for one in kept.utterances] == [f"My name is  {NAME}.", f"It's {' '.join([NUMBER] * 4)}."]
    for before, after in zip(heard.utterances, kept.utterances, strict=True):
        assert [(word.start, word.end) for word in before.words] == [(word.start, word.end) for word in after.words]
        assert after.text.split() == [word.text for word in after.words]
    assert kept.entities[0].value == " ".join([NUMBER] * 4)
    assert [one.label for one in (*kept.topics, *kept.intents)] == [f"{NUMBER} card", f"Give {NUMBER}"]
    assert kept.summary is not None
    assert kept.summary.text == f"{NAME} gives {NUMBER}."


def test_names_are_among_what_is_asked_for_or_stay() -> None:
    assert redaction_of(TranscriptionOptions()) is None
    assert redaction_of(TranscriptionOptions(redact=("pci",))) == NUMBERS
    assert redaction_of(TranscriptionOptions(redact=("numbers",)), TranscriptionOptions(redact=("name",))) == NAMES
    assert redaction_of(TranscriptionOptions(redact=("pii",))) == NAMES


@pytest.mark.parametrize(("now", "then"), [(("pci",), ()), ((), ("pci",)), ((), ())])
def test_a_reply_is_redacted_as_it_was_asked_or_is_asked_now(now: tuple[str, ...], then: tuple[str, ...]) -> None:
    reply = (
        b'{"metadata": {"duration": 4.0, "channels": 1}, "results": {"channels": [{"alternatives": [{"transcript": '
        b'"four one one one", "words": []}]}], "utterances": [{"channel": 0, "start": 0.0, "end": 2.0, "transcript": '
        b'"four one one one", "confidence": 0.9, "words": []}]}}'
    )
    transcription = DeepgramTranscriptions(options=TranscriptionOptions(redact=now)).of_reply(
        reply,
        audio=AudioFacts(format="WAV", subtype="PCM_16", channels=1, sample_rate=8000, duration_seconds=4.0),
        noted=TranscriptionOptions(redact=then).record(),
    )
    expected = " ".join([NUMBER] * 4) if now or then else "four one one one"
    assert [one.text for one in transcription.recognition.utterances] == [expected]
