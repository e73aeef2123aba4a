"""Doubt is a result: what cannot be relied on says so, and why."""

from dataclasses import replace
from typing import Any

import pytest

from callscribe.contract.call_kind import CallKind
from callscribe.conversation.reliability import Reason, ReliabilityLevel
from callscribe.conversation.utterances import Role
from callscribe.deepgram.options import TranscriptionOptions
from callscribe.judgement.quality import load_rubric, score
from callscribe.transcript import Transcript
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

HIGH, DOUBTFUL, UNUSABLE = ReliabilityLevel.HIGH, ReliabilityLevel.DOUBTFUL, ReliabilityLevel.UNUSABLE


def judged(transcript: Transcript) -> tuple[ReliabilityLevel, tuple[Reason, ...]]:
    assert transcript.reliability is not None
    return transcript.reliability.level, transcript.reliability.reasons


def sure_to(confidence: float, reply: dict[str, Any], *, channel: int | None = None) -> dict[str, Any]:
    """A reply whose words the service is so sure of."""
    for utterance in reply["results"]["utterances"]:
        if channel in (None, utterance["channel"]):
            utterance["confidence"] = confidence
            for word in utterance["words"]:
                word["confidence"] = confidence
    return reply


@pytest.mark.parametrize("reply", [stereo(APPOINTMENT), stereo(BILLING), stereo(URGENT), mono(APPOINTMENT)])
def test_an_ordinary_call_is_relied_on(reply: dict[str, Any]) -> None:
    assert judged(transcript_of(reply)) == (HIGH, ())


@pytest.mark.parametrize(
    ("confidence", "expected"),
    [
        (0.49, (UNUSABLE, (Reason.LOW_CONFIDENCE,))),
        (0.5, (DOUBTFUL, (Reason.LOW_CONFIDENCE,))),
        (0.69, (DOUBTFUL, (Reason.LOW_CONFIDENCE,))),
        (0.7, (HIGH, ())),
    ],
)
def test_words_that_the_service_is_not_sure_of_are_doubted(
    confidence: float, expected: tuple[ReliabilityLevel, tuple[Reason, ...]]
) -> None:
    assert judged(transcript_of(sure_to(confidence, stereo(BILLING)))) == expected


def test_one_side_that_was_hardly_understood_is_doubted() -> None:
    transcript = transcript_of(sure_to(0.4, stereo(APPOINTMENT), channel=CUSTOMER))
    assert transcript.confidence is not None
    assert transcript.confidence > 0.7
    assert judged(transcript) == (DOUBTFUL, (Reason.LOW_CONFIDENCE,))


def test_a_service_that_tells_no_confidence_is_not_doubted_for_it() -> None:
    reply = stereo(BILLING)
    for utterance in reply["results"]["utterances"]:
        del utterance["confidence"]
        for word in utterance["words"]:
            del word["confidence"]
    assert judged(transcript_of(reply)) == (HIGH, ())


@pytest.mark.parametrize("language", ["es", "fr-CA", "vi"])
def test_another_language_is_not_judged(language: str) -> None:
    transcript = transcript_of(stereo(BILLING), options=TranscriptionOptions(language=language))
    assert judged(transcript)[1] == (Reason.OTHER_LANGUAGE,)


@pytest.mark.parametrize("language", ["en", "en-GB", "multi", "detect"])
def test_english_and_what_names_no_language_is_judged(language: str) -> None:
    assert judged(transcript_of(stereo(BILLING), options=TranscriptionOptions(language=language))) == (HIGH, ())


def test_another_language_shows_in_the_words() -> None:
    lines = talk(
        (AGENT, "Augenklinik am See, guten Tag, mein Name ist Vogt, womit kann ich Ihnen helfen?"),
        (CUSTOMER, "Guten Tag, ich brauche bitte einen neuen Termin für meine Tochter, möglichst bald."),
        (AGENT, "Gerne, passt Ihnen Donnerstag um zehn Uhr?"),
    )
    assert judged(transcript_of(stereo(lines))) == (UNUSABLE, (Reason.OTHER_LANGUAGE,))


