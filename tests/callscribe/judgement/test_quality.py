import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callscribe.contract.call_kind import CallKind
from callscribe.data_files import load
from callscribe.documents import from_document, to_document
from callscribe.judgement.quality import CriterionScore, InvalidRubric, QualityScore, load_rubric, parse_rubric, score
from callscribe.recordings.calls import CallDirection
from tests.callscribe.replies import (
    AGENT,
    APPOINTMENT,
    BILLING,
    CUSTOMER,
    RECORDING,
    URGENT,
    Turn,
    mono,
    silent,
    stereo,
    talk,
    transcript_of,
)

RUBRIC = load_rubric("clinic-call-v1")


def scored(turns: list[Turn]) -> QualityScore:
    return score(transcript_of(stereo(turns)), RUBRIC)


def criterion(result: QualityScore, name: str) -> CriterionScore:
    return next(found for found in result.criteria if found.criterion == name)


def judged(name: str, *lines: tuple[int, str] | tuple[int, str, float], pause: float = 0.4) -> CriterionScore:
    return criterion(scored(talk(*lines, pause=pause)), name)


@pytest.mark.parametrize(("turns", "expected"), [(APPOINTMENT, 84), (BILLING, 72), (URGENT, 73)])
def test_whole_calls_get_a_plausible_score(turns: list[Turn], expected: int) -> None:
    assert scored(turns).score == expected


def test_the_score_is_what_was_reached_of_what_could_be() -> None:
    result = scored(URGENT)
    applicable = [found for found in result.criteria if found.applicable]
    assert len(applicable) < len(result.criteria)
    share = sum(found.points for found in applicable) / sum(found.max_points for found in applicable)
    assert result.score == round(100 * share)


def test_a_full_greeting_earns_all_points_and_names_its_turn() -> None:
    found = judged("greeting", (AGENT, "Good morning, eye clinic, this is Sam. How can I help you?"), (CUSTOMER, "Hi."))
    assert (found.points, found.max_points, found.evidence, found.reason) == (15, 15, (0,), "complete")


def test_what_a_greeting_lacks_is_named() -> None:
    found = judged("greeting", (AGENT, "Eye clinic, how may I help you?"), (CUSTOMER, "Hello, this is Ann."))
    assert (found.points, found.reason) == (7, "missing:salutation,agent-name")


def test_a_greeting_comes_before_the_matter_is_taken_up() -> None:
    lines = [(AGENT, "Yes?"), (CUSTOMER, "I need to see the doctor."), (AGENT, "Good morning, eye clinic.")]
    assert judged("greeting", *lines).points == 0
    assert judged("greeting", lines[0], (CUSTOMER, "Hello?"), lines[2]).points == 8


def test_who_takes_over_a_call_greets_too() -> None:
    lines = [
        (AGENT, "Yes?"),
        (CUSTOMER, "I have a question about my bill."),
        (AGENT, "I'll transfer you."),
        (CUSTOMER, "Thanks, that would be kind of you."),
        (AGENT, "Hello, billing office, this is Lena. How can I help you?"),
    ]
    assert judged("greeting", *lines).points == 15


def test_in_a_call_that_the_clinic_makes_no_offer_of_help_is_due() -> None:
    lines = [(CUSTOMER, "Hello?"), (AGENT, "Good morning, this is Lena from the eye clinic calling about your lenses.")]
    result = scored(talk(*lines))
    assert (result.rubric, result.direction) == ("clinic-call-outgoing-v1", CallDirection.OUTGOING)
    assert (criterion(result, "greeting").points, criterion(result, "greeting").max_points) == (12, 12)


@pytest.mark.parametrize(
    ("told", "rubric"),
    [(CallDirection.OUTGOING, "clinic-call-outgoing-v1"), (CallDirection.INCOMING, "clinic-call-v1")],
)
def test_who_called_whom_is_taken_as_told(told: CallDirection, rubric: str) -> None:
    recording = replace(RECORDING, direction=told)
    result = score(transcript_of(stereo(APPOINTMENT), recording=recording), RUBRIC)
    assert (result.direction, result.rubric) == (told, rubric)


def test_where_nothing_tells_who_called_the_call_is_judged_like_an_incoming_one() -> None:
    result = scored(talk((AGENT, "Yes?"), (CUSTOMER, "Hm."), (AGENT, "Fine.")))
    assert (result.direction, result.rubric) == (None, "clinic-call-v1")


