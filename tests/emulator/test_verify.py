"""`callscribe verify` on the deployed stacks, with a streamer in a process of its own.

The recordings' server makes up its words and the streams' one hears numbers. So the recording's words are not those of
the sample, which is to be seen, and the live call's are.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from callscribe.contract.table_keys import call_partition
from operations.checks.findings import Examined, State
from operations.verification.assumptions import Verdict
from operations.verification.report import Report
from operations.verification.sample import SaidTurn, Sample
from operations.verification.waiting import Patience
from operations.verify import CLINIC, Verification
from tests.emulator.deployment import Deployment
from tests.emulator.live_calls import LiveCalls, frames_of, write_call
from tests.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.emulator


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_call(tmp_path_factory.mktemp("verify") / "numbers.wav")


@pytest.fixture(scope="module")
def verified(deployment: Deployment, sample: Path) -> Iterator[Report]:
    turns = tuple(
        SaidTurn(channel=channel, start=0, end=12, text=" ".join(f"f{number}" for number in frames_of(role)))
        for channel, role in enumerate(("customer", "agent"))
    )
    calls = LiveCalls(deployment, sample)
    with calls.speech():
        streamer = calls.streamer("verify")
        target = deployment.environment
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


def test_nothing_is_left_of_it(verified: Report, deployment: Deployment) -> None:
    assert found(verified, "Failed calls", State.OK) == ["no call failed meanwhile"]
    assert found(verified, "Cleaning up", State.FAILED) == []
    streams = deployment.environment.client("kinesisvideo").list_streams()["StreamInfoList"]
    assert not [stream for stream in streams if "-verify-" in stream["StreamName"]]
    items = deployment.environment.table().scan()["Items"]
    assert not [item for item in items if CLINIC in json.dumps(item, default=str)]
    assert not [item for item in items if str(item["PK"]).startswith(call_partition("verify-"))]
    for output in ("RecordingBucketName", "ArchiveBucketName"):
        versions = deployment.environment.s3().list_object_versions(Bucket=deployment.environment.output(output))
        assert not [version for version in versions.get("Versions", []) if "verify-" in version["Key"]]


def test_the_report_says_nothing_that_its_reader_must_not_know(verified: Report) -> None:
    written = json.dumps(verified.to_json())
    assert "arn:" not in written
    assert "000000000000" not in written
    assert "+1555" not in written
    for role in ("customer", "agent"):
        assert not [number for number in frames_of(role) if f"f{number}" in written]
    assert written.count('"verdict"') == len(verified.assumptions)
