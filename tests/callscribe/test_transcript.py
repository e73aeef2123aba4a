from decimal import Decimal

import pytest

from callscribe.audio_facts import AudioFacts
from callscribe.conversation.roles import RoleMethod
from callscribe.deepgram.options import TranscriptionOptions
from callscribe.deepgram.reply import parse_reply
from callscribe.deepgram.transcription import DeepgramTranscriptions
from callscribe.transcript import Label, Role, build_transcript
from tests.callscribe.replies import (
    AGENT,
    APPOINTMENT,
    CUSTOMER,
    PROVENANCE,
    RECORDING,
    body,
    mono,
    silent,
    stereo,
    talk,
    transcript_of,
)


def test_a_stereo_call_has_roles_for_every_utterance() -> None:
    transcript = transcript_of(stereo(APPOINTMENT))
    assert [said.role for said in transcript.utterances[:3]] == [Role.AGENT, Role.CUSTOMER, Role.AGENT]
    assert {said.role_confidence for said in transcript.utterances} == {1.0}
    assert {said.speaker for said in transcript.utterances} == {"channel-0", "channel-1"}
    assert transcript.full_transcript.splitlines()[:2] == [
        "Agent: Thank you for calling the eye clinic. This is Karen speaking. How can I help you today?",
        "Customer: Hello. I would like to make an appointment with the doctor.",
    ]


def test_a_mono_call_says_that_its_roles_follow_a_rule() -> None:
    transcript = transcript_of(mono(APPOINTMENT))
    assert transcript.roles.method is RoleMethod.RULE
    assert {said.channel for said in transcript.utterances} == {0}
    assert {(said.speaker, said.role) for said in transcript.utterances} == {
        ("speaker-1", Role.AGENT),
        ("speaker-0", Role.CUSTOMER),
    }
    assert all(0.8 < said.role_confidence < 1 for said in transcript.utterances)


def test_words_are_counted_and_their_confidence_averaged() -> None:
    reply = stereo(talk((AGENT, "one two three"), (CUSTOMER, "four")))
    reply["results"]["utterances"][0]["confidence"] = 0.5
    transcript = transcript_of(reply)
    assert (transcript.word_count, transcript.confidence) == (4, round((3 * 0.97 + 0.5) / 4, 4))


def test_no_speech_is_a_transcript_that_says_so() -> None:
    transcript = transcript_of(silent())
    assert (transcript.speech, transcript.word_count, transcript.confidence) == (False, 0, 0.0)
    assert transcript.full_transcript == ""
    assert transcript.warnings == ("no-speech",)
    assert transcript.cost.total_usd == Decimal("0.001433")


def test_equal_labels_are_counted_the_most_frequent_first() -> None:
    reply = stereo(APPOINTMENT)
    found = [("Visit", 0.2), ("Eyes", 0.4), ("Visit", 0.1), ("Cost", 0.3)]
    reply["results"]["topics"] = {
        "segments": [
            {"text": "x", "start_word": 0, "end_word": 1, "topics": [{"topic": topic, "confidence_score": score}]}
            for topic, score in found
        ]
    }
    assert transcript_of(reply).topics == (
        Label(label="Visit", confidence=0.2, mentions=2),
        Label(label="Eyes", confidence=0.4, mentions=1),
        Label(label="Cost", confidence=0.3, mentions=1),
    )


def test_moods_reach_the_utterances() -> None:
    transcript = transcript_of(stereo(talk((AGENT, "Eye clinic."), (CUSTOMER, "It hurts a lot.", -0.7))))
    assert transcript.utterances[0].sentiment is None
    assert transcript.utterances[1].sentiment is not None
    assert transcript.utterances[1].sentiment.score == -0.7


def test_requests_and_vocabulary_reach_the_cost() -> None:
    transcript = transcript_of(stereo(APPOINTMENT), deepgram_requests=2, refused_requests=1, vocabulary_terms=5)
    assert (transcript.cost.requests, transcript.cost.refused) == (2, 1)
    assert "keyterm" in {line.item for line in transcript.cost.lines}
    assert "keyterm" not in {line.item for line in transcript_of(stereo(APPOINTMENT)).cost.lines}
    own = transcript_of(stereo(APPOINTMENT), options=TranscriptionOptions(keyterms=("glaucoma",)))
    assert "keyterm" in {line.item for line in own.cost.lines}


def test_both_channels_with_the_same_words_are_noted() -> None:
    turns = [turn for turn in APPOINTMENT for _ in (0, 1)]
    echoed = [type(turn)(index % 2, turn.text, turn.start, turn.end) for index, turn in enumerate(turns)]
    assert transcript_of(stereo(echoed)).warnings == ("same-words-on-both-channels",)
    assert transcript_of(stereo(talk((AGENT, "Hello."), (CUSTOMER, "Hello.")))).warnings == ()


@pytest.mark.parametrize(
    ("channels", "extra_seconds", "warnings"),
    [
        (2, 0.5, ()),
        (2, 30.0, ("duration-differs-from-audio",)),
        (1, 0.0, ()),
        (3, 0.0, ("channels-differ-from-audio",)),
    ],
)
def test_a_reply_that_does_not_fit_the_audio_is_noted(
    channels: int, extra_seconds: float, warnings: tuple[str, ...]
) -> None:
    reply = body(stereo(APPOINTMENT))
    heard = parse_reply(reply).duration_seconds
    assert heard is not None
    audio = AudioFacts(
        format="WAV",
        subtype="PCM_16",
        channels=channels,
        sample_rate=8000,
        duration_seconds=heard + extra_seconds,
    )
    transcript = build_transcript(
        recording=RECORDING,
        transcription=DeepgramTranscriptions(options=TranscriptionOptions()).of_reply(reply, audio=audio),
        audio=audio,
        channel_roles={},
        provenance=PROVENANCE,
        created_at=PROVENANCE.last_modified,
    )
    assert transcript.warnings == warnings


def test_the_same_reply_gives_the_same_transcript() -> None:
    assert transcript_of(stereo(APPOINTMENT)) == transcript_of(stereo(APPOINTMENT))


def test_what_is_odd_about_the_file_is_said_with_the_transcript() -> None:
    transcript = transcript_of(stereo(APPOINTMENT), audio_warnings=("wav-header-sizes-wrong",))
    assert transcript.warnings == ("wav-header-sizes-wrong",)
