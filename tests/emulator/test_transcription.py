"""From an object in the bucket to a transcript, an event and a completed claim."""

import gzip
import json
from datetime import UTC, datetime

import pytest

from local.calls import Call, connect_key
from local.server_process import ROOT
from local.session import speech_server
from tests.emulator.conftest import SCRIPTED
from tests.emulator.deployment import Deployment, new_call, recording
from tests.patience import eventually

pytestmark = pytest.mark.emulator

STARTED = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
SAMPLES = sorted((ROOT / "local" / "samples").glob("*.wav"))


def test_a_recording_becomes_a_transcript_by_role_with_score_and_cost(deployment: Deployment) -> None:
    call = new_call()
    put = deployment.put(call, recording(seconds=4))

    item = deployment.transcribed(call)

    assert [utterance["role"] for utterance in item["utterances"]] == ["agent", "customer"]
    assert item["utterances"][0]["text"].startswith("Thank you for calling")
    assert (item["PK"], item["SK"]) == ("CLINIC#demo-clinic", f"TRANSCRIPT#2026-11-20#{call.call_id}")
    assert item["version_id"] == put["VersionId"]
    assert item["appointment_requested"]
    assert 0 <= item["quality"]["score"] <= 100
    assert item["cost"]["total_usd"] > 0


def test_the_whole_document_and_the_reply_as_it_came_are_archived(deployment: Deployment) -> None:
    call = new_call()
    deployment.put(call, recording())
    item = deployment.transcribed(call)

    def archived(key: str) -> dict[str, object]:
        answer = deployment.environment.s3().get_object(Bucket=item["archive_bucket"], Key=key)
        document: dict[str, object] = json.loads(gzip.decompress(answer["Body"].read()))
        return document

    assert archived(item["transcript_key"])["full_transcript"] == item["full_transcript"]
    assert {"metadata", "results"} <= archived(item["reply_key"]).keys()


def test_a_transcript_is_announced_with_ids_and_figures(deployment: Deployment) -> None:
    call = new_call()
    deployment.put(call, recording())
    item = deployment.transcribed(call)

    event = eventually(
        lambda: next((e for e in deployment.announced() if e["detail"].get("call_id") == call.call_id), None)
    )

    assert (event["source"], event["detail-type"]) == ("callscribe", "Call Transcribed")
    detail = event["detail"]
    assert detail["transcript"]["sk"] == item["SK"]
    assert detail["quality"]["score"] == item["quality"]["score"]
    assert detail["figures"]["word_count"] == item["word_count"]


def test_real_calls_are_recognised_word_by_word_and_told_apart_by_channel(deployment: Deployment) -> None:
    """Through the real engine, at the place of the scripted one."""
    session, scripted = deployment.session, deployment.session.speech
    calls = {
        sample.stem: Call(call_id=sample.stem, key=connect_key("connect/demo-clinic", sample.stem, STARTED))
        for sample in SAMPLES
    }
    scripted.stop()
    try:
        with speech_server(scripted.port, session.key):
            for sample in SAMPLES:
                deployment.put(calls[sample.stem], sample.read_bytes())
            items = {name: deployment.transcribed(call) for name, call in calls.items()}
    finally:
        session.speech = speech_server(scripted.port, session.key, *SCRIPTED)
        session.speech.start()

    appointment = items["call1_glaucoma_appointment"]
    assert appointment["model"] == "local-whisper"
    assert appointment["clinic_id"] == "demo-clinic"
    said = {role: " ".join(u["text"].lower() for u in appointment["utterances"] if u["role"] == role)
            for role in ("agent", "customer")}  # fmt: skip
    assert "insurance card" in said["agent"]
    assert "glaucoma" in said["customer"]
    assert appointment["appointment_requested"]
    assert items["call2_insurance_billing"]["insurance_mentioned"]
    assert "surgery" in items["call3_urgent_symptoms"]["full_transcript"].lower()
