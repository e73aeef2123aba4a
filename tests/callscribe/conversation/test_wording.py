"""An engine of wordings beside the rules: what it adds, what it vetoes, and what stays the rules' to know."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from callscribe.conversation.call_summary import Flag
from callscribe.conversation.wording import WordingVersion, pieces_of
from callscribe.written_calls import Line, WrittenCall, transcript_of


@dataclass(frozen=True)
class Says:
    adds: bool = False
    vetoes: bool = False
    certainty: float = 0.9
    nearest: tuple[str, ...] = ("A labelled sentence.",)


class Scripted:
    """Says of texts what it was told, and notes what it was asked."""

    version = WordingVersion(name="scripted", version=1)

    def __init__(self, **flags: Mapping[str, Says]) -> None:
        self._flags = flags
        self.asked: list[str] = []

    def read(self, text: str) -> Mapping[str, Says]:
        self.asked.append(text)
        return {flag: texts[text] for flag, texts in self._flags.items() if text in texts}


def flags(lines: list[tuple[Any, str]], engine: Scripted) -> dict[str, Flag]:
    call = WrittenCall(lines=tuple(Line(role, text) for role, text in lines))
    return {flag.name: flag for flag in transcript_of(call, wording=engine).summary.flags}


HINT = "The bottle gave up the ghost this morning."


def test_a_wording_raises_what_no_rule_does_and_says_so() -> None:
    said = [("agent", "Clinic."), ("customer", HINT)]
    assert not flags(said, Scripted())["prescription_refill"].raised

    (found,) = flags(said, Scripted(prescription_refill={HINT: Says(adds=True)}))["prescription_refill"].evidence

    assert (found.source, found.rule) == ("wording", "scripted/1")
    assert found.nearest == ("A labelled sentence.",)
    assert found.quote is not None
    assert (found.quote.turn, found.quote.text) == (1, HINT)
    assert found.certainty is not None
    assert 0.8 < found.certainty <= 0.9


REQUEST = "I would like to make an appointment."


def test_a_wording_speaks_against_a_rule() -> None:
    said = [("agent", "Clinic."), ("customer", REQUEST)]
    assert flags(said, Scripted())["appointment_requested"].raised
    assert not flags(said, Scripted(appointment_requested={REQUEST: Says(vetoes=True)}))["appointment_requested"].raised


def test_a_sentence_that_means_it_by_itself_is_not_vetoed_for_what_is_said_with_it() -> None:
    trouble = "The kitchen is flooded and the dog ran off."
    said = [("agent", "Clinic."), ("customer", f"{trouble} {REQUEST}")]
    against = Scripted(appointment_requested={f"{trouble} {REQUEST}": Says(vetoes=True), REQUEST: Says()})
    assert flags(said, against)["appointment_requested"].raised


def test_what_an_engine_does_not_know_stays_as_the_rules_say() -> None:
    said = [("agent", "Clinic."), ("customer", REQUEST)]
    (found,) = flags(said, Scripted())["appointment_requested"].evidence
    assert found.source == "phrase"


def test_an_offer_that_is_accepted_is_not_vetoed() -> None:
    answer = "Yes, please do that."
    said = [("agent", "Would you like to come in on Tuesday at ten?"), ("customer", answer)]
    assert flags(said, Scripted())["appointment_requested"].raised
    assert flags(said, Scripted(appointment_requested={answer: Says(vetoes=True)}))["appointment_requested"].raised


def test_what_a_rule_finds_denied_is_not_raised_by_wording() -> None:
    denied = "I don't want to cancel my appointment."
    said = [("agent", "Clinic."), ("customer", denied)]
    assert not flags(said, Scripted(cancellation_intent={denied: Says(adds=True)}))["cancellation_intent"].raised


def test_what_is_taken_back_later_is_not_raised_by_wording_either() -> None:
    hint = "Thursday is no good to me any more, so let somebody else have it."
    said = [
        ("agent", "Clinic."),
        ("customer", hint),
        ("agent", "All right."),
        ("customer", "No, wait, don't cancel it."),
    ]
    engine = Scripted(cancellation_intent={hint: Says(adds=True)})
    assert flags(said[:2], engine)["cancellation_intent"].raised
    assert not flags(said, engine)["cancellation_intent"].raised


def test_only_customers_are_read() -> None:
    engine = Scripted()
    flags([("agent", "Clinic, this is Sam."), ("customer", HINT), ("agent", "I see that here.")], engine)
    assert engine.asked == [HINT]


def test_sentences_are_read_together_up_to_forty_words() -> None:
    sentence = "This one has exactly ten words, as you can count."
    assert [(piece.first, piece.last) for piece in pieces_of(" ".join([sentence] * 9))] == [(0, 39), (40, 79), (80, 89)]


@given(st.lists(st.sampled_from(["word", "end.", "why?", "Dr.", "no!"]), max_size=200))
def test_every_word_is_in_one_piece_and_none_is_longer_than_forty(words: list[str]) -> None:
    pieces = [*pieces_of(" ".join(words))]
    assert [word for piece in pieces for word in piece.text.split()] == words
    assert all(len(piece.text.split()) == piece.last - piece.first + 1 <= 40 for piece in pieces)
    assert [piece.first for piece in pieces][1:] == [piece.last + 1 for piece in pieces][:-1]
