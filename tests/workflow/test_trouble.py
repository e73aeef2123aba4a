"""Passing trouble of AWS passes, lasting trouble says so, and no failed call is out of reach."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fakes.deepgram import FakeDeepgram, refusal
from tests.workflow.harness import Workflow
from tests.workflow.recordings import KEY, recording

STEPS = {"admit_recording": "Admit", "store_transcript": "Store", "score_quality": "Score"}


@pytest.mark.parametrize(
    ("operation", "by", "error"),
    [
        ("s3.HeadObject", "admit_recording", "403"),
        ("dynamodb.PutItem", "admit_recording", "AccessDeniedException"),
        ("s3.PutObject", "store_transcript", "AccessDenied"),
        ("dynamodb.TransactWriteItems", "store_transcript", "ValidationException"),
        ("dynamodb.UpdateItem", "score_quality", "ResourceNotFoundException"),
    ],
)
def test_what_would_not_pass_fails_at_once(
    workflow: Workflow, deepgram: FakeDeepgram, operation: str, by: str, error: str
) -> None:
    with workflow.fault(operation, by=by, error=error) as fault:
        execution = workflow.run(workflow.upload(KEY, recording()))

    assert (fault.hits, workflow.retry_waits) == (1, [])
    assert execution.error == "UnexpectedError"
    (message,) = workflow.failures()
    assert message["step"] == STEPS[by]


def test_trouble_that_lasts_says_so_after_minutes(workflow: Workflow, deepgram: FakeDeepgram) -> None:
    with workflow.fault("s3.PutObject", by="store_transcript", error="SlowDown"):
        execution = workflow.run(workflow.upload(KEY, recording()))

    assert execution.error == "TransientError"
    assert "SlowDown" in (execution.cause or "")
    assert sum(workflow.retry_waits) > 60  # seconds; five minutes on average, by full jitter
    claim = workflow.claim()
    assert (claim["status"], claim["error_code"], claim["failed_step"]) == ("failed", "TransientError", "Store")
    assert claim["GSI2PK"] == "FAILED"
    assert str(claim["GSI2SK"]).endswith(f"#{claim['recording_id']}")
    (repeated,) = workflow.redrive()
    assert repeated.status == "SUCCEEDED"
    assert "GSI2PK" not in workflow.claim()


class TestAFailedAdmission:
    """It may not have come to write a claim."""

    @pytest.fixture
    def failed(self, workflow: Workflow, deepgram: FakeDeepgram) -> Workflow:
        with workflow.fault("dynamodb.PutItem", by="admit_recording", error="ThrottlingException"):
            execution = workflow.run(workflow.upload(KEY, recording()))
        assert execution.status == "FAILED"
        assert workflow.claims() == []
        return workflow

    def test_is_noted(self, failed: Workflow) -> None:
        (item,) = failed.items()
        assert (item["type"], item["status"], item["failed_step"]) == ("failed-admission", "failed", "Admit")
        assert item["error_code"] == "TransientError"
        assert KEY in item["event"]
        assert item["GSI2PK"] == "FAILED"

    def test_is_noted_once_however_often_it_fails(self, failed: Workflow) -> None:
        with failed.fault("dynamodb.PutItem", by="admit_recording", error="ThrottlingException"):
            (again,) = failed.redrive()
        (item,) = failed.items()
        assert item["execution"] == again.arn

    def test_is_none_any_more_once_it_was_repeated(self, failed: Workflow) -> None:
        (repeated,) = failed.redrive()
        assert repeated.status == "SUCCEEDED"
        assert [item for item in failed.items() if item.get("GSI2PK") == "FAILED"] == []
        assert [
            item for item in failed.items() if item["type"] == "failed-admission" and item["status"] == "failed"
        ] == []

    def test_reaches_the_failed_calls_although_it_cannot_be_noted(
        self, workflow: Workflow, deepgram: FakeDeepgram
    ) -> None:
        with (
            workflow.fault("dynamodb.PutItem", by="admit_recording", error="ThrottlingException"),
            workflow.fault("dynamodb.UpdateItem", by="state machine", error="ThrottlingException"),
        ):
            workflow.run(workflow.upload(KEY, recording()))
        (message,) = workflow.failures()
        assert (message["step"], message["error"]) == ("Admit", "TransientError")

    def test_expires_with_everything_else(self, deploy: Callable[..., Workflow]) -> None:
        workflow = deploy("forgetful")
        with workflow.fault("dynamodb.PutItem", by="admit_recording", error="ThrottlingException"):
            workflow.run(workflow.upload(KEY, recording()))
        (item,) = workflow.items()
        assert int(item["expires_at"]) > 0


class TestAFailedCallThatReachesNoQueue:
    @pytest.fixture
    def stranded(self, workflow: Workflow, deepgram: FakeDeepgram) -> Workflow:
        deepgram.answer(refusal(402, "ASR_PAYMENT_REQUIRED", "no credit"))
        return workflow

    def test_has_an_end_of_its_own_that_is_collected(self, stranded: Workflow) -> None:
        with stranded.fault(
            "sqs.SendMessage", by="state machine", error="KmsDisabled", mentioning="ASR_PAYMENT_REQUIRED"
        ):
            execution = stranded.run(stranded.upload(KEY, recording()))

        assert (execution.status, execution.error) == ("FAILED", "FailedCalls.Unreachable")
        assert "Transcribe: Deepgram.ASR_PAYMENT_REQUIRED: " in (execution.cause or "")
        assert stranded.failures() == []
        assert stranded.tell_end(execution)

        (repeated,) = stranded.redrive()

        assert repeated.status == "SUCCEEDED"
        assert stranded.claim()["status"] == "completed"

    def test_is_repeated_from_where_the_rule_puts_it_last(self, stranded: Workflow) -> None:
        with stranded.fault(
            "sqs.SendMessage", by="state machine", error="KmsDisabled", mentioning="ASR_PAYMENT_REQUIRED"
        ):
            execution = stranded.run(stranded.upload(KEY, recording()))
        assert stranded.tell_end(execution, delivered=False)
        assert stranded.failures() == []

        (repeated,) = stranded.redrive()

        assert repeated.status == "SUCCEEDED"

    def test_is_not_collected_twice(self, stranded: Workflow) -> None:
        execution = stranded.run(stranded.upload(KEY, recording()))

        assert len(stranded.failures()) == 1
        assert not stranded.tell_end(execution)


class TestAFailedCallWhoseMessageIsLost:
    def test_is_found_by_its_claim(self, workflow: Workflow, deepgram: FakeDeepgram) -> None:
        deepgram.answer(refusal(402, "ASR_PAYMENT_REQUIRED"))
        workflow.run(workflow.upload(KEY, recording()))
        workflow.lose_messages()
        assert workflow.redrive() == []

        (repeated,) = workflow.redrive(by_claims=True)

        assert repeated.status == "SUCCEEDED"
        assert workflow.redrive(by_claims=True) == []

    def test_is_found_although_its_admission_failed(self, workflow: Workflow, deepgram: FakeDeepgram) -> None:
        with workflow.fault("dynamodb.PutItem", by="admit_recording", error="ThrottlingException"):
            workflow.run(workflow.upload(KEY, recording()))
        workflow.lose_messages()

        (repeated,) = workflow.redrive(by_claims=True)

        assert repeated.status == "SUCCEEDED"
        assert workflow.redrive(by_claims=True) == []

    def test_is_found_although_its_execution_could_not_even_mark_its_claim(
        self, workflow: Workflow, deepgram: FakeDeepgram
    ) -> None:
        workflow.announce(workflow.upload(KEY, recording()))
        messages = workflow.receive()
        assert workflow.redrive(by_claims=True) == []
        workflow.forget_execution()
        assert (workflow.claim()["status"], workflow.failures()) == ("claimed", [])

        (repeated,) = workflow.redrive(by_claims=True)
        workflow.deliver(messages)

        assert repeated.status == "SUCCEEDED"
        assert len(deepgram.requests) == 1


@pytest.mark.parametrize("body", ["[" * 100_000, "hello", '{"task_token": "of another machine"}'])
def test_a_work_message_that_nobody_can_read_goes_to_the_failed_calls_at_once(
    workflow: Workflow, deepgram: FakeDeepgram, body: str
) -> None:
    workflow.send_work(body)

    assert workflow.pump() == 1
    assert workflow.pump() == 0
    assert workflow.failed_bodies() == [body]
    assert deepgram.requests == []
