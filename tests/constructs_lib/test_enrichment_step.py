"""A step of one's own as the workflow is written with it. What it does is shown by tests/workflow."""

import json
from typing import Any

import pytest
from aws_cdk import App, Duration, Environment, Stack
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk.assertions import Template

from constructs_lib import EnrichmentStep, TranscriptionWorkflow
from constructs_lib._nag import flat
from constructs_lib.enrichment_step import OnFailure
from constructs_lib.policies import Report, enforce
from tests.conftest import REGION, new_app
from tests.constructs_lib.parts import Permission, logical_id, new_workflow, permissions, properties, reader


def function(stack: Stack) -> lambda_.Function:
    return lambda_.Function(
        stack,
        "Mine",
        code=lambda_.Code.from_inline("def handle(event, context): ..."),
        handler="index.handle",
        runtime=lambda_.Runtime.PYTHON_3_14,
    )


def machine_of(stack: Stack, workflow: TranscriptionWorkflow) -> dict[str, Any]:
    template = Template.from_stack(stack)
    machine: dict[str, Any] = json.loads(flat(properties(template, workflow.state_machine)["DefinitionString"]))
    return machine


def test_a_function_gets_the_detail_of_the_event_that_follows(stack: Stack) -> None:
    workflow = new_workflow(stack, enrichment=EnrichmentStep(function=function(stack)))
    states = machine_of(stack, workflow)["States"]
    detail = states["Announce"]["Arguments"]["Entries"][0]["Detail"]
    assert detail.pop("enrichment") == "{% $enrichment %}"
    assert states["Enrich"]["Arguments"]["Payload"] == detail
    assert (states["Score"]["Next"], states["Enrich"]["Next"]) == ("Enrich", "Announce")
    assert states["Enrich"]["Output"] == "{% $states.input %}"  # what it returns goes nowhere


def test_states_of_ones_own_get_the_same(stack: Stack) -> None:
    mine = sfn.Pass.jsonata(stack, "First").next(sfn.Pass.jsonata(stack, "Second"))
    workflow = new_workflow(stack, enrichment=EnrichmentStep(states=mine))
    states = machine_of(stack, workflow)["States"]
    detail = states["Announce"]["Arguments"]["Entries"][0]["Detail"]
    del detail["enrichment"]
    assert states["Enrich"]["Arguments"] == detail
    [branch] = states["Enrich"]["Branches"]
    assert branch["StartAt"] == "First"


def test_a_superseded_transcript_is_not_enriched(stack: Stack) -> None:
    workflow = new_workflow(stack, enrichment=EnrichmentStep(function=function(stack)))
    states = machine_of(stack, workflow)["States"]
    assert [choice["Next"] for choice in states["Superseded?"]["Choices"]] == ["Superseded"]
    assert [name for name, state in states.items() if state.get("Next") == "Enrich"] == ["Score"]


def test_its_attempts_are_bounded_and_jittered(stack: Stack) -> None:
    step = EnrichmentStep(function=function(stack), timeout=Duration.seconds(20), max_attempts=5)
    enrich = machine_of(stack, new_workflow(stack, enrichment=step))["States"]["Enrich"]
    assert enrich["TimeoutSeconds"] == 20
    throttled, any_error = enrich["Retry"]
    assert throttled["ErrorEquals"] == ["Lambda.TooManyRequestsException"]
    assert (any_error["ErrorEquals"], any_error["MaxAttempts"]) == (["States.ALL"], 4)
    assert {retry["JitterStrategy"] for retry in enrich["Retry"]} == {"FULL"}


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 60), (4, 4 * 60 + 1 + 2 + 4)])
def test_an_execution_has_time_for_every_attempt(attempts: int, seconds: int) -> None:
    def longest(step: EnrichmentStep | None) -> int:
        stack = new_app_stack()
        return int(machine_of(stack, new_workflow(stack, enrichment=step))["TimeoutSeconds"])

    step = EnrichmentStep(
        states=sfn.Chain.start(sfn.Pass.jsonata(Stack(), "Mine")), max_attempts=attempts, on_failure="fail"
    )
    assert longest(step) - longest(None) == seconds


