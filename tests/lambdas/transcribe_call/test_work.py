from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.transcribe_call.work import MalformedMessage, Work
from tests.lambdas.cloud import EXECUTION, recording


def body(**changes: Any) -> str:
    message = {"task_token": "token", "execution": EXECUTION, "recording": recording().to_payload()}
    return json.dumps(message | changes)


def test_the_message_of_the_state_machine_is_understood() -> None:
    assert Work.from_body(body()) == Work(task_token="token", execution=EXECUTION, recording=recording())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is not JSON"),
        ("no json", "is not JSON"),
        ("[" * 100_000, "is nested too deeply"),
        ("[]", "is no object"),
        ("5", "is no object"),
        ("{}", "has no task_token"),
        (body(task_token=5), "has no task_token"),
        (body(task_token=""), "has no task_token"),
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
