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
    "text",
    ["", "no json", "[]", "5", "{}", body(recording={}), body(recording=None), body(recording={"audio": {"x": 1}})],
)
def test_another_message_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(MalformedMessage, match=r"^(JSONDecodeError|KeyError|TypeError|Undecodable)$"):
        Work.from_body(text)
