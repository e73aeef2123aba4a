"""What an engine for wording adds to the rules, and what it does not."""

from collections.abc import Mapping, Sequence

import pytest

from callscribe.conversation.call_summary import FlagEvidence
from callscribe.conversation.clauses import MAX_CLAUSE_WORDS
from callscribe.conversation.utterances import Role
from callscribe.conversation.wording import MOST_WORDS
from callscribe.written_calls import Line, WrittenCall, transcript_of

APPOINTMENT = "appointment_requested"
CANCELLATION = "cancellation_intent"


class Hears:
    """Takes whatever has one of some words to mean the flag beside it."""

    name = "hears-v1"

    def __init__(self, flags: Mapping[str, str]) -> None:
        self.flags = flags
        self.asked: list[tuple[Role, str]] = []

    def meant(self, role: Role, text: str) -> Mapping[str, float]:
        """The flags of the words that are in the text."""
        self.asked.append((role, text))
        return {flag: 0.9 for word, flag in self.flags.items() if word in text}


def _evidence(wording: Hears, *lines: tuple[str, str]) -> Mapping[str, Sequence[FlagEvidence]]:
    call = WrittenCall(lines=tuple(Line(role, text) for role, text in lines))  # type: ignore[arg-type]
    flags = transcript_of(call, wording=wording).summary.flags
    return {flag.name: flag.evidence for flag in flags if flag.raised}


def test_wording_raises_a_flag_of_which_no_rule_speaks_and_says_which_words_and_engine_did() -> None:
    raised = _evidence(
        Hears({"oculist": APPOINTMENT}), ("agent", "Good morning."), ("customer", "The oculist ought to look at me.")
    )

    (found,) = raised[APPOINTMENT]
    assert (found.source, found.rule) == ("wording", "hears-v1")
    assert found.quote is not None
    assert found.quote.text == "The oculist ought to look at me."
    assert found.certainty is not None
    assert 0 < found.certainty <= 0.9


@pytest.mark.parametrize(
    "text", ["I don't want to make an appointment.", "If I wanted to make an appointment, would you have one?"]
)
def test_wording_does_not_overrule_a_rule_that_finds_the_act_denied_or_only_supposed(text: str) -> None:
    assert _evidence(Hears({"appointment": APPOINTMENT}), ("agent", "Hello."), ("customer", text)) == {}


def test_what_wording_raises_is_taken_back_like_what_a_rule_raises() -> None:
    lines = (
        ("customer", "The oculist ought to look at me."),
        ("agent", "Let me see."),
        ("customer", "No, never mind."),
    )

    assert _evidence(Hears({"oculist": APPOINTMENT}), *lines) == {}


def test_a_visit_that_wording_says_is_not_kept_yields_to_the_other_day_that_is_asked_for() -> None:
    raised = _evidence(
        Hears({"stuck": CANCELLATION}),
        ("customer", "I'm stuck in Denver on Monday."),
        ("agent", "Oh."),
        ("customer", "Can I come on Tuesday?"),
    )

    assert list(raised) == [APPOINTMENT]


def test_the_engine_hears_who_speaks_and_whole_sentences_of_a_long_turn() -> None:
    wording = Hears({})
    sentence = "And then the other eye began to water as well. "

    _evidence(wording, ("agent", "Tell me more."), ("customer", sentence * 20), ("announcement", "Please hold."))

    assert {role for role, _ in wording.asked} == {Role.AGENT, Role.CUSTOMER}
    parts = [text for role, text in wording.asked if role is Role.CUSTOMER]
    assert " ".join(parts).split() == (sentence * 20).split()
    assert all(part.endswith("well.") and len(part.split()) <= MOST_WORDS for part in parts)
    assert len(parts) < 20


def test_a_long_turn_without_marks_is_heard_whole_in_parts() -> None:
    wording = Hears({})
    text = "and then the other eye began to water so i went to bed and i could not sleep " * 20

    _evidence(wording, ("agent", "Tell me more."), ("customer", text))

    parts = [text for role, text in wording.asked if role is Role.CUSTOMER]
    assert " ".join(parts).split() == text.split()
    assert max(len(part.split()) for part in parts) <= MOST_WORDS + MAX_CLAUSE_WORDS


def test_a_flag_that_is_not_in_the_set_is_not_raised() -> None:
    assert _evidence(Hears({"oculist": "of_another_set"}), ("agent", "Hi."), ("customer", "The oculist, please.")) == {}
