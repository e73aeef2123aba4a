"""The command that has stored calls read by the analyst."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from operations.command_line import main
from operations.environment import Environment
from tests.operations.conftest import Deployed
from tests.operations.recorded_calls import store_transcript

CONTACT = "connect/acme/CallRecordings/2026/11/20/{}_20261120T14:05_UTC.wav"
FIGURES = {"duration_seconds": 1.0, "word_count": 1, "confidence": None, "cost_usd": None}


def answer(status: str, **more: Any) -> dict[str, Any]:
    return {"analysis": {"status": status, **more}, "figures": FIGURES}


class Function:
    """The function that has calls read, as an operator meets it."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.answers: dict[str, Any] = {}

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        assert FunctionName == "analyse"
        request = json.loads(Payload)
        self.requests.append(request)
        told = self.answers.get(request["call_id"], answer("succeeded", dropped=0))
        if isinstance(told, Exception):
            raise told
        failed = {"FunctionError": "Unhandled"} if "errorMessage" in told else {}
        return {"Payload": io.BytesIO(json.dumps(told).encode()), **failed}


@pytest.fixture
def function(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> Function:
    function, client = Function(), Environment.client

    def clients(target: Environment, service: str, **options: Any) -> Any:
        return function if service == "lambda" else client(target, service, **options)

    monkeypatch.setattr(Environment, "client", clients)
    deployed.outputs["AnalyseFunctionName"] = "analyse"
    deployed.write_outputs()
    for name in ("contact-1", "contact-2"):
        store_transcript(deployed, CONTACT.format(name))
    return function


def run(deployed: Deployed, *arguments: str) -> int:
    return main(["analyse", *deployed.arguments, *arguments])


@pytest.mark.parametrize(
    ("arguments", "calls"),
    [
        (["--clinic", "clinic-7"], {"contact-1", "contact-2"}),
        (["--clinic", "clinic-7", "--day", "2026-11-20"], {"contact-1", "contact-2"}),
        (["--clinic", "clinic-7", "--day", "2026-11-21"], set()),
        (["--call", "contact-2"], {"contact-2"}),
    ],
)
def test_calls_are_chosen_by_clinic_and_day(
    deployed: Deployed, function: Function, arguments: list[str], calls: set[str]
) -> None:
    assert run(deployed, *arguments) == 0
    assert {request["call_id"] for request in function.requests} == calls
    items = {item["transcript_key"]: item for item in deployed.table.scan()["Items"]}
    for request in function.requests:
        place = request["transcript"]
        assert (place["pk"], place["sk"]) == (items[place["key"]]["PK"], items[place["key"]]["SK"])
        assert request["again"] is False


def test_what_was_asked_is_asked_again_on_purpose_only(deployed: Deployed, function: Function) -> None:
    assert run(deployed, "--call", "contact-1", "--again") == 0
    assert [request["again"] for request in function.requests] == [True]


def test_calls_without_an_analysis_are_named_with_the_reason(
    deployed: Deployed, function: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    function.answers = {
        "contact-1": answer("skipped", reason="no-speech"),
        "contact-2": answer("failed", reason="Bedrock.ThrottlingException"),
    }
    assert run(deployed, "--clinic", "clinic-7") == 1
    lines = capsys.readouterr().out.splitlines()
    assert sorted(lines[:2]) == [
        "contact-1: skipped, no-speech",
        "contact-2: failed, Bedrock.ThrottlingException",
    ]
    assert lines[2] == "2 calls: 0 analysed, 1 not to be judged, 1 failed."


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"errorType": "TransientError", "errorMessage": "AWS.Unavailable"}, "AWS.Unavailable"),
        ({"transcript": {}}, "the function's answer has no analysis"),
        (ClientError({"Error": {"Code": "TooManyRequestsException", "Message": "x"}}, "Invoke"), "TooManyRequests"),
        (ReadTimeoutError(endpoint_url="https://x"), "ReadTimeoutError"),
    ],
)
def test_a_function_that_fails_is_no_end_of_the_others(
    deployed: Deployed, function: Function, capsys: pytest.CaptureFixture[str], told: Any, reason: str
) -> None:
    function.answers["contact-1"] = told
    assert run(deployed, "--clinic", "clinic-7") == 1
    written = capsys.readouterr().out
    assert f"contact-1: failed, {reason}" in written
    assert "2 calls: 1 analysed, 0 not to be judged, 1 failed." in written


def test_an_environment_without_an_analyst_says_so(
    deployed: Deployed, function: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    del deployed.outputs["AnalyseFunctionName"]
    deployed.write_outputs()
    assert run(deployed, "--clinic", "clinic-7") == 3
    assert "no output AnalyseFunctionName" in capsys.readouterr().err


def test_a_day_goes_with_a_clinic(deployed: Deployed, function: Function) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(deployed, "--call", "contact-1", "--day", "2026-11-20")
