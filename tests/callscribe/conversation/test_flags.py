import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from callscribe.conversation.call_summary import CallSummary
from callscribe.conversation.flags import FlagSet, InvalidFlagSet, alerts_of, flag_names, load_flag_set
from callscribe.data_files import names
from tests.callscribe.replies import (
    AGENT,
    APPOINTMENT,
    BILLING,
    CUSTOMER,
    URGENT,
    Turn,
    mono,
    stereo,
    talk,
    transcript_of,
)


def summary_of(*lines: tuple[int, str]) -> CallSummary:
    return transcript_of(stereo(talk(*lines))).summary


def raised(summary: CallSummary) -> set[str]:
    return {flag.name for flag in summary.flags if flag.raised}


@pytest.mark.parametrize(
    ("turns", "flags"),
    [
        (APPOINTMENT, {"appointment_requested", "insurance_mentioned"}),
        (BILLING, {"complaint", "insurance_mentioned"}),
        (URGENT, {"urgent", "prescription_refill"}),
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
    summary = summary_of(
        (AGENT, "Yes?"), (CUSTOMER, "I do not want to cancel my visit. No, wait. Cancel my visit please.")
    )
    assert "cancellation_intent" in raised(summary)


def test_the_agents_words_are_not_the_customers_wish() -> None:
    summary = summary_of(
        (AGENT, "Do you want to make an appointment, or to cancel your appointment? Nobody called you?"),
        (CUSTOMER, "Neither."),
    )
    assert raised(summary) == set()


def test_an_agents_promise_to_call_back_counts() -> None:
    assert raised(summary_of((CUSTOMER, "All right."), (AGENT, "The nurse will call you back."))) == {
        "callback_requested"
    }


def labelled(kind: str, label: str, text: str, confidence: float) -> dict[str, Any]:
    name = kind.removesuffix("s")
    words = len(text.split())
    segment = {
        "text": text,
        "start_word": 0,
        "end_word": words - 1,
        kind: [{name: label, "confidence_score": confidence}],
    }
    return {kind: {"segments": [segment]}}


def of_label(speaker: int, text: str, *, confidence: float = 0.9, about: str | None = None) -> CallSummary:
    other = CUSTOMER if speaker == AGENT else AGENT
    reply = stereo(talk((other, "Good morning to you there."), (speaker, text)))
    reply["results"] |= labelled("intents", "Cancel appointment", about or text, confidence)
    return transcript_of(reply).summary


VAGUE = "Something has come up for that day, I am afraid."


def test_a_services_intent_counts_with_its_turn_and_its_confidence() -> None:
    (found,) = of_label(CUSTOMER, VAGUE).flag("cancellation_intent").evidence
    assert (found.turn, found.source, found.rule, found.certainty) == (1, "intent", "Cancel appointment", 0.9)


@pytest.mark.parametrize(
    "summary",
    [
        pytest.param(lambda: of_label(AGENT, VAGUE), id="said by the agent"),
        pytest.param(lambda: of_label(CUSTOMER, VAGUE, confidence=0.3), id="not sure"),
        pytest.param(lambda: of_label(CUSTOMER, VAGUE, about="words nobody said at all"), id="said by nobody"),
        pytest.param(lambda: of_label(CUSTOMER, "I do not want to cancel my appointment."), id="denied"),
        pytest.param(lambda: of_label(CUSTOMER, "What happens if I have to cancel my visit?"), id="supposed"),
    ],
)
def test_an_intent_counts_on_the_customers_turn_from_a_confidence_on_and_not_against_the_words(
    summary: Callable[[], CallSummary],
) -> None:
    assert raised(summary()) == set()


def test_evidence_has_the_words_their_times_the_rule_and_how_sure_it_is() -> None:
    transcript = transcript_of(
        stereo(talk((AGENT, "Eye clinic."), (CUSTOMER, "Well, hello. I'd like to, uh, see Dr. Patel on Friday.")))
    )
    (found,) = transcript.summary.flag("appointment_requested").evidence
    assert found.quote is not None
    assert found.quote.text == "like to, uh, see Dr. Patel"
    turn = transcript.turns_spoken()[found.quote.turn]
    assert turn.words is not None
    assert (found.quote.start, found.quote.end) == (turn.words[3].start, turn.words[8].end)
    assert found.certainty is not None
    assert 0.5 < found.certainty <= 1


def call(*lines: str) -> set[str]:
    """Flags of a dialogue; the customer's lines begin with "c:"."""
    spoken = [(CUSTOMER if line.startswith("c:") else AGENT, line[2:].strip()) for line in lines]
    return raised(summary_of(*spoken))


@pytest.mark.parametrize(
    ("lines", "flags"),
    [
        (["a: Would you like to come in on Tuesday?", "c: Yes, please."], {"appointment_requested"}),
        (["a: Would you like to come in on Tuesday?", "c: No, thank you."], set()),
        (["a: Should the nurse call you tomorrow?", "c: That would be great."], {"callback_requested"}),
        (["a: Shall I cancel it for you?", "c: Yes, go ahead."], {"cancellation_intent"}),
        (["a: Do you need a refill on the drops?", "c: I do, yes."], {"prescription_refill"}),
        (["a: Are you seeing any flashes of light?", "c: Yes, since last night."], {"urgent"}),
        (["a: Are you seeing any flashes of light?", "c: No, nothing like that."], set()),
        (["c: Please cancel my appointment.", "a: All right.", "c: Actually, no, leave it."], set()),
        (["c: Please cancel my appointment.", "a: Really?", "c: No, don't cancel it."], set()),
        (
            ["c: Could you have the nurse call me?", "a: She is here now.", "c: Oh, then never mind."],
            set(),
        ),
        (
            ["c: I'd like to see Dr. Lee.", "a: On Monday?", "c: Never mind that. I'd like to see Dr. Kim."],
            {"appointment_requested"},
        ),
        (["c: I can't make it on Tuesday. Can we do Thursday instead?", "a: Of course."], {"appointment_requested"}),
        (
            ["c: I can't make it on Tuesday.", "a: Would you like to reschedule?", "c: Yes, please."],
            {"appointment_requested"},
        ),
        (
            ["c: I have to cancel Monday.", "a: I could do Friday at two.", "c: Friday works."],
            {"appointment_requested"},
        ),
        (["a: Do you still want to keep your exam on Monday?", "c: No, I don't."], {"cancellation_intent"}),
        (["a: Do you still want to keep your exam on Monday?", "c: Yes, please."], set()),
        (
            ["c: My eye is red and it hurts a lot.", "a: Do you wear contacts?", "c: I do."],
            {"urgent"},
        ),
        (["c: It is red, and a bit sore.", "a: Do you wear contacts?", "c: No."], set()),
        (
            [
                "c: All of a sudden I see a dark curtain over my left eye.",
                "a: Can you come in at two o'clock today?",
                "c: Yes, I can.",
            ],
            {"urgent"},
        ),
        (
            [
                "c: All of a sudden I see a dark curtain over my left eye. Can I come in today?",
                "a: Can you come in at two o'clock today?",
                "c: Yes, I can.",
            ],
            {"urgent", "appointment_requested"},
        ),
    ],
)
def test_offers_answers_and_withdrawals_are_read_together(lines: list[str], flags: set[str]) -> None:
    assert call(*lines) == flags


def test_somebody_is_told_at_once_of_what_cannot_wait() -> None:
    flag_set = load_flag_set()
    assert flag_set.alerting == ("urgent",)
    turns = transcript_of(stereo(URGENT)).turns_spoken()
    assert [*alerts_of(turns, flag_set)] == ["urgent"]
    assert alerts_of(turns[:1], flag_set) == {}


@pytest.mark.parametrize("name", names("flag_sets"))
def test_every_shipped_flag_set_is_good(name: str) -> None:
    assert load_flag_set(name).file.name == name


@pytest.mark.parametrize("name", ["../secrets", "Eye", "eye-hospital-v9", ""])
def test_a_flag_set_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(InvalidFlagSet):
        load_flag_set(name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"acts": ["fly"]}, "there is no act fly"),
        ({"accepted": ["fly"]}, "there is no act fly"),
        ({"not_accepted_in": "flying"}, "there is no flag flying"),
        ({"intents": "("}, "flags.urgent.intents"),
    ],
)
def test_a_flag_set_that_names_what_is_not_there_is_refused_by_place(change: dict[str, Any], message: str) -> None:
    shipped = load_flag_set()
    rules = msgspec.structs.replace(shipped.file.flags["urgent"], **change)
    file = msgspec.structs.replace(shipped.file, flags={"urgent": rules})
    with pytest.raises(InvalidFlagSet, match=re.escape(message)):
        FlagSet(file, shipped.acts)


def test_every_flag_is_always_there() -> None:
    assert tuple(flag.name for flag in summary_of((AGENT, "Yes?"), (CUSTOMER, "Hello.")).flags) == flag_names()
    with pytest.raises(KeyError):
        summary_of((CUSTOMER, "Hello.")).flag("unheard-of")