LINES = (
    "Thank you for calling Birch Vision, this is Omar, how can I help?",
    "I broke the frame of my glasses this morning and need them fixed.",
    "Bring them by before noon and we will have a look at them.",
)


def test_a_dialogue_with_one_voice_raises_nothing() -> None:
    transcript = transcript_of(mono(talk(*((0, line) for line in LINES), (0, "Can I make an appointment then?"))))
    assert judged(transcript) == (UNUSABLE, (Reason.ONE_VOICE,))
    assert "one-voice-in-a-dialogue" in transcript.warnings
    assert transcript.summary.flags == ()


@pytest.mark.parametrize("speaker", [AGENT, CUSTOMER])
def test_a_call_without_a_second_party_is_not_judged(speaker: int) -> None:
    transcript = transcript_of(stereo(talk(*((speaker, line) for line in LINES))))
    assert judged(transcript) == (UNUSABLE, (Reason.NOBODY_ELSE_SPOKE,))


def test_nobody_spoke() -> None:
    assert judged(transcript_of(silent())) == (UNUSABLE, (Reason.NO_SPEECH,))


GREETING = "You have reached Tomas. Please leave a message after the beep."
MESSAGE = "Good morning, this is Birch Vision for Tomas, your new frames came in, please give us a call."


@pytest.mark.parametrize(
    "reply",
    [
        stereo(talk((CUSTOMER, GREETING), (AGENT, MESSAGE))),
        stereo(talk((AGENT, "The office is closed. " + GREETING), (CUSTOMER, "It is Ana, please call me back."))),
        mono(talk((0, GREETING), (1, MESSAGE))),
        mono(talk((0, GREETING), (0, MESSAGE))),
    ],
)
def test_a_voicemail_is_not_judged(reply: dict[str, Any]) -> None:
    transcript = transcript_of(reply)
    assert Reason.VOICEMAIL in judged(transcript)[1]
    assert (transcript.summary.flags, score(transcript, load_rubric()).score) == ((), None)


def test_somebody_who_picks_up_after_all_is_judged() -> None:
    lines = talk(
        (CUSTOMER, GREETING),
        (AGENT, "Good morning, this is Omar of Birch Vision, I am calling about your new frames."),
        (CUSTOMER, "Hold on, I am here, sorry, I was in the kitchen. Are they ready?"),
        (AGENT, "They are, you can pick them up until six today."),
    )
    assert Reason.VOICEMAIL not in judged(transcript_of(stereo(lines)))[1]


@pytest.mark.parametrize(
    "line",
    ["Oh, sorry, I must have the wrong number.", "I think you dialed the wrong number.", "Wrong number, sorry."],
)
def test_a_wrong_number_is_not_judged(line: str) -> None:
    lines = talk((AGENT, "Birch Vision, this is Omar."), (CUSTOMER, "Is Uncle Pete there?"), (CUSTOMER, line))
    assert judged(transcript_of(stereo(lines)))[1][0] is Reason.WRONG_NUMBER


@pytest.mark.parametrize(
    "line",
    [
        "I gave you the wrong number last time, mine ends in four.",
        "You have the wrong number on file for me.",
        "I called the wrong office first, but you are the one I want. " + " ".join(line for line in LINES),
    ],
)
def test_a_number_that_is_wrong_is_no_wrong_number(line: str) -> None:
    lines = talk((AGENT, LINES[0]), (CUSTOMER, LINES[1]), (CUSTOMER, line), (AGENT, LINES[2]))
    assert Reason.WRONG_NUMBER not in judged(transcript_of(stereo(lines)))[1]


@pytest.mark.parametrize("turns", [APPOINTMENT, BILLING, URGENT])
def test_swapped_channels_are_doubted(turns: list[Turn]) -> None:
    swapped = [replace(turn, speaker=1 - turn.speaker) for turn in turns]
    transcript = transcript_of(stereo(swapped))
    assert judged(transcript) == (DOUBTFUL, (Reason.SWAPPED_ROLES,))
    assert "roles-look-swapped" in transcript.warnings