def test_identification_takes_name_and_date_of_birth() -> None:
    assert criterion(scored(APPOINTMENT), "identification").points == 12
    half = judged("identification", (AGENT, "May I have your last name?"), (CUSTOMER, "Miller."))
    assert (half.points, half.reason) == (6, "missing:date-of-birth")


def test_what_is_asked_and_not_answered_identifies_nobody() -> None:
    asked = (AGENT, "May I have your name and your date of birth?")
    assert judged("identification", asked, (CUSTOMER, "Why do you need that?")).points == 0
    assert (
        judged("identification", asked, (CUSTOMER, "My phone number is five five five, two one two one.")).points == 0
    )


def test_questions_of_the_agent_count_up_to_enough() -> None:
    found = judged("needs", (AGENT, "Does it hurt?"), (CUSTOMER, "Does what hurt?"), (AGENT, "Your eye."))
    assert (round(found.points, 2), found.evidence, found.measures) == (3.33, (0,), {"questions": 1})


def test_an_answer_says_what_happens_next() -> None:
    assert judged("answer", (CUSTOMER, "And now?"), (AGENT, "We will send the claim again.")).evidence == (1,)
    assert judged("answer", (CUSTOMER, "We will see."), (AGENT, "Hm.")).points == 0


def test_trouble_asks_for_a_kind_word() -> None:
    found = judged("empathy", (CUSTOMER, "My eye is red and it hurts."), (AGENT, "I am so sorry to hear that."))
    assert (found.points, found.evidence, found.reason) == (10, (0, 1), "answered")


def test_a_negative_mood_is_trouble_too() -> None:
    found = judged("empathy", (CUSTOMER, "This is the third time.", -0.8), (AGENT, "Okay."), (AGENT, "Well."))
    assert (found.applicable, found.points, found.evidence, found.reason) == (True, 0, (0,), "not-answered")


def test_a_kind_word_too_late_does_not_count() -> None:
    lines = [
        (CUSTOMER, "It hurts."),
        (AGENT, "Which eye is it?"),
        (CUSTOMER, "The left one."),
        (AGENT, "Since when is that?"),
        (CUSTOMER, "Since Monday or so."),
        (AGENT, "I am sorry."),
    ]
    assert judged("empathy", *lines).points == 0


def test_trouble_told_in_several_breaths_is_one() -> None:
    found = judged("empathy", (CUSTOMER, "It hurts."), (CUSTOMER, "I am worried."), (AGENT, "I understand."))
    assert found.measures == {"troubles": 1, "answered": 1}


def test_without_trouble_empathy_leaves_the_maximum() -> None:
    found = judged("empathy", (AGENT, "Eye clinic."), (CUSTOMER, "Hello."))
    assert (found.applicable, found.points, found.reason) == (False, 0, "no-trouble")


@pytest.mark.parametrize(
    ("agent_words", "customer_words", "points", "reason"),
    [(10, 10, 8.0, "balanced"), (4, 16, 4.0, "too-little"), (33, 7, 4.0, "too-much"), (98, 2, 0.0, "too-much")],
)
def test_talking_in_balance_earns_points(agent_words: int, customer_words: int, points: float, reason: str) -> None:
    found = judged("talk-share", (AGENT, "word " * agent_words), (CUSTOMER, "word " * customer_words))
    assert found.reason == reason
    assert found.points == pytest.approx(points, abs=0.01)
    assert found.measures["agent_share"] == pytest.approx(agent_words / (agent_words + customer_words), abs=0.001)


def test_alone_there_is_no_balance() -> None:
    assert not judged("talk-share", (AGENT, "Hello? Is anybody there?")).applicable


@pytest.mark.parametrize(("pause", "points"), [(0.2, 7), (30.0, 0)])
def test_silence_costs_points_and_the_longest_is_shown(pause: float, points: float) -> None:
    found = judged("silence", (AGENT, "one two three four"), (CUSTOMER, "five six seven eight"), pause=pause)
    assert found.points == points
    assert found.measures["longest_silence_seconds"] == pytest.approx(pause, abs=0.01)
    assert found.evidence == (0, 1)


def test_speaking_at_once_is_no_silence() -> None:
    turns = [Turn(CUSTOMER, "a long story", 0, 60), Turn(AGENT, "yes", 5, 6), Turn(AGENT, "right", 59, 61)]
    assert criterion(scored(turns), "silence").measures["silence_share"] == 0


