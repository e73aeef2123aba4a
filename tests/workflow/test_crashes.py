"""A worker that dies loses nothing, and pays twice only where no one can know better."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from tests.fakes.deepgram import Answer, FakeDeepgram, transcription
from tests.workflow.harness import Workflow
from tests.workflow.recordings import KEY, recording

DIES_AT = {
    "admit_recording": "dynamodb.PutItem",
    "store_transcript": "dynamodb.TransactWriteItems",
    "score_quality": "dynamodb.UpdateItem",
}
"""The call to AWS at which each function is killed that the state machine invokes."""


@pytest.mark.parametrize("operation", ["dynamodb.UpdateItem", "sfn.SendTaskSuccess"])
def test_a_worker_killed_after_it_stored_the_reply_sends_no_second_request(
    workflow: Workflow, deepgram: FakeDeepgram, operation: str
) -> None:
    mentioning = "reply_key" if operation == "dynamodb.UpdateItem" else ""
    with workflow.fault(operation, by="transcribe_call", error=None, mentioning=mentioning, times=1) as fault:
        execution = workflow.run(workflow.upload(KEY, recording()))

    assert fault.hits == 1
    assert execution.status == "SUCCEEDED"
    assert len(deepgram.requests) == 1
    assert workflow.claim()["deepgram_requests"] == 1


def test_a_worker_killed_before_it_stored_the_reply_is_followed_by_one_that_asks_again_after_the_lease(
    workflow: Workflow, deepgram: FakeDeepgram
) -> None:
    started = workflow.announce(workflow.upload(KEY, recording()))
    # The first write proves that the archive takes one.
    with workflow.fault("s3.PutObject", by="transcribe_call", error=None, times=1, spare=1):
        workflow.wait_until(lambda: workflow.pump() == 1)
    workflow.pump()  # the lease of the dead worker still counts
    assert len(deepgram.requests) == 1
    (wait,) = workflow.calls.hidden_for
    assert 0 < wait <= workflow.functions["transcribe_call"].timeout_seconds

    workflow.lapse("request_lease_until")
    execution = workflow.finish(started)

    assert execution.status == "SUCCEEDED"
    assert len(deepgram.requests) == 2
    assert workflow.claim()["deepgram_requests"] == 2


def test_two_deliveries_of_one_message_never_have_two_requests_under_way(
    workflow: Workflow, deepgram: FakeDeepgram
) -> None:
    slow = Event()
    deepgram.answer(Answer(body=transcription(), hold=slow))
    started = workflow.announce(workflow.upload(KEY, recording()))
    first = workflow.receive()
    with ThreadPoolExecutor(1) as worker:
        delivery = worker.submit(workflow.deliver, first)
        workflow.wait_until(lambda: len(deepgram.requests) == 1)
        workflow.show_again(first)
        workflow.deliver(workflow.receive())
        slow.set()
        delivery.result()
    execution = workflow.finish(started)

    assert execution.status == "SUCCEEDED"
    assert len(deepgram.requests) == 1
    assert workflow.claim()["deepgram_requests"] == 1


def test_every_function_of_the_workflow_dies_here(workflow: Workflow) -> None:
    assert workflow.functions.keys() == {*DIES_AT, "transcribe_call"}, "say in DIES_AT where it is killed"


@pytest.mark.parametrize("step", DIES_AT)
def test_a_function_that_dies_is_invoked_again(workflow: Workflow, deepgram: FakeDeepgram, step: str) -> None:
    with workflow.fault(DIES_AT[step], by=step, error=None, times=1) as fault:
        execution = workflow.run(workflow.upload(KEY, recording()))

    assert fault.hits == 1
    assert execution.status == "SUCCEEDED"
    assert len(workflow.transcripts()) == 1
    assert len(deepgram.requests) == 1
