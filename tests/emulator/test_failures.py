"""Nothing lost: what passes is waited out, what does not pass is kept with its reason and can be repeated."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.emulator.deployment import Deployment, new_call, recording

pytestmark = pytest.mark.emulator

PASSING: Mapping[str, list[dict[str, Any]]] = {
    "rate-limit": [{"status": 429}],
    "rate-limit-with-a-time": [{"status": 429, "headers": {"Retry-After": "1"}}],
    "request-timeout": [{"status": 408}],
    "server-error": [{"status": 500}],
    "bad-gateway": [{"status": 502}],
    "gateway-timeout": [{"status": 504}],
    "reset": [{"action": "reset"}],
    "reset-in-the-reply": [{"action": "reset-mid-body"}],
    "one-after-the-other": [{"status": 503}, {"action": "reset"}],
}

FINAL: Mapping[str, dict[str, Any]] = {
    "Deepgram.BadRequest": {"status": 400},
    "Deepgram.ASR_PAYMENT_REQUIRED": {"status": 402},
    "Deepgram.INSUFFICIENT_PERMISSIONS": {"status": 403},
    "Deepgram.InvalidReply.EmptyReply": {"action": "empty-object"},
    "Deepgram.InvalidReply.MalformedJson": {"action": "malformed-json"},
    "Deepgram.InvalidReply.ErrorReply": {"action": "error-json"},
}


def test_failures_that_pass_are_waited_out(deployment: Deployment) -> None:
    calls = {name: new_call(name) for name in PASSING}
    for name, call in calls.items():
        deployment.fail(call, *PASSING[name])
        deployment.put(call, recording())

    for name, call in calls.items():
        deployment.transcribed(call)
        assert len(deployment.requests(call)) == len(PASSING[name]) + 1, name
    failed = {message["call_id"] for message in deployment.failed_calls()}
    assert not failed & {call.call_id for call in calls.values()}


def test_failures_that_stay_are_kept_with_their_code_and_succeed_when_repeated(deployment: Deployment) -> None:
    calls = {code: new_call() for code in FINAL}
    for code, call in calls.items():
        deployment.fail(call, FINAL[code])
        deployment.put(call, recording())

    for code, call in calls.items():
        message = deployment.failed(call)
        assert (message["error"], message["step"]) == (code, "Transcribe")
        assert len(deployment.requests(call)) == 1, code
        assert not deployment.transcripts(call), code
        assert deployment.claims(call)[0]["error_code"] == code

    printed = deployment.redrive()

    for code, call in calls.items():
        assert call.call_id in printed
        deployment.repeated(call)
        assert deployment.transcript(call)["speech"], code
    left = {message["call_id"] for message in deployment.failed_calls()}
    assert not left & {call.call_id for call in calls.values()}


def test_a_wrong_key_fails_calls_until_an_operator_sets_the_right_one(deployment: Deployment) -> None:
    call = new_call()
    deployment.session.set_key("0" * 40)
    deployment.restart_transcribers()
    deployment.put(call, recording())
    try:
        message = deployment.failed(call)
    finally:
        deployment.session.set_key(deployment.session.key)

    assert (message["error"], message["step"]) == ("Deepgram.INVALID_AUTH", "Transcribe")
    assert "0" * 24 not in str(message)
    deployment.redrive()
    deployment.repeated(call)


def test_a_secret_without_a_usable_value_fails_calls_with_the_remedy(deployment: Deployment) -> None:
    values = {"DeepgramKey.Empty": " ", "DeepgramKey.Malformed": "two words"}
    calls = {code: new_call() for code in values}
    try:
        for code, value in values.items():
            deployment.session.set_key(value)
            deployment.restart_transcribers()
            deployment.put(calls[code], recording())
            message = deployment.failed(calls[code])
            assert message["error"] == code
            assert "redrive" in message["cause"]
    finally:
        deployment.session.set_key(deployment.session.key)
        deployment.restart_transcribers()

    assert not any(deployment.requests(call) for call in calls.values())
    deployment.redrive()
    for call in calls.values():
        deployment.repeated(call)