def test_a_long_pause_wants_an_announcement() -> None:
    told = [
        Turn(AGENT, "Please hold for a moment.", 0, 2),
        Turn(CUSTOMER, "Okay.", 2.5, 3),
        Turn(AGENT, "Back.", 40, 41),
    ]
    untold = [replace(told[0], text="Hm."), *told[1:]]
    assert criterion(scored(told), "hold").reason == "announced"
    assert criterion(scored(told), "hold").evidence == (0,)
    found = criterion(scored(untold), "hold")
    assert (found.points, found.reason, found.evidence) == (0, "not-announced", (1,))
    assert (found.measures["holds"], found.measures["longest_hold_seconds"]) == (1, 37)
    assert not judged("hold", (AGENT, "Hello."), (CUSTOMER, "Hello.")).applicable


def test_the_agent_interrupts() -> None:
    turns = [
        Turn(CUSTOMER, "I have been trying to reach you since last Monday and nobody", 0, 6),
        Turn(AGENT, "Stop, what is your account number?", 5, 8),
        Turn(CUSTOMER, "Well.", 11, 12),
    ]
    found = criterion(scored(turns), "interruptions")
    assert (found.evidence, found.reason) == ((1,), "interrupted")
    assert (found.points, found.measures["per_ten_minutes"]) == (6, 2)


@pytest.mark.parametrize("said", ["Mhm, right.", "Well, that is"])
def test_who_goes_on_speaking_was_not_interrupted(said: str) -> None:
    turns = [Turn(CUSTOMER, "I have been trying to reach you " * 5, 0, 10), Turn(AGENT, said, 5, 6)]
    assert criterion(scored(turns), "interruptions").points == 8


@pytest.mark.parametrize("start", [0.3, 9.5, 10.5])
def test_a_nearly_finished_sentence_is_not_interrupted(start: float) -> None:
    turns = [Turn(CUSTOMER, "I have been trying to", 0, 10), Turn(AGENT, "Yes.", start, start + 1)]
    assert criterion(scored(sorted(turns, key=lambda turn: turn.start)), "interruptions").points == 8


def test_one_channel_does_not_show_who_interrupts() -> None:
    found = criterion(score(transcript_of(mono(APPOINTMENT)), RUBRIC), "interruptions")
    assert (found.applicable, found.reason) == (False, "one-channel")


@pytest.mark.parametrize(
    ("moods", "points", "reason"),
    [((-0.5, 0.0, 0.5), 5, "not-worse"), ((0.2, 0.0, -0.2), 2.5, "worse"), ((0.9, 0.0, -0.9), 0, "worse")],
)
def test_the_mood_should_not_get_worse(moods: tuple[float, ...], points: float, reason: str) -> None:
    lines = [line for mood in moods for line in ((AGENT, "And what else?"), (CUSTOMER, f"I said part {mood}.", mood))]
    found = judged("sentiment-course", *lines)
    assert (found.points, found.reason, found.evidence) == (points, reason, (1, 5))


def test_too_few_moods_show_no_course() -> None:
    assert not judged("sentiment-course", (AGENT, "Hello."), (CUSTOMER, "Hm.", 0.5), (CUSTOMER, "Hm.", 0.5)).applicable


def test_a_farewell_closes_the_call() -> None:
    found = judged("closing", (CUSTOMER, "Thanks."), (AGENT, "Is there anything else?"), (AGENT, "Goodbye."))
    assert (found.points, found.evidence) == (10, (1, 2))
    assert judged("closing", (AGENT, "We have an opening."), (CUSTOMER, "Goodbye.")).points == 0


@pytest.mark.parametrize(
    "lines",
    [
        ((AGENT, "Thank you for calling Lakeside Eye Care."), (CUSTOMER, "I need new contact lenses, please.")),
        ((CUSTOMER, "Hello?"), (AGENT, "Thanks for your call, how can I help?"), (CUSTOMER, "I need new lenses.")),
        (
            (AGENT, "Lakeside Eye Care."),
            (CUSTOMER, "I have a question about a bill of last month."),
            (AGENT, "I will put you through to billing."),
            (CUSTOMER, "All right."),
            (AGENT, "Thank you for calling billing, this is Noor."),
        ),
    ],
)
def test_thanks_that_greet_close_no_call(lines: tuple[tuple[int, str], ...]) -> None:
    assert judged("closing", *lines).points == 0


