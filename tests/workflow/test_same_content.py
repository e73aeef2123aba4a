"""The same bytes of a call are paid for once, however often and under whatever names they come."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest

from tests.fakes.deepgram import Answer, FakeDeepgram, refusal, transcription
from tests.workflow.harness import Workflow
from tests.workflow.recordings import KEY, recording


def copied_in_place(workflow: Workflow, event: dict[str, Any], **how: Any) -> dict[str, Any]:
    """Copy an object onto itself; return the event of it."""
    bucket = event["detail"]["bucket"]["name"]
    stored = workflow.s3.copy_object(
        Bucket=bucket, Key=KEY, CopySource={"Bucket": bucket, "Key": KEY}, MetadataDirective="REPLACE", **how
    )
    copied = copy.deepcopy(event)
    copied["detail"]["reason"] = "CopyObject"
    copied["detail"]["object"] |= {"version-id": stored["VersionId"], "sequencer": "FF"}
    return copied


def version(event: dict[str, Any]) -> str:
    return str(event["detail"]["object"]["version-id"])


def test_a_put_that_is_repeated_is_one_request_and_one_transcript(workflow: Workflow, deepgram: FakeDeepgram) -> None:
    first, again = workflow.upload(KEY, recording()), workflow.upload(KEY, recording())

    executions = [workflow.run(first), workflow.run(again)]

    assert [execution.states[-1] for execution in executions] == ["Transcribed", "NothingToDo"]
    assert executions[1].output["reason"] == "same-content"
    assert len(deepgram.requests) == 1
    assert len(workflow.transcripts()) == len(workflow.announced()) == 1
    assert sorted(claim["status"] for claim in workflow.claims()) == ["completed", "duplicate"]


@pytest.mark.parametrize(
    "how", [{"Metadata": {"x": "y"}}, {"ServerSideEncryption": "aws:kms"}, {"StorageClass": "STANDARD_IA"}]
)
def test_a_copy_in_place_is_not_asked_for(workflow: Workflow, deepgram: FakeDeepgram, how: dict[str, Any]) -> None:
    first = workflow.upload(KEY, recording())
    workflow.run(first)

    execution = workflow.run(copied_in_place(workflow, first, **how))

    assert (execution.states[-1], execution.output["reason"]) == ("NothingToDo", "same-content")
    assert len(deepgram.requests) == 1


def test_a_recording_waits_for_another_with_the_same_content(workflow: Workflow, deepgram: FakeDeepgram) -> None:
    slow = Event()
    deepgram.answer(Answer(body=transcription(), hold=slow))
    first, again = workflow.upload(KEY, recording()), workflow.upload(KEY, recording())
    started = workflow.announce(first)
    with ThreadPoolExecutor(1) as worker:
        delivery = worker.submit(workflow.wait_until, lambda: workflow.status(started) != "RUNNING", pumping=True)
        workflow.wait_until(lambda: len(deepgram.requests) == 1)
        waiting = workflow.announce(again)
        workflow.wait_until(lambda: len(workflow.pauses) > 2)
        assert workflow.status(waiting) == "RUNNING"
        slow.set()
        delivery.result()

    assert workflow.finish(waiting).output["reason"] == "same-content"
    assert workflow.describe(started).states[-1] == "Transcribed"
    assert len(deepgram.requests) == 1


def test_a_recording_takes_the_place_of_one_with_the_same_content_that_failed(
    workflow: Workflow, deepgram: FakeDeepgram
) -> None:
    deepgram.answer(refusal(402, "ASR_PAYMENT_REQUIRED"))
    first, again = workflow.upload(KEY, recording()), workflow.upload(KEY, recording())
    failed = workflow.announce(first)
    workflow.receive_and_show()  # its message is in the queue: it has its claim
    waiting = workflow.announce(again)

    assert workflow.finish(failed).status == "FAILED"
    assert workflow.finish(waiting).states[-1] == "Transcribed"
    (repeated,) = workflow.redrive()
    assert (repeated.states[-1], repeated.output["reason"]) == ("NothingToDo", "same-content")
    assert len(deepgram.requests) == 2
    assert len(workflow.transcripts()) == 1


def test_what_was_paid_for_a_recording_that_failed_later_is_not_paid_for_the_next(
    workflow: Workflow, deepgram: FakeDeepgram
) -> None:
    first, again = workflow.upload(KEY, recording()), workflow.upload(KEY, recording())
    with workflow.fault("s3.PutObject", by="store_transcript", error="AccessDenied"):
        assert workflow.run(first).status == "FAILED"

    execution = workflow.run(again)

    assert execution.states[-1] == "Transcribed"
    assert len(deepgram.requests) == 1
    (item,) = workflow.transcripts()
    assert item["version_id"] == version(again)
    assert len(workflow.archived("replies/")) == 2


def test_a_content_that_comes_back_is_shown_again_without_asking(workflow: Workflow, deepgram: FakeDeepgram) -> None:
    first = workflow.upload(KEY, recording())
    workflow.run(first)
    workflow.age(first)
    other = workflow.upload(KEY, recording(seconds=4))
    workflow.run(other)
    back = workflow.upload(KEY, recording())

    execution = workflow.run(back)

    assert execution.states[-1] == "Transcribed"
    assert len(deepgram.requests) == 2
    (item,) = workflow.transcripts()
    assert item["version_id"] == version(back)


def test_an_event_without_a_version_is_about_the_one_that_is_there(workflow: Workflow, deepgram: FakeDeepgram) -> None:
    event = workflow.upload(KEY, recording())
    bare = copy.deepcopy(event)
    del bare["detail"]["object"]["version-id"]

    executions = [workflow.run(bare), workflow.run(event), workflow.run(bare)]

    assert [execution.states[-1] for execution in executions] == ["Transcribed", "NothingToDo", "NothingToDo"]
    assert len(deepgram.requests) == 1
    (item,) = workflow.transcripts()
    assert item["version_id"] == version(event)
