"""The commands for people work on the running environment."""

import io
import json

import pytest
from aws_cdk import App, CfnWaitConditionHandle, Environment, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Template
from constructs import Construct
from rich.console import Console

from callscribe.contract.outputs import DeploymentOutput
from constructs_lib import export_for_operators
from local import drop
from local.calls import STEPS
from local.follow import follow
from operations.command_line import main
from tests.emulator.deployment import CLINIC, DAY, Deployment, new_call, recording

REGION = "us-east-1"

pytestmark = pytest.mark.emulator


@pytest.fixture(autouse=True)
def _at_this_emulator(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLSCRIBE_EMULATOR_PORT", str(deployment.session.emulator.port))
    monkeypatch.setenv("COLUMNS", "160")


def test_a_dropped_recording_is_followed_to_its_transcript(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path_factory.mktemp("drop") / "mine.flac"
    file.write_bytes(recording(seconds=4, encoding="FLAC/PCM_16"))
    call = new_call("drop")

    assert drop.main([str(file), "--clinic", "west", "--call", call.call_id, "--day", "2026-11-19"]) == 0

    printed = capsys.readouterr().out
    steps = [line.rpartition(": ")[2] for line in printed.splitlines() if "mine.flac: " in line]
    assert steps == ["recorded", "admitted", "transcribing", "stored", "scored", "announced"]
    assert "Thank you for calling" in printed
    assert "after the upload" in printed
    assert main(["calls", "--environment", "Local", "--clinic", "west", "--day", "2026-11-19"]) == 0
    assert call.call_id in capsys.readouterr().out


def test_a_dropped_file_that_is_no_recording_is_explained(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path_factory.mktemp("drop") / "notes.wav"
    file.write_text("not a recording " * 100)

    assert drop.main([str(file)]) == 1

    assert "NotAudio" in capsys.readouterr().err


def test_on_a_terminal_the_steps_fill_a_table(deployment: Deployment) -> None:
    call = new_call()
    deployment.put(call, recording(seconds=4))
    terminal = io.StringIO()

    follow(Console(file=terminal, force_terminal=True, width=160), deployment.environment, {"mine": call})

    shown = terminal.getvalue()
    assert "mine: recorded" not in shown
    assert all(step in shown for step in STEPS)
    assert "Thank you for calling" in shown


@pytest.fixture(scope="module")
def foreign_stack(deployment: Deployment) -> str:
    """A stack of an app that put the parts together itself and named them for operators."""
    stack = Stack(App(), "Shop", env=Environment(region=REGION))
    output = deployment.environment.output
    export_for_operators(
        Construct(stack, "Calls"),
        table=dynamodb.TableV2.from_table_name(stack, "Table", output(DeploymentOutput.TABLE)),
        archive=s3.Bucket.from_bucket_name(stack, "Archive", output(DeploymentOutput.ARCHIVE)),
        recordings=s3.Bucket.from_bucket_name(stack, "Recordings", output(DeploymentOutput.RECORDINGS)),
        default_clinic_id="west",
        role_names={"customer": "patient"},
    )
    CfnWaitConditionHandle(stack, "Nothing")  # CloudFormation takes no stack without a resource
    deployment.environment.client("cloudformation").create_stack(
        StackName="Shop", TemplateBody=json.dumps(Template.from_stack(stack).to_json())
    )
    return "Shop"


def test_the_stack_of_another_app_is_operated_by_its_name(
    deployment: Deployment,
    foreign_stack: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    call = new_call("foreign")
    deployment.put(call, recording(seconds=4))
    deployment.transcribed(call)
    credentials = deployment.environment.credentials()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", credentials.access_key or "")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", credentials.secret_key or "")
    where = ("--stack", foreign_stack, "--endpoint-url", deployment.session.emulator.url, "--region", REGION)

    assert main(["calls", *where, "--clinic", CLINIC, "--day", str(DAY)]) == 0
    assert call.call_id in capsys.readouterr().out
    assert main(["calls", *where, "--call", call.call_id]) == 0
    assert "patient" in capsys.readouterr().out.lower()
    assert main(["redrive", *where, "--dry-run"]) == 3  # its outputs name no queue
    assert "no output of Shop names WorkQueueUrl" in capsys.readouterr().err
    assert main(["calls", "--stack", "Shoe", *where[2:], "--call", call.call_id]) == 3
    assert "there is no stack Shoe" in capsys.readouterr().err
