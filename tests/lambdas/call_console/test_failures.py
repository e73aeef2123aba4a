"""Failed calls: who sees which, why they failed, and who repeats one, once."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from callscribe.live.call import LiveCall
from tests.lambdas.call_console.conftest import Console
from tests.lambdas.call_console.failed_calls import STREAM, Executions, Streamers, fail_live, reject
from tests.lambdas.call_console.live_items import put_live_call
from tests.lambdas.cloud import EXECUTION

FAILED = "/api/clinics/harbour/failed"


@pytest.fixture
def executions(monkeypatch: pytest.MonkeyPatch) -> Executions:
    return Executions.of(monkeypatch)


def test_a_clinic_sees_its_own_failures_with_their_reasons_and_no_others(console: Console) -> None:
    own = reject(console, "call-1")
    reject(console, "call-2", clinic="lakeside")
    put_live_call(console.cloud.table, "live-1", status="failed", error_code="StreamGone")
    put_live_call(console.cloud.table, "live-2", status="failed", clinic="lakeside")
    put_live_call(console.cloud.table, "live-3")
    told = console.ask(FAILED).json
    by_source = {call["source"]: call for call in told["calls"]}
    assert len(told["calls"]) == 2
    assert told["complete"] is True
    batch, live = by_source["batch"], by_source["live"]
    assert (batch["call_id"], batch["recording_id"], batch["status"]) == ("call-1", own, "rejected")
    assert (batch["error_code"], batch["repeatable"]) == ("Audio.TooLong", True)
    assert (live["call_id"], live["error_code"], live["repeatable"]) == ("live-1", "StreamGone", True)


def test_of_many_failures_it_is_said_that_there_may_be_others(console: Console) -> None:
    for number in range(16):
        reject(console, f"call-{number}")
    told = console.ask(FAILED).json
    assert (len(told["calls"]), told["complete"]) == (15, False)


def test_an_admin_repeats_a_call_as_the_command_does(console: Console, executions: Executions) -> None:
    failed = reject(console, "call-1")
    answer = console.ask(f"{FAILED}/{failed}/redrive", method="POST", groups="[harbour admin]")
    assert answer.status == 202
    [(name, told)] = executions.started.items()
    assert name == f"redrive-{failed}-1"
    assert told["redrive_of"] == EXECUTION
    assert told["detail"]["object"]["key"].endswith("call-1.wav")


def test_a_call_is_repeated_once_while_that_runs(console: Console, executions: Executions) -> None:
    path = f"{FAILED}/{reject(console, 'call-1')}/redrive"
    asked = [console.ask(path, method="POST", groups="[harbour admin]").status for _ in range(2)]
    executions.status = "FAILED"  # before it changed anything in the table
    asked.append(console.ask(path, method="POST", groups="[harbour admin]").status)
    assert asked == [202, 409, 202]
    assert len(executions.started) == 2


@pytest.mark.parametrize(("groups", "status"), [("[harbour]", 403), ("[harbour qa]", 403), ("[lakeside admin]", 404)])
def test_nobody_else_repeats_it(console: Console, executions: Executions, groups: str, status: int) -> None:
    path = f"{FAILED}/{reject(console, 'call-1')}/redrive"
    assert console.ask(path, method="POST", groups=groups).status == status
    assert not executions.started


def test_an_admin_of_another_clinic_repeats_nothing_by_his_own_clinics_address(
    console: Console, executions: Executions
) -> None:
    theirs = reject(console, "call-1", clinic="lakeside")
    for recording_id in (theirs, "0" * 64, "x"):
        answer = console.ask(f"{FAILED}/{recording_id}/redrive", method="POST", groups="[harbour admin]")
        assert answer.status == 404
    assert not executions.started


def test_who_repeated_what_is_logged(
    console: Console, executions: Executions, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = reject(console, "call-1")
    console.ask(f"{FAILED}/{failed}/redrive", method="POST", groups="[harbour admin]", user="ann")
    line = next(line for line in capsys.readouterr().out.splitlines() if "call repeated" in line)
    told = json.loads(line)
    assert (told["user"], told["clinic_id"], told["call_id"]) == ("ann", "harbour", "call-1")


ADMIN = "[harbour admin]"


@pytest.fixture
def streamers(monkeypatch: pytest.MonkeyPatch) -> Streamers:
    return Streamers.of(monkeypatch)


def follow(console: Console, *, call: str = "live-1", clinic: str = "harbour", groups: str = ADMIN) -> int:
    return console.ask(f"/api/clinics/{clinic}/live/{call}/redrive", method="POST", groups=groups).status


def test_a_failed_live_call_goes_back_to_the_streamers_as_it_was_announced(
    console: Console, streamers: Streamers
) -> None:
    fail_live(console)
    [row] = console.ask(FAILED).json["calls"]
    assert (row["source"], row["repeatable"]) == ("live", True)
    assert follow(console) == 202
    [call] = [LiveCall.from_json(body) for body in streamers.sent]
    assert (call.call_id, call.clinic_id, call.stream_arn, call.start_fragment) == ("live-1", "harbour", STREAM, "7")


@pytest.mark.parametrize(("hours", "ago"), [(24, 25), (None, 0)])
def test_one_whose_audio_is_not_kept_any_more_is_not_promised(
    console: Console, streamers: Streamers, hours: int | None, ago: int
) -> None:
    fail_live(console, ago=timedelta(hours=ago))
    streamers.hours = hours
    assert follow(console) == 409
    assert streamers.sent == []


def test_what_counts_is_the_audio_from_where_the_call_was_left(console: Console, streamers: Streamers) -> None:
    fail_live(console, ago=timedelta(hours=25), watermarks=[2 * 3600 * 8000, 2 * 3600 * 8000])
    assert follow(console) == 202


@pytest.mark.parametrize(
    ("groups", "status"), [("[harbour]", 403), ("[harbour qa]", 403), ("[lakeside admin]", 404), ("[admin]", 404)]
)
def test_nobody_else_has_a_live_call_followed(console: Console, streamers: Streamers, groups: str, status: int) -> None:
    fail_live(console)
    assert follow(console, groups=groups) == status
    assert streamers.sent == []


@pytest.mark.parametrize(
    "more", [{"clinic": "lakeside"}, {"status": "streaming"}, {"status": "completed"}, {"stream_arn": "x"}]
)
def test_what_is_no_failed_live_call_of_the_clinic_is_not_there(
    console: Console, streamers: Streamers, more: dict[str, Any]
) -> None:
    fail_live(console, **more)
    assert (follow(console), follow(console, call="nowhere")) == (404, 404)
    assert streamers.sent == []


def test_who_had_a_live_call_followed_is_logged(
    console: Console, streamers: Streamers, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_live(console)
    follow(console)
    line = next(line for line in capsys.readouterr().out.splitlines() if "live call repeated" in line)
    told = json.loads(line)
    assert (told["user"], told["clinic_id"], told["call_id"]) == ("ann", "harbour", "live-1")
