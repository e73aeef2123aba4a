from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambdas.transcribe_call.work import MalformedMessage, Work
from tests.lambdas.cloud import EXECUTION, recording


def body(**changes: Any) -> str:
    message = {"task_token": "token", "execution": EXECUTION, "recording": recording().to_payload()}
    return json.dumps(message | changes)


def test_the_message_of_the_state_machine_is_understood() -> None:
    assert Work.from_body(body()) == Work(task_token="token", execution=EXECUTION, recording=recording())


SINCE = datetime(2026, 11, 20, 10, 0, 0, 250_000, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["2026-11-20T10:00:00.250Z", "2026-11-20T11:00:00.250+01:00", "2026-11-20T10:00:00.25"]
)
def test_a_message_tells_since_when_and_how_long_its_execution_waits(text: str) -> None:
    work = Work.from_body(body(schema_version=3, waiting_since=text, max_wait_seconds=3600))
    assert (work.waiting_since, work.max_wait) == (SINCE, timedelta(hours=1))


@pytest.mark.parametrize(
    "wait",
    [
        {},
        {"waiting_since": None, "max_wait_seconds": None},
        {"waiting_since": "yesterday", "max_wait_seconds": "3600"},
        {"waiting_since": 10**17, "max_wait_seconds": 10**17},
        {"waiting_since": [], "max_wait_seconds": -1},
    ],
)
def test_a_message_that_does_not_tell_is_taken_to_wait_for_a_day(wait: dict[str, Any]) -> None:
    work = Work.from_body(body(**wait))
    assert (work.waiting_since, work.max_wait) == (None, timedelta(days=1))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is not JSON"),
        ("no json", "is not JSON"),
        ('{"a":' * 100_000, "is nested too deeply"),
        ("[]", "is of another type"),
        ("5", "is of another type"),
        ("{}", "has no task_token"),
        (body(task_token=5), "task_token"),
        (body(task_token=""), "task_token has no value of its kind"),
    ],
)
def test_a_message_without_a_task_is_refused_without_being_quoted(text: str, problem: str) -> None:
    with pytest.raises(MalformedMessage, match=problem) as malformed:
        Work.from_body(text)
    assert malformed.value.task_token is None


@pytest.mark.parametrize(
    "text",
    [
        body(execution=5),
        body(recording={}),
        body(recording=None),
        body(recording=[]),
        body(recording={"audio": {"xyzzy": 1}}),
        body(recording={**recording().to_payload(), "size_bytes": "xyzzy"}),
        body(recording={**recording().to_payload(), "last_modified": "xyzzy"}),
        body(recording={**recording().to_payload(), "last_modified": 10**17}),
    ],
)
def test_a_message_of_which_only_the_task_is_known_is_refused_by_place(text: str) -> None:
    with pytest.raises(MalformedMessage) as malformed:
        Work.from_body(text)
    assert malformed.value.task_token == "token"
    assert "xyzzy" not in str(malformed.value)