@pytest.mark.parametrize("said", ["Thank you for calling, goodbye.", "Thank you for calling.", "Have a good evening."])
def test_a_short_call_can_be_closed_as_well(said: str) -> None:
    lines = (
        (AGENT, "Thanks for calling, this is Noor."),
        (CUSTOMER, "I just wanted to say I found it."),
        (AGENT, said),
    )
    found = judged("closing", *lines)
    assert (found.points, found.evidence) == (7, (2,))


def test_without_a_known_agent_nothing_is_judged() -> None:
    for transcript, reason in (
        (transcript_of(silent()), "no-speech"),
        (transcript_of(mono(talk((0, "Hello, hello."), (0, "Hello.")))), "one-voice-in-a-dialogue"),
        (transcript_of(mono(talk((0, "Nice weather."), (1, "Very nice.")))), "no-agent"),
        (transcript_of(stereo(APPOINTMENT), recording=replace(RECORDING, kind=CallKind.IVR)), "automated-call"),
    ):
        result = score(transcript, RUBRIC)
        assert result.score is None
        assert {(found.applicable, found.points, found.reason) for found in result.criteria} == {(False, 0, reason)}


def test_a_call_in_another_language_is_not_judged() -> None:
    result = score(replace(transcript_of(stereo(APPOINTMENT)), language="es-419", reliability=None), RUBRIC)
    assert result.score is None
    assert {(found.applicable, found.reason) for found in result.criteria} == {(False, "language-not-english")}
    assert score(replace(transcript_of(stereo(APPOINTMENT)), language="en-GB", reliability=None), RUBRIC).score == 84


def test_a_stored_transcript_gets_the_same_score_again() -> None:
    transcript = transcript_of(stereo(BILLING))
    stored = from_document(json.dumps(to_document(transcript)))
    assert score(stored, RUBRIC) == score(transcript, RUBRIC)


def test_a_score_is_plain_json_with_rubric_and_evidence() -> None:
    document = json.loads(json.dumps(scored(BILLING).to_dict()))
    assert (document["rubric"], document["version"], document["score"]) == (
        RUBRIC.name,
        RUBRIC.version,
        scored(BILLING).score,
    )
    assert document["criteria"][0] == {
        "criterion": "greeting",
        "title": "Greets, and says which clinic and who is speaking",
        "applicable": True,
        "points": 11.0,
        "max_points": 15.0,
        "evidence": [0],
        "reason": "missing:agent-name",
        "measures": {},
        "quotes": [
            {"turn": 0, "text": "Good morning,", "start": 0.5, "end": 1.167},
            {"turn": 0, "text": "billing department.", "start": 1.167, "end": 1.833},
            {"turn": 0, "text": "How can I help you?", "start": 1.833, "end": 3.5},
        ],
    }


LINES = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from(["Good morning.", "It hurts.", "I am sorry.", "What is your name?", "Please hold.", "Bye."]),
        st.floats(0, 300),
        st.floats(0, 60),
        st.none() | st.floats(-1, 1),
    ),
    min_size=1,
    max_size=12,
)


@given(LINES)
@settings(max_examples=60)
def test_any_call_is_scored_within_bounds_and_evidence_is_there(
    lines: list[tuple[int, str, float, float, float | None]],
) -> None:
    turns = [Turn(speaker, text, start, start + length, mood) for speaker, text, start, length, mood in lines]
    transcript = transcript_of(stereo(turns))
    result = score(transcript, RUBRIC)
    assert result.score is None or 0 <= result.score <= 100
    for found in result.criteria:
        assert 0 <= found.points <= found.max_points
        assert list(found.evidence) == sorted(set(found.evidence))
        assert all(0 <= index < len(transcript.utterances) for index in found.evidence)
        assert len(found.quotes) <= 5
        assert all(quote.text and quote.start <= quote.end for quote in found.quotes)


CONFIRMATION = {
    "id": "confirmation",
    "kind": "phrases",
    "title": "Says back what was agreed",
    "parts": [
        {
            "id": "says-back",
            "points": 5,
            "speaker": "agent",
            "first": 0,
            "last": 0,
            "any": ["to confirm", "so that is <when>"],
        }
    ],
}


