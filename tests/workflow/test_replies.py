"""What becomes of Deepgram's reply once its call is complete."""

from __future__ import annotations

from collections.abc import Callable

from tests.fakes.deepgram import FakeDeepgram
from tests.workflow.harness import Workflow
from tests.workflow.recordings import KEY, recording


def replies(workflow: Workflow) -> list[str]:
    listing = workflow.s3.list_objects_v2(Bucket=workflow.archive, Prefix="replies/")
    return [entry["Key"] for entry in listing.get("Contents", [])]


def test_a_reply_stays(deploy: Callable[..., Workflow], deepgram: FakeDeepgram) -> None:
    workflow = deploy("supersede")
    workflow.run(workflow.upload(KEY, recording()))
    assert len(replies(workflow)) == 1


def test_a_reply_that_is_not_to_be_kept_goes_when_its_call_is_complete(
    deploy: Callable[..., Workflow], deepgram: FakeDeepgram
) -> None:
    workflow = deploy("forgets-replies")

    execution = workflow.run(workflow.upload(KEY, recording()))

    assert execution.status == "SUCCEEDED"
    assert execution.states[-3:] == ["Complete", "DeleteReply", "Transcribed"]
    assert workflow.claim()["status"] == "completed"
    assert len(workflow.transcripts()) == 1
    assert replies(workflow) == []


def test_a_reply_that_cannot_be_deleted_is_a_failure_that_can_be_repeated_for_nothing(
    deploy: Callable[..., Workflow], deepgram: FakeDeepgram
) -> None:
    workflow = deploy("forgets-replies")

    with workflow.fault("s3.DeleteObject", by="state machine", error="AccessDenied"):
        execution = workflow.run(workflow.upload(KEY, recording()))

    assert (execution.status, workflow.claim()["status"]) == ("FAILED", "completed")
    assert [message["step"] for message in workflow.failures()] == ["DeleteReply"]
    assert len(replies(workflow)) == 1

    (repeated,) = workflow.redrive()

    assert repeated.status == "SUCCEEDED"
    assert repeated.states == ["Admit", "Decision", "DeleteReply", "Transcribed"]
    assert len(workflow.announced()) == 1
    assert len(deepgram.requests) == 1
    assert replies(workflow) == []


def test_a_reply_that_was_deleted_though_nobody_heard_so_is_not_asked_for_again(
    deploy: Callable[..., Workflow], deepgram: FakeDeepgram
) -> None:
    workflow = deploy("forgets-replies")
    with workflow.fault("s3.DeleteObject", by="state machine", error="AccessDenied"):
        workflow.run(workflow.upload(KEY, recording()))
    for key in replies(workflow):
        workflow.s3.delete_object(Bucket=workflow.archive, Key=key)

    (repeated,) = workflow.redrive()

    assert (repeated.status, len(deepgram.requests)) == ("SUCCEEDED", 1)
