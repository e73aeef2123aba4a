from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest

from lambdas.admit_recording.handler import handle
from tests.lambdas.cloud import EXECUTION, Cloud, Context

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.typing import LambdaContext

CONTEXT = cast("LambdaContext", Context())


@pytest.mark.usefixtures("function_environment")
def test_the_state_machine_gets_the_decision(cloud: Cloud, output: Callable[[], str]) -> None:
    result = handle({"event": cloud.upload(), "execution": EXECUTION}, CONTEXT)
    assert result.keys() == {"decision", "reason", "message", "recording"}
    assert (result["decision"], result["recording"]["day"]) == ("claimed", "2026-11-20")
    lines = [json.loads(line) for line in output().splitlines()]
    decided = next(line for line in lines if line.get("message") == "decided")
    assert (decided["correlation_id"], decided["decision"]) == ("call-7", "claimed")
    assert any(line.get("RecordingsClaimed") == [1.0] for line in lines)


@pytest.mark.parametrize("event", [{}, {"detail": {}}, {"detail": {"bucket": {"name": "b"}, "object": {"key": 5}}}])
@pytest.mark.usefixtures("function_environment")
def test_an_event_of_another_kind_is_rejected(event: dict[str, Any]) -> None:
    result = handle({"event": event, "execution": EXECUTION}, CONTEXT)
    assert (result["decision"], result["reason"], result["recording"]) == ("rejected", "InvalidEvent", {})
