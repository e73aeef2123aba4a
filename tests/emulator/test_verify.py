"""The package in another team's app: one statement, deployed from the wheel, and operated by the stack's name.

`callscribe verify --stack` plays a call through it, with a streamer in a process of its own. The recordings' server
makes up its words and the streams' one hears numbers. So the recording's words are not those of the sample, which is to
be seen, and the live call's are.
"""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from callscribe.contract.table_keys import call_partition
from local.calls import own_key
from local.emulator.settings import REGION
from operations.call_store import CallStore
from operations.checks.findings import Examined, State
from operations.command_line import main
from operations.environment import Environment
from operations.verification.assumptions import Verdict
from operations.verification.report import Report
from operations.verification.sample import SaidTurn, Sample
from operations.verification.waiting import Patience
from operations.verify import CLINIC, Verification
from tests.emulator.deployment import DAY, Deployment, recording
from tests.emulator.live_calls import LiveCalls, frames_of, write_call
from tests.emulator.stacks import connected, deploy
from tests.installed import build_wheel, install, new_environment, run
from tests.patience import PATIENCE_SECONDS, eventually

pytestmark = pytest.mark.emulator

FOREIGN_APP = Path(__file__).with_name("foreign_app.py")
STACK = "Shop"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_call(tmp_path_factory.mktemp("verify") / "numbers.wav")


@pytest.fixture(scope="module")
def callscribe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command `callscribe` of an environment with the wheel, and nothing of the checkout."""
    folder = tmp_path_factory.mktemp("foreign")
    python = new_environment(folder)
    install(python, f"callscribe[operations] @ {build_wheel(folder).as_uri()}")
    return python.with_name("callscribe")


@pytest.fixture(scope="module")
def where(deployment: Deployment, callscribe: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Deploy another team's app; returns what a command line names its stack by."""
    folder = tmp_path_factory.mktemp("app")
    run(callscribe.with_name("python"), FOREIGN_APP, folder, REGION, deployment.session.speech.url, cwd=folder)
    return deploy(deployment, folder, STACK)


@pytest.fixture(scope="module")
def target(deployment: Deployment, where: list[str]) -> Iterator[Environment]:
    """That app's deployment, found by its stack's name, with Deepgram's key in its secret."""
    with connected(deployment, where) as found:
        yield found


@pytest.fixture(scope="module")
def verified(deployment: Deployment, target: Environment, sample: Path) -> Iterator[Report]:
    turns = tuple(
        SaidTurn(channel=channel, start=0, end=12, text=" ".join(f"f{number}" for number in frames_of(role)))
        for channel, role in enumerate(("customer", "agent"))
    )
    calls = LiveCalls(deployment, sample, environment=target)
    with calls.speech():
        streamer = calls.streamer("verify")
        verification = Verification(
            Examined(target, target.client),
            sample=Sample.of(sample.read_bytes(), turns),
            clinic_id=CLINIC,
            stream_key=None,
            patience=Patience.of(seconds=PATIENCE_SECONDS),
        )
        yield verification.run()
        streamer.stop()


def found(report: Report, part: str, state: State) -> list[str]:
    return [finding.what for finding in report.findings[part] if finding.state is state]


def test_a_live_call_is_followed_from_its_stream_to_its_transcript(verified: Report) -> None:
    seen = " | ".join(found(verified, "Live call", State.OK))
    assert found(verified, "Live call", State.FAILED) == []
    for what in ("was announced", "final results by the feed", "is complete", "transcript is stored"):
        assert what in seen
    assert f"{len(frames_of('agent'))} of {len(frames_of('agent'))} words of the agent" in seen


def test_words_that_were_not_said_fail_the_recording_and_the_verification(verified: Report) -> None:
    assert "the same recording put twice was asked for once" in found(verified, "Recording", State.OK)
    assert len(found(verified, "Recording", State.FAILED)) == 2
    assert not verified.passed


def test_what_a_stream_can_tell_is_told_and_what_takes_connect_is_not(verified: Report) -> None:
    verdicts = {one.assumption.name: one.verdict for one in verified.assumptions}
    for name in ("time-selector", "token-selector", "catching-up"):
        assert verdicts[name] is Verdict.CONFIRMED
    for name in ("module-answer", "first-audio", "retry-after"):
        assert verdicts[name] is Verdict.NOT_REACHED


def test_nothing_is_left_of_it(verified: Report, target: Environment) -> None:
    assert found(verified, "Failed calls", State.OK) == ["no call failed meanwhile"]
    assert found(verified, "Cleaning up", State.FAILED) == []
    streams = target.client("kinesisvideo").list_streams()["StreamInfoList"]
    assert not [stream for stream in streams if "-verify-" in stream["StreamName"]]
    items = target.table().scan()["Items"]
    assert not [item for item in items if CLINIC in json.dumps(item, default=str)]
    assert not [item for item in items if str(item["PK"]).startswith(call_partition("verify-"))]
    for output in ("RecordingBucketName", "ArchiveBucketName"):
        versions = target.s3().list_object_versions(Bucket=target.output(output))
        assert not [version for version in versions.get("Versions", []) if "verify-" in version["Key"]]


def test_the_report_says_nothing_that_its_reader_must_not_know(verified: Report) -> None:
    written = json.dumps(verified.to_json())
    assert "arn:" not in written
    assert "000000000000" not in written
    assert "+1555" not in written
    for role in ("customer", "agent"):
        assert not [number for number in frames_of(role) if f"f{number}" in written]
    assert written.count('"verdict"') == len(verified.assumptions)


def test_the_commands_of_the_wheel_work_on_the_stack_by_its_name(
    target: Environment, where: list[str], callscribe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call_id = f"foreign-{uuid.uuid4()}"
    target.s3().put_object(
        Bucket=target.output("RecordingBucketName"),
        Key=own_key("west", DAY, call_id, ".wav"),
        Body=recording(seconds=4),
    )
    calls = CallStore(table=target.table(), s3=target.s3())
    # The workflow stores a transcript first and scores it then.
    eventually(lambda: any("quality" in item for item in calls.of_call(call_id)))

    [transcript] = [item for item in calls.of_call(call_id) if item["type"] == "transcript"]
    assert (transcript["flag_set"], transcript["flags"]) == ({"name": "shop", "version": 3}, {"wants_to_come": True})
    quality = transcript["quality"]
    assert (quality["rubric"], quality["version"], quality["score"]) == ("shop-calls", 2, 75)

    printed = run(callscribe, "calls", *where, "--call", call_id, cwd=callscribe.parent, COLUMNS="160")

    assert "Thank you for calling" in printed
    assert "patient" in printed
    assert main(["calls", *where, "--day", str(DAY)]) == 0  # of its default clinic
    assert call_id in capsys.readouterr().out
    assert main(["redrive", *where, "--dry-run"]) == 0
    assert main(["calls", "--stack", "Shoe", *where[2:], "--call", call_id]) == 3
    assert "there is no stack Shoe" in capsys.readouterr().err
