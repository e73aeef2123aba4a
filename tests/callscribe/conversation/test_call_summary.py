from typing import Any

import pytest

from callscribe.conversation.call_summary import CallSummary, SummarySource, flag_names
from tests.callscribe.replies import (
    AGENT,
    APPOINTMENT,
    BILLING,
    CUSTOMER,
    URGENT,
    Turn,
    mono,
    silent,
    stereo,
    talk,
    transcript_of,
)


def summary_of(*lines: tuple[int, str]) -> CallSummary:
    """The summary of a call in which both speak."""
    silent_one = {CUSTOMER, AGENT} - {speaker for speaker, _ in lines}
    return transcript_of(stereo(talk(*lines, *((speaker, "Mhm.") for speaker in silent_one)))).summary


def raised(summary: CallSummary) -> set[str]:
    return {flag.name for flag in summary.flags if flag.raised}


@pytest.mark.parametrize(
    ("turns", "flags"),
    [
        (APPOINTMENT, {"appointment_requested", "insurance_mentioned"}),
        (BILLING, {"complaint", "insurance_mentioned"}),
        (URGENT, set()),
    ],
)
def test_whole_calls_raise_their_flags(turns: list[Turn], flags: set[str]) -> None:
    assert raised(transcript_of(stereo(turns)).summary) == flags
    assert raised(transcript_of(mono(turns)).summary) == flags


@pytest.mark.parametrize(
    ("text", "flag"),
    [
        ("I'd like to schedule an appointment", "appointment_requested"),
        ("i need to reschedule my appointment", "appointment_requested"),
        ("Can I come in tomorrow?", "appointment_requested"),
        ("When is your next available opening?", "appointment_requested"),
        ("Do you take Medicare?", "insurance_mentioned"),
        ("I don't have insurance.", "insurance_mentioned"),
        ("Could you please call me back?", "callback_requested"),
        ("Can you have the nurse call me?", "callback_requested"),
        ("Why don't you call me back?", "callback_requested"),
        ("I want to make a complaint.", "complaint"),
        ("This is unacceptable.", "complaint"),
        ("I was charged twice.", "complaint"),
        ("I've been waiting for two weeks.", "complaint"),
        ("Nobody called me.", "complaint"),
        ("I need to cancel my appointment.", "cancellation_intent"),
        ("I don't feel well, cancel my visit please.", "cancellation_intent"),
        ("I can't make it on Friday.", "cancellation_intent"),
    ],
)
def test_a_customers_phrase_raises_its_flag(text: str, flag: str) -> None:
    summary = summary_of((AGENT, "Yes."), (CUSTOMER, text))
    assert flag in raised(summary)
    assert [found.turn for found in summary.flag(flag).evidence] == [1]


@pytest.mark.parametrize(
    "text",
    [
        "I do not want to cancel my appointment.",
        "I don't need an appointment.",
        "You don't have to call me back.",
        "I have no complaint.",
        "I'm not upset.",
        "Is the doctor in today?",
        "My uninsured parcel came.",
        "",
    ],
)
def test_a_negation_or_another_matter_raises_nothing(text: str) -> None:
    assert raised(summary_of((CUSTOMER, "Hello there."), (CUSTOMER, text))) == set()


def test_a_negation_once_does_not_undo_a_wish_elsewhere() -> None:
    summary = summary_of((CUSTOMER, "I do not want to cancel my visit. No, wait. Cancel my visit please."))
    assert "cancellation_intent" in raised(summary)


def test_the_agents_words_are_not_the_customers_wish() -> None:
    summary = summary_of(
        (AGENT, "Do you want to make an appointment, or to cancel your appointment? Nobody called you?"),
        (CUSTOMER, "Neither."),
    )
    assert raised(summary) == set()


def test_an_agents_promise_to_call_back_counts() -> None:
    assert raised(summary_of((AGENT, "The nurse will call you back."))) == {"callback_requested"}


def labelled(kind: str, label: str, text: str, start: int, end: int) -> dict[str, Any]:
    name = kind.removesuffix("s")
    segment = {"text": text, "start_word": start, "end_word": end, kind: [{name: label, "confidence_score": 0.01}]}
    return {kind: {"segments": [segment]}}


def test_deepgrams_intents_and_topics_count_with_their_turn() -> None:
    text = "Perhaps another day would suit us better."
    reply = stereo(talk((AGENT, "Eye clinic."), (CUSTOMER, text)))
    reply["results"] |= labelled("intents", "Cancel appointment", text, 0, 6)
    reply["results"] |= labelled("topics", "Insurance coverage", "words nobody said at all", 0, 6)
    summary = transcript_of(reply).summary
    assert [(e.turn, e.source, e.rule) for e in summary.flag("cancellation_intent").evidence] == [
        (1, "intent", "Cancel appointment")
    ]
    assert [(e.turn, e.source) for e in summary.flag("insurance_mentioned").evidence] == [(None, "topic")]


def test_an_intent_found_in_a_denial_does_not_count() -> None:
    text = "I do not want to cancel my appointment."
    reply = stereo(talk((CUSTOMER, text)))
    reply["results"] |= labelled("intents", "Cancel appointment", text, 0, 7)
    assert raised(transcript_of(reply).summary) == set()


def test_deepgrams_summary_is_taken_where_there_is_one() -> None:
    reply = stereo(BILLING)
    reply["results"]["summary"] = {"result": "success", "short": "A bill is disputed."}
    summary = transcript_of(reply).summary
    assert (summary.text, summary.source) == ("A bill is disputed.", SummarySource("deepgram"))


@pytest.mark.parametrize(
    "given", [None, {"result": "failure", "short": "English only."}, {"result": "success", "short": ""}]
)
def test_otherwise_concern_and_outcome_are_quoted(given: Any) -> None:
    reply = stereo(BILLING)
    if given is not None:
        reply["results"]["summary"] = given
    summary = transcript_of(reply).summary
    assert summary.source is SummarySource.EXTRACT
    assert summary.text == (
        "Customer: Good morning. I got a bill for two hundred dollars, and I think it is wrong. "
        "Agent: It will take about thirty days. You do not have to pay anything until then."
    )


def test_a_long_turn_is_quoted_in_part() -> None:
    text = summary_of((CUSTOMER, "word " * 200)).text
    assert text.endswith("word …")
    assert len(text) < 260


def test_a_few_words_are_quoted_as_they_are() -> None:
    assert transcript_of(stereo(talk((AGENT, "Hello?")))).summary.text == "Agent: Hello?"


def test_silence_is_summed_up_as_silence() -> None:
    summary = transcript_of(silent()).summary
    assert (summary.source, raised(summary)) == (SummarySource.NONE, set())
    assert summary.text == "No speech was recognised in this recording."


def test_every_flag_is_always_there() -> None:
    assert tuple(flag.name for flag in summary_of((CUSTOMER, "Hello.")).flags) == flag_names()
    with pytest.raises(KeyError):
        summary_of((CUSTOMER, "Hello.")).flag("unheard-of")
