"""What commands answer: JSON in one shape each, unfolded lines in a pipe, and "not there" told from "empty"."""

import json
from typing import Any

import pytest

from operations import watch
from operations.command_line import main
from operations.live_feed import FeedUnavailable
from tests.operations.conftest import Deployed, announcement
from tests.operations.recorded_calls import follow_live, store_claim, store_transcript

KEY = "recordings/clinic-7/2026-11-20/call-1.wav"


def answered(
    deployed: Deployed, capsys: pytest.CaptureFixture[str], status: int, command: str, *arguments: str
) -> dict[str, Any]:
    assert main([command, *deployed.arguments, *arguments, "--json"]) == status
    found = json.loads(capsys.readouterr().out)
    assert found.pop("schema_version") == 1
    return dict(found)


def test_calls(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    store_transcript(deployed, KEY)
    found = answered(deployed, capsys, 0, "calls", "--clinic", "clinic-7")
    assert [item["call_id"] for item in found["items"]] == ["call-1"]


def test_redrive(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    assert answered(deployed, capsys, 0, "redrive") == {"dry_run": False, "messages": []}
    failure = {"event": announcement("call-1"), "error": "Deepgram.HTTP402", "step": "Transcribe", "call_id": "call-1"}
    deployed.fail(failure)
    deployed.fail("no message of ours")
    found = answered(deployed, capsys, 1, "redrive", "--dry-run")
    assert found["dry_run"] is True
    by_left = {message["left_in_place"]: message for message in found["messages"]}
    assert by_left[False]["call_id"] == "call-1"
    assert by_left[False]["action"].startswith("would be ")
    for message in found["messages"]:
        assert set(message) == {"call_id", "object", "error", "step", "sent_at", "action", "left_in_place"}


def test_doctor(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", *deployed.arguments, "--json"]) in (0, 1)
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert findings
    assert all(set(finding) == {"part", "state", "what", "remedy"} for finding in findings)
    assert {finding["state"] for finding in findings} <= {"ok", "warning", "failed", "unknown", "skipped"}


def test_backfill(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    assert answered(deployed, capsys, 0, "backfill") == {"dry_run": False, "listed": 0, "unreadable": 0}


def test_erase(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    store_claim(deployed, "1", call_id="call-1", status="failed", bucket="recordings", s3_key=KEY)
    deployed.s3.create_bucket(Bucket="recordings", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    found = answered(deployed, capsys, 0, "erase", "--call", "call-1", "--yes")
    assert found == {"call_id": "call-1", "objects": 0, "items": 1}
    with pytest.raises(SystemExit) as refused:
        main(["erase", *deployed.arguments, "--call", "call-1", "--json"])
    assert refused.value.code == 2


def test_watch_prints_a_line_for_everything_that_happens(
    deployed: Deployed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_feed(_: Any) -> Any:
        raise FeedUnavailable("the feed cannot be reached")

    monkeypatch.setattr(watch, "listen", no_feed)
    live = follow_live(deployed, clinic_id="clinic-7")
    assert main(["watch", *deployed.arguments, "--call", str(live["call_id"]), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["type"] for line in lines} <= {"state", "utterance", "notice"}
    assert [line["status"] for line in lines if line["type"] == "state"] == ["completed"]
    assert all(line["schema_version"] == 1 and "PK" not in line for line in lines)


def test_what_is_piped_is_not_folded(
    deployed: Deployed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    message = "a reason that is much longer than forty columns are wide, in one line"
    store_claim(deployed, "1", call_id="call-1", status="failed", error_message=message)
    assert main(["calls", *deployed.arguments, "--failed"]) == 0
    shown = capsys.readouterr().out
    assert message in shown
    assert "\x1b" not in shown


def test_without_a_clinic_the_deployment_s_own_is_meant(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    store_transcript(deployed, KEY)
    deployed.outputs["DefaultClinicId"] = "clinic-7"
    deployed.write_outputs()
    assert [item["call_id"] for item in answered(deployed, capsys, 0, "calls")["items"]] == ["call-1"]


@pytest.mark.parametrize("command", ["calls", "watch"])
def test_without_a_clinic_and_a_default_one_is_asked_for(
    deployed: Deployed, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    with pytest.raises(SystemExit) as refused:
        main([command, *deployed.arguments])
    assert refused.value.code == 2
    assert "--clinic" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("calls", ["--call", "nobody"]),
        ("calls", ["--clinic", "nowhere"]),
        ("watch", ["--call", "nobody"]),
        ("redrive", ["--covered", "nobody"]),
        ("rebuild", ["--call", "nobody"]),
        ("rebuild", ["--clinic", "nowhere"]),
        ("analyse", ["--call", "nobody"]),
        ("analyse", ["--clinic", "nowhere"]),
        ("erase", ["--call", "nobody", "--yes"]),
    ],
)
def test_what_is_not_there_is_not_found(
    deployed: Deployed, capsys: pytest.CaptureFixture[str], command: str, arguments: list[str]
) -> None:
    deployed.outputs |= {"StoreFunctionName": "store", "AnalyseFunctionName": "analyse"}
    deployed.write_outputs()
    assert main([command, *deployed.arguments, *arguments]) == 4
    assert capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("calls", ["--clinic", "clinic-7", "--day", "2026-11-19"]),
        ("calls", ["--clinic", "clinic-7", "--live"]),
        ("calls", ["--failed"]),
        ("calls", ["--disputed"]),
        ("redrive", []),
        ("redrive", ["--claims"]),
        ("redrive", ["--covered", "call-1"]),
        ("rebuild", ["--clinic", "clinic-7", "--day", "2026-11-19"]),
        ("analyse", ["--clinic", "clinic-7", "--day", "2026-11-19"]),
        ("backfill", []),
    ],
)
def test_nothing_to_do_is_done(deployed: Deployed, command: str, arguments: list[str]) -> None:
    store_transcript(deployed, KEY)
    deployed.outputs |= {"StoreFunctionName": "store", "AnalyseFunctionName": "analyse"}
    deployed.write_outputs()
    assert main([command, *deployed.arguments, *arguments]) == 0
