"""One use of Deepgram: what was asked and what it costs follow what was noted then, not what is asked today."""

from decimal import Decimal
from typing import Any

import pytest

from callscribe.audio_facts import AudioFacts
from callscribe.deepgram.options import TranscriptionOptions
from callscribe.deepgram.transcription import DeepgramTranscriptions
from callscribe.live.state import LiveState
from callscribe.live_transcript import recognition_of
from callscribe.recognition import InvalidReply, Transcription
from tests.callscribe.live_calls import CONVERSATION, live_item
from tests.callscribe.replies import APPOINTMENT, body, stereo

TODAY = TranscriptionOptions(model="nova-3-medical", redact=("pci",), keyterms=("glaucoma",))
THEN = TranscriptionOptions(language="es").record()


def read(reply: dict[str, Any] | None = None, **about: Any) -> Transcription:
    audio = AudioFacts(format="WAV", subtype="PCM_16", channels=2, sample_rate=8000, duration_seconds=60.0)
    raw = body(stereo(APPOINTMENT) if reply is None else reply)
    return DeepgramTranscriptions(options=TODAY).of_reply(raw, audio=audio, **about)


def test_a_reply_that_tells_what_was_asked_is_read_by_that() -> None:
    transcription = read(noted=THEN, vocabulary_terms=3)
    request = transcription.request
    assert (request.model, request.language, request.separate_channels) == ("nova-3", "es", True)
    assert request.options == {**THEN, "vocabulary_terms": 3}
    assert [line.item for line in transcription.cost.lines] == ["transcription nova-3", "keyterm"]


def test_a_reply_that_does_not_tell_is_read_by_what_the_deployment_asks_for() -> None:
    transcription = read()
    assert transcription.request.model == "nova-3-medical"
    assert "vocabulary_terms" not in transcription.request.options
    assert [line.item for line in transcription.cost.lines] == ["redaction", "keyterm"]
    assert transcription.cost.unpriced == ("transcription nova-3-medical",)


def test_what_deepgram_heard_is_billed_and_else_the_length_of_the_audio() -> None:
    reply = stereo(APPOINTMENT)
    reply["metadata"]["duration"] = 30.0
    assert read(reply).cost.billed_seconds == 30
    del reply["metadata"]["duration"]
    assert read(reply).cost.billed_seconds == 60


def test_requests_are_noted_with_the_cost() -> None:
    cost = read(requests=3, refused=1).cost
    assert (cost.requests, cost.refused) == (3, 1)


def test_a_body_that_is_no_transcription_is_refused() -> None:
    with pytest.raises(InvalidReply):
        read({"err_code": "X", "err_msg": "y"})


def test_a_live_call_is_told_without_what_deepgram_offers_for_recordings_only() -> None:
    state = LiveState.from_item(live_item(options={**THEN, "numerals": True}, vocabulary_terms=0))
    transcription = DeepgramTranscriptions(options=TODAY).of_call(state, recognition_of(state, CONVERSATION))
    request, cost = transcription.request, transcription.cost
    assert (request.language, request.separate_channels, request.options["numerals"]) == ("es", True, True)
    assert not any(request.options[name] for name in ("sentiment", "topics", "intents", "summarize"))
    assert (cost.requests, cost.refused, cost.billed_seconds) == (
        state.sessions,
        None,
        -int(-state.coverage.duration_seconds // 1),
    )
    assert cost.total_usd is not None
    assert cost.total_usd > Decimal(0)
