"""Calls that run: what is told of them, what they say, and to whom."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest

from tests.lambdas.call_console.conftest import Console
from tests.lambdas.call_console.live_items import put_live_call, say

RUNNING = "/api/clinics/harbour/live"
CALL = f"{RUNNING}/live-1"


def test_running_calls_are_told_the_newest_first_and_ended_ones_are_not(console: Console) -> None:
    table = console.cloud.table
    put_live_call(table, "older", ago=timedelta(minutes=5))
    put_live_call(table, "newer")
    put_live_call(table, "over", status="completed", complete=True, duration_seconds=9)
    put_live_call(table, "theirs", clinic="lakeside")
    told = console.ask(RUNNING).json
    assert [call["call_id"] for call in told["calls"]] == ["newer", "older"]
    assert told["complete"] is True


def test_what_is_not_known_of_a_running_call_is_null(console: Console) -> None:
    put_live_call(console.cloud.table)
    [call] = console.ask(RUNNING).json["calls"]
    unknown = {"direction", "agent_joined_at", "gaps", "reliability", "complete", "incomplete_reasons", "error_code"}
    assert {name for name, value in call.items() if value is None} == unknown | {"duration_seconds"}


def test_a_call_tells_its_gaps_hand_overs_and_what_cannot_wait(console: Console) -> None:
    put_live_call(
        console.cloud.table,
        handovers=2,
        alerted=["urgent"],
        gaps=[{"start": 8000, "end": 20000, "reason": "missing", "channel": None}],
        reliability={"level": "doubtful", "reasons": ["gaps"]},
    )
    [call] = console.ask(RUNNING).json["calls"]
    assert (call["handovers"], call["alerted"], call["reliability"]["level"]) == (2, ["urgent"], "doubtful")
    assert call["gaps"] == [{"start": 1.0, "end": 2.5, "reason": "missing", "channel": None}]


@pytest.mark.parametrize(
    ("state", "progress"),
    [
        ({}, "streaming"),
        ({"status": "announced"}, "waiting"),
        ({"lease_until": int(time.time()) - 60}, "waiting"),
        ({"status": "released"}, "handed-over"),
    ],
)
def test_a_call_whose_streamer_died_waits(console: Console, state: dict[str, Any], progress: str) -> None:
    put_live_call(console.cloud.table, **state)
    assert console.ask(RUNNING).json["calls"][0]["progress"] == progress


def test_words_are_told_from_the_number_that_is_asked_for(console: Console) -> None:
    table = console.cloud.table
    put_live_call(table, next_seq=4)
    for seq, text in enumerate(("I cannot see.", "Since when?", "Since today."), start=1):
        say(table, seq, text, channel=seq % 2)
    whole = console.ask(CALL).json
    assert [one["text"] for one in whole["utterances"]] == ["I cannot see.", "Since when?", "Since today."]
    assert (whole["channel"], whole["more"], whole["call"]["utterances"]) == ("/calls/harbour/live-1", False, 3)
    assert [one["seq"] for one in console.ask(CALL, query={"after": "2"}).json["utterances"]] == [3]


def test_the_end_of_a_call_is_told_with_what_is_missing(console: Console) -> None:
    put_live_call(
        console.cloud.table, status="completed", complete=False, incomplete_reasons=["gaps"], duration_seconds=12
    )
    call = console.ask(CALL).json["call"]
    assert (call["progress"], call["complete"], call["incomplete_reasons"]) == ("completed", False, ["gaps"])


@pytest.mark.parametrize("after", ["", "-1", "x", "1" * 9, "²"])
def test_a_number_that_is_none_is_refused(console: Console, after: str) -> None:
    put_live_call(console.cloud.table)
    assert console.ask(CALL, query={"after": after}).status == 400


def test_a_call_of_another_clinic_is_none(console: Console) -> None:
    put_live_call(console.cloud.table, clinic="lakeside")
    assert console.ask(CALL).status == 404
    assert console.ask(CALL).text == console.ask(f"{RUNNING}/no-call").text
    assert console.ask(f"{RUNNING}/no%20call").status == 404


def test_following_a_call_is_logged_once(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    put_live_call(console.cloud.table)
    say(console.cloud.table, 1, "I cannot see.")
    console.ask(CALL)
    console.ask(CALL, query={"after": "1"})
    written = capsys.readouterr().out
    assert written.count("live words viewed") == 1
    assert "cannot see" not in written
