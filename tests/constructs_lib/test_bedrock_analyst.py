"""An analyst as it is set: what it may use, where words may go, and when it is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import App, Duration, Environment, Stack
from aws_cdk.assertions import Template

from constructs_lib import BedrockAnalyst
from constructs_lib._nag import flat
from constructs_lib.policies import Report, enforce
from tests.conftest import REGION, new_app
from tests.constructs_lib.parts import Permission, new_stack, new_workflow, permissions, properties, reader

MODEL = "amazon.nova-lite-v1:0"
PROFILE = f"arn:aws:bedrock:{REGION}:123456789012:inference-profile/eu.{MODEL}"


def foundation(region: str = REGION) -> str:
    return f"arn:aws:bedrock:{region}::foundation-model/{MODEL}"


def invocations(analyst: BedrockAnalyst) -> set[Permission]:
    """What the function may invoke."""
    stack = new_stack()
    workflow = new_workflow(stack, analyst=analyst)
    assert workflow.analyse_function is not None
    assert workflow.analyse_function.role is not None
    found = permissions(Template.from_stack(stack), workflow.analyse_function.role)
    return {one for one in found if any(action.startswith("bedrock:") for action in one.actions)}


def invoke(*resources: str, condition: str = "") -> Permission:
    return Permission(frozenset({"bedrock:InvokeModel"}), frozenset(resources), condition)


def test_a_foundation_model_is_all_that_may_be_used() -> None:
    (found,) = invocations(BedrockAnalyst(model=MODEL))
    assert found.actions == {"bedrock:InvokeModel"}
    (resource,) = found.resources
    assert resource.endswith(f":bedrock:{REGION}::foundation-model/{MODEL}")
    assert "*" not in resource
    assert invocations(BedrockAnalyst(model=foundation())) == {invoke(foundation())}


def test_a_profiles_models_may_be_used_through_it_only() -> None:
    found = invocations(BedrockAnalyst(model=PROFILE, foundation_models=(foundation(),)))
    condition = json.dumps({"StringEquals": {"bedrock:InferenceProfileArn": PROFILE}})
    assert found == {invoke(PROFILE), invoke(foundation(), condition=condition)}


def test_a_model_of_ones_own_is_named_by_its_arn() -> None:
    own = f"arn:aws:bedrock:{REGION}:123456789012:provisioned-model/abcdefghijkl"
    analyst = BedrockAnalyst(model=own, foundation_models=(foundation(),))
    assert invocations(analyst) == {invoke(own)}
    assert analyst.settings.price_model == MODEL


def test_words_stay_in_the_region_unless_others_are_named() -> None:
    models = (foundation(), foundation("eu-west-1"), foundation("eu-west-3"))
    with pytest.raises(ValueError, match=r"'eu-west-1', 'eu-west-3', and so the words of calls would leave"):
        new_workflow(new_stack(), analyst=BedrockAnalyst(model=PROFILE, foundation_models=models))
    named = BedrockAnalyst(model=PROFILE, foundation_models=models, regions=("eu-west-1", "eu-west-3"))
    assert {resource for one in invocations(named) for resource in one.resources} == {PROFILE, *models}


def test_a_model_of_another_region_is_refused() -> None:
    with pytest.raises(ValueError, match=r"model is in us-west-2 and this stack in eu-central-1"):
        new_workflow(new_stack(), analyst=BedrockAnalyst(model=foundation("us-west-2")))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"model": "the best"}, "model 'the best' is none of Amazon Bedrock's"),
        ({"model": "arn:aws:s3:::bucket"}, "is none of Amazon Bedrock's"),
        ({"model": PROFILE}, "foundation_models: name the ARNs of the models that the inference profile routes to"),
        ({"model": PROFILE, "foundation_models": (MODEL,)}, "is not the ARN of a foundation model"),
        ({"model": MODEL, "request_timeout": Duration.minutes(5)}, "request_timeout of 5 minutes is out of range"),
        ({"model": MODEL, "max_attempts": 0}, "max_attempts of 0 is out of range: choose 1 to 3"),
        ({"model": MODEL, "max_input_tokens": 0}, "max_input_tokens of 0 is out of range"),
        ({"model": MODEL, "max_output_tokens": 10**6}, "max_output_tokens of 1000000 is out of range"),
    ],
)
def test_settings_that_cannot_be_are_refused(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        BedrockAnalyst(**options)


def test_the_function_has_time_for_every_attempt() -> None:
    stack = new_stack()
    workflow = new_workflow(stack, analyst=BedrockAnalyst(model=MODEL, request_timeout=Duration.minutes(4)))
    template = Template.from_stack(stack)
    assert workflow.analyse_function is not None
    assert properties(template, workflow.analyse_function)["Timeout"] == 13 * 60
    machine = json.loads(flat(properties(template, workflow.state_machine)["DefinitionString"]))
    analyse = machine["States"]["Analyse"]
    assert analyse["TimeoutSeconds"] > 13 * 60
    assert [retry["MaxAttempts"] for retry in analyse["Retry"]] == [15, 2]
    assert [catch["Next"] for catch in analyse["Catch"]] == [analyse["Next"]] == ["Announce"]


def test_a_model_that_fails_call_after_call_raises_an_alarm() -> None:
    stack = new_stack()
    workflow = new_workflow(stack, analyst=BedrockAnalyst(model=MODEL))
    alarm = properties(Template.from_stack(stack), workflow.alarms["FailedAnalyses"])
    assert (alarm["MetricName"], alarm["EvaluationPeriods"], alarm["Threshold"]) == ("AnalysesFailed", 3, 0)


def test_live_calls_are_read_once_they_are_announced() -> None:
    stack = new_stack()
    new_workflow(stack, analyst=BedrockAnalyst(model=MODEL))
    rules = Template.from_stack(stack).find_resources("AWS::Events::Rule").values()
    (live,) = (rule for rule in rules if rule["Properties"]["EventPattern"].get("detail") == {"source": ["live"]})
    transformer = live["Properties"]["Targets"][0]["InputTransformer"]
    message = json.loads(transformer["InputTemplate"].replace("<", '"<').replace(">", '>"'))
    assert message.keys() == {"call_id", "transcript", "again"}  # a live call has no recording
    assert message["transcript"].keys() == {"pk", "sk", "bucket", "key"}


def test_an_operator_may_be_allowed_to_have_calls_read(stack: Stack) -> None:
    workflow, role = new_workflow(stack, analyst=BedrockAnalyst(model=MODEL)), reader(stack)
    workflow.grant_analyse(role)
    (found,) = permissions(Template.from_stack(stack), role)
    assert found.actions == {"lambda:InvokeFunction"}


def test_without_an_analyst_nothing_is_told_of_one(stack: Stack) -> None:
    workflow = new_workflow(stack)
    assert workflow.analyse_function is None
    with pytest.raises(ValueError, match="there is no analyst to be asked"):
        workflow.grant_analyse(reader(stack))
    template = json.dumps(Template.from_stack(stack).to_json())
    assert "nalys" not in template
    assert "bedrock" not in template


def test_the_policies_find_nothing_in_a_workflow_with_an_analyst() -> None:
    app: App = new_app()
    enforce(app)
    stack = Stack(app, "Test", env=Environment(region=REGION))
    new_workflow(stack, analyst=BedrockAnalyst(model=PROFILE, foundation_models=(foundation(),)))
    report = Report.of(app)
    assert [finding for finding in report.open if "@ Test/Workflow" in finding] == []
    assert report.stale == []
