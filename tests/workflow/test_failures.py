"""What passes is tried again, what does not fails at once, and everything that failed can be repeated."""

from __future__ import annotations

import json

import pytest

from tests.fakes.deepgram import Answer, FakeDeepgram, refusal, transcription
from tests.workflow.conftest import MAX_ATTEMPTS
from tests.workflow.harness import Workflow
from tests.workflow.recordings import KEY, recording


def test_the_wait_that_deepgram_asks_for_is_honoured(workflow: Workflow, deepgram: FakeDeepgram) -> None:
    deepgram.answer(Answer(429, {"err_code": "TOO_MANY_REQUESTS", "err_msg": "no"}, {"Retry-After": "77"}))

    workflow.run(workflow.upload(KEY, recording()))

    (wait,) = workflow.calls.hidden_for
    assert 77 <= wait <= 77 + 5


def test_a_call_is_given_up_after_the_last_attempt(workflow: Workflow, deepgram: FakeDeepgram) -> None:
    deepgram.answer(then=refusal(503, "SERVICE_UNAVAILABLE"))

    execution = workflow.run(workflow.upload(KEY, recording()))

    assert (execution.status, execution.error) == ("FAILED", "Deepgram.SERVICE_UNAVAILABLE")
    assert len(deepgram.requests) == MAX_ATTEMPTS
    assert workflow.claim()["status"] == "failed"
    assert len(workflow.failures()) == 1


@pytest.mark.parametrize("code", ["AccessDenied", "KMS.DisabledException", "NoSuchBucket"])
def test_an_archive_that_takes_nothing_fails_the_call_before_anything_is_paid(
    workflow: Workflow, deepgram: FakeDeepgram, code: str
) -> None:
    with workflow.fault("s3.PutObject", by="transcribe_call", error=code):
        failed = workflow.run(workflow.upload(KEY, recording()))

    assert (failed.status, failed.error) == ("FAILED", "Archive.Refused")
    assert deepgram.requests == []
    (message,) = workflow.failures()
    assert code in message["cause"]

    (repeated,) = workflow.redrive()

    assert repeated.status == "SUCCEEDED"
    assert workflow.claim()["deepgram_requests"] == len(deepgram.requests) == 1


@pytest.mark.parametrize("code", ["SlowDown", "AccessDenied"])
def test_a_paid_reply_is_held_until_the_archive_takes_it(workflow: Workflow, deepgram: FakeDeepgram, code: str) -> None:
    with workflow.fault("s3.PutObject", by="transcribe_call", error=code, times=2, spare=1) as fault:
        execution = workflow.run(workflow.upload(KEY, recording()))

    assert fault.hits == 2
    assert execution.status == "SUCCEEDED"
    assert workflow.claim()["deepgram_requests"] == len(deepgram.requests) == 1


def test_trouble_of_the_archive_before_the_request_passes_unpaid(workflow: Workflow, deepgram: FakeDeepgram) -> None:
    with workflow.fault("s3.PutObject", by="transcribe_call", error="SlowDown", times=3):
        execution = workflow.run(workflow.upload(KEY, recording()))

    assert execution.status == "SUCCEEDED"
    assert len(workflow.calls.hidden_for) == 3
    assert workflow.claim()["deepgram_requests"] == len(deepgram.requests) == 1


def surrogate() -> bytes:
    return json.dumps(transcription()).encode().replace(b"Certainly.", b"Certainly \\ud83d.")


def long_summary() -> bytes:
    reply = transcription()
    reply["results"]["summary"] = {"result": "success", "short": "s" * 420_000}
    return json.dumps(reply).encode()


@pytest.mark.parametrize("body", [surrogate(), long_summary()], ids=["surrogate", "summary"])
def test_an_odd_reply_is_stored_and_paid_once(workflow: Workflow, deepgram: FakeDeepgram, body: bytes) -> None:
    deepgram.answer(Answer(body=body))

    execution = workflow.run(workflow.upload(KEY, recording()))

    assert execution.status == "SUCCEEDED"
    assert len(deepgram.requests) == 1
    (item,) = workflow.transcripts()
    assert len(item["utterances"]) == 6