def with_confirmation() -> dict[str, Any]:
    """The shipped rubric, with a criterion of expressions as others may add it."""
    data = copy.deepcopy(load(dict[str, Any], "rubrics", "clinic-call-v1"))
    data["criteria"].append(copy.deepcopy(CONFIRMATION))
    return data


@pytest.mark.parametrize(
    ("said", "points"),
    [("So to confirm, it is the left one.", 5), ("So that is Monday at nine.", 5), ("I am not able to confirm it.", 0)],
)
def test_a_rubric_can_listen_for_expressions_of_its_own(said: str, points: float) -> None:
    transcript = transcript_of(stereo(talk((CUSTOMER, "Do you have time?"), (AGENT, said))))
    assert criterion(score(transcript, parse_rubric(with_confirmation())), "confirmation").points == points


def steps(place: list[str | int]) -> list[str | int]:
    """A place in the rubric, with the criterion's position for its id."""
    if len(place) == 1:
        return place
    return [place[0], [found["id"] for found in with_confirmation()["criteria"]].index(str(place[1])), *place[2:]]


def rubric_with(place: list[str | int], value: Any) -> Any:
    data = with_confirmation()
    inner: Any = data
    *way, last = steps(place)
    for step in way:
        inner = inner[step]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return data


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (["version"], None, "rubric has no version"),
        (["author"], "x", "rubric has an unknown field"),
        (["version"], "1", "rubric.version is of another type"),
        (["criteria"], [], "rubric.criteria has no value of its kind"),
        (["criteria", "needs", "kind"], "magic", r"criteria\[at\].kind has no value of its kind"),
        (["criteria", "needs"], "x", r"criteria\[at\] is of another type"),
        (["criteria", "needs", "colour"], "x", r"criteria\[at\] has an unknown field"),
        (["criteria", "needs", "full"], None, r"criteria\[at\] has no full"),
        (["criteria", "needs", "full"], 2.5, r"criteria\[at\].full is of another type"),
        (["criteria", "needs", "full"], 0, r"criteria\[at\]: full must be above 0"),
        (["criteria", "needs", "points"], 0, r"criteria\[at\]: points must be above 0"),
        (["criteria", "needs", "id"], "greeting", "same id"),
        (["criteria", "confirmation", "parts", 0, "any"], ["("], r"criteria\[at\]: not a regular expression"),
        (["criteria", "confirmation", "parts", 0, "any"], ["<nothing>"], "there is no set nothing"),
        (["criteria", "confirmation", "parts", 0, "any"], [], "at least one expression"),
        (
            ["criteria", "confirmation", "parts", 0, "any", 0],
            7,
            r"criteria\[at\].parts\[0\].any\[0\] is of another type",
        ),
        (["criteria", "confirmation", "parts", 0, "speaker"], "robot", "speaker must be one of"),
        (["criteria", "confirmation", "parts", 0, "points"], -1, "points must be above 0"),
        (["criteria", "confirmation", "parts", 0, "first"], -1, "must not be negative"),
        (["language"], "xx", "there is no lexicon of criteria for xx"),
        (["outgoing"], "unheard-of", "there is no rubric unheard-of"),
        (["direction"], "outgoing", "outgoing names a rubric for a call that this one is for"),
        (["criteria", "closing", "last"], 0, "last must be above 0"),
        (["criteria", "empathy", "mood"], 0, "mood must be from -1"),
        (["criteria", "empathy", "within"], 0, "within must be above 0"),
        (["criteria", "talk-share", "zero_at"], 0.9, "zero_at < full_from"),
        (["criteria", "silence", "full_to"], 0.9, "full_to < zero_from"),
        (["criteria", "hold", "look_back"], 0, "look_back must be above 0"),
        (["criteria", "interruptions", "seconds"], 0, "must be above 0"),
        (["criteria", "sentiment-course", "min_turns"], 2, "at least 3"),
        (["criteria", "sentiment-course", "zero_loss"], 0, "zero_loss must be above 0"),
    ],
)
def test_a_bad_rubric_is_refused_by_place(place: list[str | int], value: Any, message: str) -> None:
    at = "".join(str(step) for step in steps(place)[1:2])
    with pytest.raises(InvalidRubric, match=message.replace("[at", f"[{at}")):
        parse_rubric(rubric_with(place, value))


@pytest.mark.parametrize("name", ["unheard-of", "../prices/deepgram-2026-08", "Clinic", ""])
def test_a_rubric_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(InvalidRubric):
        load_rubric(name)