def test_an_agent_who_calls_out_does_not_look_swapped() -> None:
    lines = talk(
        (CUSTOMER, "Hello?"),
        (AGENT, "Hi, this is Omar calling from Birch Vision Center, I need to speak to Mrs. Okafor about her order."),
        (CUSTOMER, "This is she. How can I help you?"),
        (AGENT, "Your lenses are ready for pick up. We can hold them until Friday."),
        (CUSTOMER, "Lovely, thanks for calling."),
    )
    assert Reason.SWAPPED_ROLES not in judged(transcript_of(stereo(lines)))[1]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Hello, I am the Vietnamese interpreter for this patient.", Reason.INTERPRETER),
        ("I have a Spanish interpreter on the line with us.", Reason.INTERPRETER),
        ("Let me put my husband on the phone.", Reason.SEVERAL_VOICES),
    ],
)
def test_who_joins_the_call_is_doubted(line: str, reason: Reason) -> None:
    lines = [*BILLING, *(replace(turn, start=90.0, end=95.0) for turn in talk((CUSTOMER, line)))]
    assert judged(transcript_of(stereo(lines))) == (DOUBTFUL, (reason,))


def test_asking_for_an_interpreter_is_no_doubt() -> None:
    lines = [*BILLING, *(replace(t, start=90.0, end=95.0) for t in talk((CUSTOMER, "Do you offer an interpreter?")))]
    assert judged(transcript_of(stereo(lines))) == (HIGH, ())


def test_voices_that_were_told_apart_on_a_channel_are_doubted() -> None:
    reply = stereo(APPOINTMENT)
    for index, utterance in enumerate(reply["results"]["utterances"]):
        for word in utterance["words"]:
            word["speaker"] = index % 2 if utterance["channel"] == CUSTOMER else 0
    transcript = transcript_of(reply)
    assert judged(transcript) == (DOUBTFUL, (Reason.SEVERAL_VOICES,))
    assert {speaker.role for speaker in transcript.roles.speakers if "channel-0" in speaker.speaker} == {Role.CUSTOMER}


def test_a_few_words_are_doubted() -> None:
    transcript = transcript_of(stereo(talk((AGENT, "Birch Vision, good morning."), (CUSTOMER, "Are you open today?"))))
    assert judged(transcript) == (DOUBTFUL, (Reason.SHORT,))


def test_the_part_before_an_agent_answers_is_doubted() -> None:
    transcript = transcript_of(stereo(BILLING), recording=replace(RECORDING, kind=CallKind.IVR))
    assert judged(transcript) == (DOUBTFUL, (Reason.AUTOMATED,))
    assert {turn.role for turn in transcript.turns_spoken()} == {Role.ANNOUNCEMENT, Role.CUSTOMER}


def test_the_same_words_on_both_channels_at_the_same_time_are_doubted() -> None:
    late = [replace(turn, speaker=1 - turn.speaker, start=turn.start + 0.3, end=turn.end + 0.3) for turn in BILLING]
    echoed = transcript_of(stereo([*BILLING, *late]))
    assert Reason.SAME_WORDS in judged(echoed)[1]
    repeated = talk(*((speaker, "I would like to see the new frames.") for speaker in (AGENT, CUSTOMER) * 4))
    assert Reason.SAME_WORDS not in judged(transcript_of(stereo(repeated)))[1]


def test_what_cannot_be_judged_has_no_flag_and_no_score() -> None:
    transcript = transcript_of(sure_to(0.3, stereo(APPOINTMENT)))
    quality = score(transcript, load_rubric())
    assert (transcript.summary.flags, quality.score, quality.reliability) == ((), None, transcript.reliability)
    assert {criterion.reason for criterion in quality.criteria} == {"low-confidence"}


def test_a_doubtful_score_says_so() -> None:
    quality = score(transcript_of(sure_to(0.6, stereo(APPOINTMENT))), load_rubric())
    assert quality.score is not None
    assert quality.reliability is not None
    assert quality.reliability.level is DOUBTFUL


def test_what_was_stored_before_is_asked_when_it_is_judged() -> None:
    before = replace(transcript_of(sure_to(0.3, stereo(APPOINTMENT))), reliability=None, turns=None)
    assert score(before, load_rubric()).score is None