def new_app_stack() -> Stack:
    return Stack(new_app(), "Test", env=Environment(region=REGION))


def test_where_calls_go_on_what_failed_is_kept_and_raises_an_alarm(stack: Stack) -> None:
    workflow = new_workflow(stack, enrichment=EnrichmentStep(function=function(stack)))
    template = Template.from_stack(stack)
    queue = workflow.failed_enrichments
    assert queue is not None
    found = properties(template, queue)
    assert found["MessageRetentionPeriod"] == 14 * 86_400
    assert found["KmsMasterKeyId"] == {"Fn::GetAtt": [logical_id(workflow.key), "Arn"]}
    alarm = properties(template, workflow.alarms["FailedEnrichments"])
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": {"Fn::GetAtt": [logical_id(queue), "QueueName"]}}]
    assert alarm["AlarmActions"] == [{"Ref": logical_id(workflow.alarm_topic)}]
    states = machine_of(stack, workflow)["States"]
    assert [catch["Next"] for catch in states["Enrich"]["Catch"]] == ["KeepFailedEnrichment"]
    assert states["KeepFailedEnrichment"]["Next"] == "Announce"


def test_where_calls_fail_nothing_is_kept_beside_them(stack: Stack) -> None:
    workflow = new_workflow(stack, enrichment=EnrichmentStep(function=function(stack), on_failure="fail"))
    [catch] = machine_of(stack, workflow)["States"]["Enrich"]["Catch"]
    assert (catch["Next"], catch["Assign"]["failure"]["step"]) == ("RecordFailure", "Enrich")
    assert workflow.failed_enrichments is None
    assert "FailedEnrichments" not in workflow.alarms


@pytest.mark.parametrize("on_failure", ["continue", "fail"])
def test_nothing_that_the_step_says_of_its_failure_is_written_down(stack: Stack, on_failure: OnFailure) -> None:
    workflow = new_workflow(stack, enrichment=EnrichmentStep(function=function(stack), on_failure=on_failure))
    [catch] = machine_of(stack, workflow)["States"]["Enrich"]["Catch"]
    assert "Cause" not in json.dumps(catch)


def test_without_a_step_nothing_is_told_of_one(stack: Stack) -> None:
    workflow = new_workflow(stack)
    assert "nrich" not in json.dumps(machine_of(stack, workflow))
    assert workflow.failed_enrichments is None


def test_documents_can_be_read_and_replies_cannot(stack: Stack) -> None:
    workflow, role = new_workflow(stack), reader(stack)
    workflow.grant_read_transcripts(role)
    archive = logical_id(stack.node.find_child("Archive").node.find_child("Bucket"))
    objects = {p for p in permissions(Template.from_stack(stack), role) if not p.condition}
    assert objects == {Permission(frozenset({"s3:GetObject"}), frozenset({f"<{archive}.Arn>/transcripts/*"}))}


@pytest.mark.parametrize("of", ["batch", "live"])
def test_events_can_be_told_apart_by_what_was_transcribed(stack: Stack, of: Any) -> None:
    rule = new_workflow(stack).on_call_transcribed("OfOne", target=targets.LambdaFunction(function(stack)), of=of)
    pattern = properties(Template.from_stack(stack), rule)["EventPattern"]
    assert (pattern["detail-type"], pattern["detail"]) == (["Call Transcribed"], {"source": [of]})


def test_the_policies_find_nothing_in_a_workflow_with_a_step() -> None:
    app: App = new_app()
    enforce(app)
    stack = Stack(app, "Test", env=Environment(region=REGION))
    new_workflow(stack, enrichment=EnrichmentStep(function=function(stack)))
    report = Report.of(app)
    # What this test makes around the construct is no matter of its.
    assert [finding for finding in report.open if "@ Test/Workflow" in finding] == []
    assert report.stale == []
