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
from callscribe.redaction import (
    BIRTH_DATE,
    EMAIL,
    NAME,
    NUMBER,
    LiveRedactor,
    Passage,
    Redaction,
    redacted,
    redacted_words,
)

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


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Hi, this is Tom Becker, I have a question.", "Tom Becker,"),
        ("This is Tom. I have a question.", "Tom."),
        ("Yes, it's Anna Schmidt speaking.", "Anna Schmidt"),
        ("Hello, I'm Maria Lopez-Garcia and my eye hurts.", "Maria Lopez-Garcia"),
        ("Eye clinic, Sam speaking, how can I help?", "Sam"),
        ("It's Jo calling about my glasses.", "Jo"),
        ("S as in Sam, M, I, T, H", "S as in Sam, M, I, T, H"),
        ("It is spelled B-E-C-K-E-R.", "B-E-C-K-E-R."),
        ("You spell it K L, thanks", "K L,"),
        ("M like Mary, E, uh Y, E, R, right", "M like Mary, E, Y, E, R,"),
        ("b e c k e r", "b e c k e r"),
    ],
)
def test_people_who_say_who_they_are_are_not_named(text: str, names: str) -> None:
    assert hidden(text, NAME, NAMES) == names


@pytest.mark.parametrize(
    "text",
    [
        "This is terrible, and it's not funny.",
        "This is Lakeside Eye Clinic, how can I help?",
        "This is Medicare Part B.",
        "It's Tuesday. I'm Spanish speaking.",
        "It's Lucentis, I think.",
        "I'm sorry, this is the second time.",
        "Generally speaking, I like it. Thanks for calling.",
        "Do I need an M R I, or is an O C T enough?",
        "I have a plan B, and I like it as in the old days.",
        "Meet me at the office, dot your eyes.",
        "Look at the dot com boom.",
        "Come at ten, or at noon. Not at all.",
        "This is it. This is what I need. This is Dr. Who.",
    ],
)
def test_ordinary_words_stay_where_names_go(text: str) -> None:
    assert alone(text, NAMES) == text


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("It's tom dot becker at gmail dot com, thanks.", "tom dot becker at gmail dot com,"),
        ("tom.becker@gmail.com please", "tom.becker@gmail.com"),
        ("write to anna underscore b seven at g mail dot co dot uk", "anna underscore b seven at g mail dot co dot uk"),
        ("my email is j s m i t h at clinic dot org", "j s m i t h at clinic dot org"),
        ("send it to becker at web.de then", "becker at web.de"),
    ],
)
def test_spoken_and_written_addresses_go(text: str, address: str) -> None:
    assert hidden(text, EMAIL, NAMES) == address
    assert alone(text, NUMBERS).count(EMAIL) == 0


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("My policy number is A B one two", "A B one two"),
        ("the member id is X K 4 4", "X K 4 4"),
        ("group number B as in boy, seven, seven, C", "B as in boy, seven, seven, C"),
        ("policy HX44", ""),
        ("My policy is a good one, two of us have it", ""),
        ("The card is for A and B", ""),
        ("my member id and my name, S M I T H", ""),
    ],
)
def test_letters_of_a_policy_number_go_with_its_digits(text: str, number: str) -> None:
    assert hidden(text) == number


_GIVEN = st.sampled_from(["Tom", "Anna", "Quentin", "Maria"])
_FAMILY = st.sampled_from(["Becker", "Schmidt", "Farrowdale", "O'Neill", "Lopez-Garcia"])
_INTRODUCED = st.sampled_from(
    ["This is {0}, hello.", "Hi, it's {0} speaking.", "Hello, {0} calling about drops.", "My name is {0}.", "I'm {0}."]
)


@given(_GIVEN, _FAMILY, _INTRODUCED, st.booleans())
def test_whoever_says_who_they_are_is_named_nowhere_in_the_call(
    given_name: str, family: str, introduced: str, after: bool
) -> None:
    introduction = (CUSTOMER, introduced.format(f"{given_name} {family}"))
    repeated = (AGENT, f"Thank you, {given_name}. Is that {family}'s appointment?")
    written = said(*((introduction, repeated) if after else (repeated, introduction)), wanted=NAMES)
    assert not [line for line in written if given_name in line or family in line]


@given(st.lists(st.sampled_from("bcdefghjklmnpqrstuvwxyz"), min_size=4, max_size=12), st.booleans(), st.data())
def test_nothing_that_is_spelled_is_left(letters: list[str], upper: bool, data: st.DataObject) -> None:
    spelled = [letter.upper() if upper else letter for letter in letters]
    explained = [f"{one} as in Zulu," if data.draw(st.booleans()) else one for one in spelled]
    said_by = " ".join(explained).split()
    written = alone(f"it goes {' '.join(said_by)} okay", NAMES).split()
    assert [word.rstrip(",") for word in written[2:-1]] == [NAME] * len(said_by)
