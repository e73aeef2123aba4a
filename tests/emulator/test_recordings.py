"""Recordings of every kind: what can be heard is transcribed, what cannot is rejected with its reason."""

from collections.abc import Mapping

import numpy as np
import pytest

from local.calls import Call
from tests.emulator.deployment import Deployment, new_call, recording
from tests.patience import eventually

pytestmark = pytest.mark.emulator


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


REJECTED: Mapping[str, bytes] = {
    "EmptyObject": b"",
    "NotAudio": b"Dear patient, your appointment is on Tuesday.\n" * 40,
    "TruncatedAudio": truncated(recording()),
    "TooManyChannels": recording(channels=3),
    "CorruptAudio": truncated(recording(encoding="FLAC/PCM_16")),
}
AUDIBLE: Mapping[str, bytes] = {
    "eight-bit-mono.wav": recording(channels=1, encoding="WAV/PCM_U8"),
    "mu-law.wav": recording(encoding="WAV/ULAW"),
    "compressed.mp3": recording(encoding="MP3"),
    "lossless.flac": recording(encoding="FLAC/PCM_16"),
    "with space.wav": recording(),
    "plus+sign.wav": recording(),
    "percent%20encoded.wav": recording(),
    "unicode-ü-電話.wav": recording(),
    "upper-case.WAV": recording(),
}


def test_what_cannot_be_heard_is_rejected_before_anything_is_paid_for(deployment: Deployment) -> None:
    calls = {code: new_call() for code in REJECTED}
    for code, call in calls.items():
        deployment.put(call, REJECTED[code])

    for code, call in calls.items():
        message = deployment.failed(call)
        assert (message["error"], message["step"]) == (code, "Admit")
        assert deployment.claims(call)[0]["error_code"] == code
        assert not deployment.requests(call)


def test_every_usual_format_and_key_is_transcribed(deployment: Deployment) -> None:
    calls = {}
    for name, content in AUDIBLE.items():
        stem, _, suffix = name.rpartition(".")
        calls[name] = new_call(stem, suffix=f".{suffix}")
        deployment.put(calls[name], content)

    for name, call in calls.items():
        item = deployment.transcribed(call)
        assert item["speech"], name
        assert item["s3_key"] == call.key


def test_a_key_that_names_no_call_is_rejected(deployment: Deployment) -> None:
    call = Call(call_id="none", key="somewhere/else/recording.wav")

    deployment.put(call, recording())

    message = eventually(lambda: deployment.failure_of(call.key))
    assert message["error"] == "UnknownLayout"


def test_an_object_deleted_before_the_work_is_rejected(deployment: Deployment) -> None:
    call, content = new_call(), recording()
    event = deployment.event(call, etag="0" * 32, version_id="gone", size=len(content))

    deployment.start(event)

    message = eventually(lambda: deployment.failure_of(call.key))
    assert message["error"] == "RecordingMissing"


def test_silence_becomes_a_transcript_that_says_so(deployment: Deployment) -> None:
    call = new_call()
    deployment.fail(call, {"action": "no-speech"})
    deployment.put(call, recording())

    item = deployment.transcribed(call)

    assert not item["speech"]
    assert "no-speech" in item["warnings"]
    assert item["word_count"] == 0


def test_files_beside_the_calls_are_passed_over(deployment: Deployment) -> None:
    """Connect's redacted copies and analysis files lie in the same bucket."""
    keys = (
        "connect/demo-clinic/Analysis/Voice/Redacted/2026/11/20/x_call_recording_redacted_2026-11-20T09:30:00Z.wav",
        "recordings/demo-clinic/2026-11-20/notes.txt",
    )
    for key in keys:
        deployment.put(Call(call_id="none", key=key), np.zeros(100, np.int16).tobytes())
    marker = new_call()
    deployment.put(marker, recording())
    deployment.transcribed(marker)

    assert not any(deployment.failure_of(key) for key in keys)
    assert not [r for r in deployment.heard()["requests"] if (r["audio"] or "").endswith(keys)]
