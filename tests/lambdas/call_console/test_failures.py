"""Failed calls: who sees which, why they failed, and who repeats one, once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.lambdas.call_console.conftest import Console
from tests.lambdas.call_console.failed_calls import Executions, reject
from tests.lambdas.call_console.live_items import put_live_call
from tests.lambdas.cloud import EXECUTION

if TYPE_CHECKING:
    pass

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
    assert (live["call_id"], live["error_code"], live["repeatable"]) == ("live-1", "StreamGone", False)


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
