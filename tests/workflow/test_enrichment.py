"""A step of one's own runs between a transcript and its announcement, and its failure is seen and repeated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3

from tests.fakes.deepgram import TELLING_WORDS, FakeDeepgram
from tests.workflow.harness import Workflow
from tests.workflow.recordings import KEY, recording

DENIED = "AccessDeniedException"


def noted(workflow: Workflow) -> list[dict[str, Any]]:
    """What the step has written."""
    (table,) = (
        table for table in workflow.deployed.all("AWS::DynamoDB::GlobalTable") if "Callbacks" in table.logical_id
    )
    return boto3.resource("dynamodb").Table(table.made.ref).scan()["Items"]


def test_a_function_reads_the_document_before_the_call_is_announced(
    deploy: Callable[..., Workflow], deepgram: FakeDeepgram
) -> None:
    workflow = deploy("enriched")

    execution = workflow.run(workflow.upload(KEY, recording()))

    assert execution.status == "SUCCEEDED"
    assert execution.states[-4:] == ["Enrich", "Announce", "Complete", "Transcribed"]
    assert noted(workflow) == [{"call_id": "call-0042", "kind": "agent", "clinic_id": "clinic-7", "wanted": False}]
    (event,) = workflow.announced()
    assert event["detail"]["enrichment"] == {"status": "succeeded"}
    assert workflow.claim()["status"] == "completed"
    assert workflow.bodies("WorkflowFailedEnrichments") == []


def test_no_words_pass_through_the_step(deploy: Callable[..., Workflow], deepgram: FakeDeepgram) -> None:
    workflow = deploy("enriched")
    execution = workflow.run(workflow.upload(KEY, recording()))
    assert not [word for word in TELLING_WORDS if word in execution.text()]


def test_a_failed_step_is_tried_again(deploy: Callable[..., Workflow], deepgram: FakeDeepgram) -> None:
    workflow = deploy("enriched")

    with workflow.fault("dynamodb.PutItem", by="index", error=DENIED, times=2):
        execution = workflow.run(workflow.upload(KEY, recording()))

    assert execution.status == "SUCCEEDED"
    assert workflow.functions["index"].invocations == 3
    assert len(noted(workflow)) == 1
    assert workflow.bodies("WorkflowFailedEnrichments") == []


def test_a_call_goes_on_without_its_step_and_what_repeats_it_is_kept(
    deploy: Callable[..., Workflow], deepgram: FakeDeepgram
) -> None:
    workflow = deploy("enriched")

    with workflow.fault("dynamodb.PutItem", by="index", error=DENIED):
        execution = workflow.run(workflow.upload(KEY, recording()))

    assert (execution.status, workflow.claim()["status"]) == ("SUCCEEDED", "completed")
    assert workflow.functions["index"].invocations == 3
    assert workflow.failures() == []
    (event,) = workflow.announced()
    told = event["detail"].pop("enrichment")
    assert told["status"] == "failed"
    assert told["error"]
    (kept,) = workflow.bodies("WorkflowFailedEnrichments")
    assert (kept["call"], kept["error"], kept["execution"]) == (event["detail"], told["error"], execution.arn)

    workflow.functions["index"](kept["call"])

    assert len(noted(workflow)) == 1


def test_a_failure_that_cannot_be_kept_is_told_of_all_the_same(
    deploy: Callable[..., Workflow], deepgram: FakeDeepgram
) -> None:
    workflow = deploy("enriched")

    with (
        workflow.fault("dynamodb.PutItem", by="index", error=DENIED),
        workflow.fault("sqs.SendMessage", by="state machine", error=DENIED, mentioning="figures"),
    ):
        execution = workflow.run(workflow.upload(KEY, recording()))

    assert execution.status == "SUCCEEDED"
    (event,) = workflow.announced()
    assert event["detail"]["enrichment"]["status"] == "failed"


def test_a_call_fails_with_its_step_and_a_redrive_comes_back_to_it_without_asking_deepgram(
    deploy: Callable[..., Workflow], deepgram: FakeDeepgram
) -> None:
    workflow = deploy("enriched-or-failed")

    with workflow.fault("dynamodb.PutItem", by="index", error=DENIED):
        failed = workflow.run(workflow.upload(KEY, recording()))

    claim = workflow.claim()
    assert (failed.status, claim["status"], claim["failed_step"]) == ("FAILED", "failed", "Enrich")
    assert workflow.announced() == []
    (message,) = workflow.failures()
    # The step is not ours: what it says of its failure may hold words.
    assert (message["step"], message["error"]) == ("Enrich", claim["error_code"])
    assert message["cause"] == claim["error_message"] == "the enrichment failed: see its own log"

    (repeated,) = workflow.redrive()

    assert repeated.status == "SUCCEEDED"
    assert len(deepgram.requests) == 1
    assert len(noted(workflow)) == 1
    (event,) = workflow.announced()
    assert event["detail"]["enrichment"] == {"status": "succeeded"}
    assert workflow.claim()["status"] == "completed"


def test_states_of_ones_own_get_what_a_function_gets(deploy: Callable[..., Workflow], deepgram: FakeDeepgram) -> None:
    workflow = deploy("enriched-by-states")

    with workflow.fault("dynamodb.PutItem", by="state machine", error=DENIED) as fault:
        failed = workflow.run(workflow.upload(KEY, recording()))

    assert (failed.status, workflow.claim()["failed_step"], fault.hits) == ("FAILED", "Enrich", 2)

    (repeated,) = workflow.redrive()

    assert repeated.status == "SUCCEEDED"
    assert len(deepgram.requests) == 1
    (item,) = workflow.transcripts()
    assert noted(workflow) == [{"call_id": "call-0042", "kind": "agent", "document": item["transcript_key"]}]