@pytest.mark.parametrize(
    ("step", "operation", "by"),
    [
        ("Store", "s3.PutObject", "store_transcript"),
        ("Store", "dynamodb.TransactWriteItems", "store_transcript"),
        ("Score", "dynamodb.UpdateItem", "score_quality"),
        ("Announce", "eventbridge.PutEvents", "state machine"),
    ],
)
def test_a_later_step_that_fails_is_repeated_without_asking_deepgram_again(
    workflow: Workflow, deepgram: FakeDeepgram, step: str, operation: str, by: str
) -> None:
    with workflow.fault(operation, by=by) as fault:
        failed = workflow.run(workflow.upload(KEY, recording()))

    assert failed.status == "FAILED"
    assert fault.hits > 1
    claim = workflow.claim()
    assert (claim["status"], claim["failed_step"], claim["error_code"]) == ("failed", step, failed.error)
    (message,) = workflow.failures()
    assert (message["step"], message["error"]) == (step, failed.error)

    (repeated,) = workflow.redrive()

    assert repeated.status == "SUCCEEDED"
    assert workflow.claim()["status"] == "completed"
    assert len(deepgram.requests) == 1
    assert len(workflow.transcripts()) == 1
    assert len(workflow.announced()) == 1


def test_an_admission_that_fails_is_kept_with_the_failed_calls(workflow: Workflow, deepgram: FakeDeepgram) -> None:
    with workflow.fault("dynamodb.PutItem", by="admit_recording"):
        failed = workflow.run(workflow.upload(KEY, recording()))

    (message,) = workflow.failures()
    assert (failed.status, message["step"]) == ("FAILED", "Admit")

    (repeated,) = workflow.redrive()

    assert repeated.status == "SUCCEEDED"


def test_a_failure_that_cannot_be_recorded_still_reaches_the_failed_calls(
    workflow: Workflow, deepgram: FakeDeepgram
) -> None:
    deepgram.answer(refusal(402, "ASR_PAYMENT_REQUIRED"))

    with workflow.fault("dynamodb.UpdateItem", by="state machine") as fault:
        execution = workflow.run(workflow.upload(KEY, recording()))

    assert (execution.status, execution.error) == ("FAILED", "Deepgram.ASR_PAYMENT_REQUIRED")
    assert fault.hits > 1
    (message,) = workflow.failures()
    assert message["error"] == "Deepgram.ASR_PAYMENT_REQUIRED"
    assert "RecordFailure" in execution.states


def test_the_failed_calls_are_reached_although_the_queue_refuses_at_first(
    workflow: Workflow, deepgram: FakeDeepgram
) -> None:
    deepgram.answer(refusal(402, "ASR_PAYMENT_REQUIRED"))

    with workflow.fault("sqs.SendMessage", by="state machine", mentioning="ASR_PAYMENT_REQUIRED", times=3):
        execution = workflow.run(workflow.upload(KEY, recording()))

    assert execution.error == "Deepgram.ASR_PAYMENT_REQUIRED"
    assert len(workflow.failures()) == 1


def test_a_key_that_is_missing_is_named_and_mended_without_a_deployment(
    workflow: Workflow, deepgram: FakeDeepgram
) -> None:
    workflow.set_key("   ")

    assert workflow.run(workflow.upload(KEY, recording())).error == "DeepgramKey.Empty"

    workflow.set_key('{"api_key": "a-new-key"}')
    (repeated,) = workflow.redrive()

    assert repeated.status == "SUCCEEDED"
    assert [request.headers["authorization"] for request in deepgram.requests] == ["Token a-new-key"]


def test_a_call_that_waits_too_long_fails_and_its_late_worker_pays_nothing(
    impatient: Workflow, deepgram: FakeDeepgram
) -> None:
    workflow = impatient
    started = workflow.announce(workflow.upload(KEY, recording()))
    workflow.wait_until(lambda: workflow.status(started) != "RUNNING")  # no worker comes in time

    assert (workflow.status(started), workflow.describe(started).error) == ("FAILED", "Workflow.Timeout")
    claim = workflow.claim()
    assert (claim["status"], claim["error_code"], claim["failed_step"]) == ("failed", "States.Timeout", "Transcribe")
    assert workflow.pump() == 1
    assert deepgram.requests == []
    assert workflow.pump() == 0


def test_a_message_that_nobody_can_work_on_ends_with_the_failed_calls_and_can_be_sent_back(
    workflow: Workflow, deepgram: FakeDeepgram
) -> None:
    execution = workflow.announce(workflow.upload(KEY, recording()))
    with workflow.fault("sfn.SendTaskHeartbeat", by="transcribe_call", error=None):
        workflow.wait_until(lambda: bool(workflow.failures()), pumping=True)
    (message,) = workflow.failures()
    assert message["task_token"]
    assert workflow.status(execution) == "RUNNING"

    workflow.redrive()

    assert workflow.finish(execution).status == "SUCCEEDED"
    assert len(deepgram.requests) == 1
    assert transcription()["metadata"]["request_id"] == workflow.claim()["request_id"]
