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
from constructs_lib.policies import Report, enforce
from tests.conftest import REGION, new_app
from tests.constructs_lib.parts import Permission, logical_id, new_stack, new_workflow, permissions, properties, reader


def function(stack: Stack) -> lambda_.Function:
    return lambda_.Function(
        stack,
        "Mine",
        code=lambda_.Code.from_inline("def handle(event, context): ..."),
        handler="index.handle",
        runtime=lambda_.Runtime.PYTHON_3_14,
    )


Made = tuple[TranscriptionWorkflow, Template]


def made_with(step: EnrichmentStep | None, stack: Stack) -> Made:
    workflow = new_workflow(stack, enrichment=step)
    return workflow, Template.from_stack(stack)


@pytest.fixture(scope="module")
def without() -> Made:
    """A workflow without a step; nobody changes it."""
    return made_with(None, new_stack())


@pytest.fixture(scope="module")
def enriched() -> Made:
    """One with a step after whose failure calls go on; nobody changes it."""
    stack = new_stack()
    return made_with(EnrichmentStep(function=function(stack)), stack)


@pytest.fixture(scope="module")
def strict() -> Made:
    """One with a step whose failure is the call's, too; nobody changes it."""
    stack = new_stack()
    return made_with(EnrichmentStep(function=function(stack), on_failure="fail"), stack)


def machine_of(made: Made) -> dict[str, Any]:
    workflow, template = made
    machine: dict[str, Any] = json.loads(flat(properties(template, workflow.state_machine)["DefinitionString"]))
    return machine


def test_a_function_gets_the_detail_of_the_event_that_follows(enriched: Made) -> None:
    states = machine_of(enriched)["States"]
    detail = states["Announce"]["Arguments"]["Entries"][0]["Detail"]
    assert detail.pop("enrichment") == "{% $enrichment %}"
    assert states["Enrich"]["Arguments"]["Payload"] == detail
    assert (states["Score"]["Next"], states["Enrich"]["Next"]) == ("Enrich", "Announce")
    assert states["Enrich"]["Output"] == "{% $states.input %}"  # what it returns goes nowhere


def test_states_of_ones_own_get_the_same(stack: Stack) -> None:
    mine = sfn.Pass.jsonata(stack, "First").next(sfn.Pass.jsonata(stack, "Second"))
    states = machine_of(made_with(EnrichmentStep(states=mine), stack))["States"]
    detail = states["Announce"]["Arguments"]["Entries"][0]["Detail"]
    del detail["enrichment"]
    assert states["Enrich"]["Arguments"] == detail
    [branch] = states["Enrich"]["Branches"]
    assert branch["StartAt"] == "First"


def test_a_superseded_transcript_is_not_enriched(enriched: Made) -> None:
    states = machine_of(enriched)["States"]
    assert [choice["Next"] for choice in states["Superseded?"]["Choices"]] == ["Superseded"]
    assert [name for name, state in states.items() if state.get("Next") == "Enrich"] == ["Score"]


def test_its_attempts_are_bounded_and_jittered(stack: Stack) -> None:
    step = EnrichmentStep(function=function(stack), timeout=Duration.seconds(20), max_attempts=5)
    enrich = machine_of(made_with(step, stack))["States"]["Enrich"]
    assert enrich["TimeoutSeconds"] == 20
    throttled, any_error = enrich["Retry"]
    assert throttled["ErrorEquals"] == ["Lambda.TooManyRequestsException"]
    assert (any_error["ErrorEquals"], any_error["MaxAttempts"]) == (["States.ALL"], 4)
    assert {retry["JitterStrategy"] for retry in enrich["Retry"]} == {"FULL"}


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 60), (4, 4 * 60 + 1 + 2 + 4)])
def test_an_execution_has_time_for_every_attempt(without: Made, attempts: int, seconds: int) -> None:
    step = EnrichmentStep(
        states=sfn.Chain.start(sfn.Pass.jsonata(Stack(), "Mine")), max_attempts=attempts, on_failure="fail"
    )
    longest = machine_of(made_with(step, new_stack()))["TimeoutSeconds"]
    assert longest - machine_of(without)["TimeoutSeconds"] == seconds


def test_where_calls_go_on_what_failed_is_kept_and_raises_an_alarm(enriched: Made) -> None:
    workflow, template = enriched
    queue = workflow.failed_enrichments
    assert queue is not None
    found = properties(template, queue)
    assert found["MessageRetentionPeriod"] == 14 * 86_400
    assert found["KmsMasterKeyId"] == {"Fn::GetAtt": [logical_id(workflow.key), "Arn"]}
    alarm = properties(template, workflow.alarms["FailedEnrichments"])
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": {"Fn::GetAtt": [logical_id(queue), "QueueName"]}}]
    assert alarm["AlarmActions"] == [{"Ref": logical_id(workflow.alarm_topic)}]
    states = machine_of(enriched)["States"]
    assert [catch["Next"] for catch in states["Enrich"]["Catch"]] == ["KeepFailedEnrichment"]
    assert states["KeepFailedEnrichment"]["Next"] == "Announce"


def test_where_calls_fail_nothing_is_kept_beside_them(strict: Made) -> None:
    workflow, _ = strict
    [catch] = machine_of(strict)["States"]["Enrich"]["Catch"]
    assert (catch["Next"], catch["Assign"]["failure"]["step"]) == ("RecordFailure", "Enrich")
    assert workflow.failed_enrichments is None
    assert "FailedEnrichments" not in workflow.alarms


def test_nothing_that_the_step_says_of_its_failure_is_written_down(enriched: Made, strict: Made) -> None:
    for made in (enriched, strict):
        [catch] = machine_of(made)["States"]["Enrich"]["Catch"]
        assert "Cause" not in json.dumps(catch)


def test_without_a_step_nothing_is_told_of_one(without: Made) -> None:
    workflow, _ = without
    assert "nrich" not in json.dumps(machine_of(without))
    assert workflow.failed_enrichments is None


def test_documents_can_be_read_and_replies_cannot(stack: Stack) -> None:
    workflow, role = new_workflow(stack), reader(stack)
    workflow.grant_read_transcripts(role)
    archive = logical_id(stack.node.find_child("Archive").node.find_child("Bucket"))
    objects = {p for p in permissions(Template.from_stack(stack), role) if not p.condition}
    assert objects == {Permission(frozenset({"s3:GetObject"}), frozenset({f"<{archive}.Arn>/transcripts/*"}))}


def test_events_can_be_told_apart_by_what_was_transcribed(stack: Stack) -> None:
    workflow, target = new_workflow(stack), targets.LambdaFunction(function(stack))
    rules = {
        "batch": workflow.on_call_transcribed("OfRecordings", target=target, of="batch"),
        "live": workflow.on_call_transcribed("OfLiveCalls", target=target, of="live"),
    }
    template = Template.from_stack(stack)
    for of, rule in rules.items():
        pattern = properties(template, rule)["EventPattern"]
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
