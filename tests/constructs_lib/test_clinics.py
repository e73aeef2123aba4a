"""Whose calls they are, as told to both constructs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import Stack
from aws_cdk import aws_connect as connect
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template

from callscribe.recordings.clinics import ContactFacts, decide
from callscribe.serialization import decode_json
from constructs_lib import ClinicRules, LiveStreamer, TranscriptionWorkflow
from tests.constructs_lib.live_parts import new_streamer
from tests.constructs_lib.parts import environment, logical_id, new_workflow, permissions, properties

INSTANCE = "arn:aws:connect:eu-central-1:111122223333:instance/12345678-1234-1234-1234-123456789012"
QUEUE = f"{INSTANCE}/queue/2f1a7c8e-0001-4000-8000-00000000000a"
NUMBER = "+493012345678"

New = Callable[..., TranscriptionWorkflow | LiveStreamer]


def workflow(stack: Stack, **options: Any) -> TranscriptionWorkflow:
    return new_workflow(stack, **{"instance_arn": INSTANCE, **options})


def deciding(half: TranscriptionWorkflow | LiveStreamer) -> lambda_.Function:
    """The function that decides whose call it is."""
    return half.admit_function if isinstance(half, TranscriptionWorkflow) else half.start_function


BOTH = pytest.mark.parametrize("new", [workflow, new_streamer], ids=["recordings", "live"])


@BOTH
def test_the_function_decides_by_queue_number_and_default(stack: Stack, new: New) -> None:
    half = new(
        stack,
        clinics=ClinicRules(
            clinic_by_queue={QUEUE: "lakeside"},
            clinic_by_dialled_number={NUMBER: "harbour"},
            default_clinic_id="main",
        ),
    )
    rules = decode_json(ClinicRules, environment(Template.from_stack(stack), deciding(half))["CLINICS"], "CLINICS")
    for facts, clinic in (
        (ContactFacts(queue=QUEUE, dialled_number=NUMBER), "lakeside"),
        (ContactFacts(queue=QUEUE.rpartition("/")[2]), "lakeside"),
        (ContactFacts(dialled_number=NUMBER), "harbour"),
        (ContactFacts(dialled_number="+4930"), "main"),
    ):
        decision = decide((*rules.by_contact(facts), *rules.by_default()))
        assert decision is not None
        assert decision.clinic_id == clinic


@BOTH
def test_a_queue_of_the_same_stack_is_named_by_its_reference(stack: Stack, new: New) -> None:
    queue = connect.CfnQueue(stack, "Lakeside", hours_of_operation_arn="arn", instance_arn=INSTANCE, name="Lakeside")
    half = new(stack, clinics=ClinicRules(clinic_by_queue={queue.attr_queue_arn: "lakeside"}))
    setting = environment(Template.from_stack(stack), deciding(half))["CLINICS"]
    before, reference, after = setting["Fn::Join"][1]
    assert reference == {"Fn::GetAtt": [logical_id(queue), "QueueArn"]}
    assert decode_json(ClinicRules, f"{before}{QUEUE}{after}", "CLINICS").clinic_by_queue == {QUEUE: "lakeside"}


@BOTH
@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"clinic_by_queue": "lakeside"}, r"clinic_by_queue must be a mapping of ARNs of queues .* and is a str"),
        ({"clinic_by_dialled_number": [NUMBER]}, r"clinic_by_dialled_number must be a mapping .* and is a list"),
        (
            {"clinic_by_queue": {"Lakeside": "lakeside"}},
            r"clinic_by_queue: 'Lakeside' is not the ARN of a queue: names",
        ),
        (
            {"clinic_by_queue": {"": "lakeside"}},
            r"clinic_by_queue: clinic 'lakeside' has an empty key: use",
        ),
        ({"clinic_by_queue": {INSTANCE: "lakeside"}}, r"is not the ARN of a queue"),
        (
            {"clinic_by_queue": {QUEUE.replace("12345678-", "87654321-"): "lakeside"}},
            r"clinic_by_queue: the queue '2f1a.*' is not of the instance arn:.*: no call of the instance is ever in it",
        ),
        ({"clinic_by_queue": {QUEUE: "lake side"}}, r"clinic_by_queue: clinic id 'lake side' cannot be part of a"),
        ({"clinic_by_queue": {QUEUE: ""}}, r"clinic_by_queue: clinic id '' cannot be part of a"),
        ({"clinic_by_queue": {QUEUE: None}}, r"clinic_by_queue: None is a NoneType: a clinic id is a text"),
        (
            {"clinic_by_dialled_number": {493012345678: "a"}},
            r"clinic_by_dialled_number: 493012345678 is a int: the keys",
        ),
        *(
            (
                {"clinic_by_dialled_number": {number: "a"}},
                r"clinic_by_dialled_number: .* is no number in E.164 form: wri",
            )
            for number in ("030 12345678", "+49 30 12345678", "+0301234567", "0049301234567", "+1234567890123456")
        ),
        ({"default_clinic_id": "a/b"}, r"default_clinic_id: clinic id 'a/b' cannot be part of a"),
        ({"default_clinic_id": 7}, r"default_clinic_id: 7 is a int: a clinic id is a text"),
        (
            {"clinic_by_dialled_number": {f"+4930{n:08}": f"clinic-number-{n}" for n in range(100)}},
            r"0 queues, 100 numbers and 0 prefixes of clinics take \d{4} bytes: a function's environment has room",
        ),
    ],
)
def test_fails_for_clinics_that_no_call_would_ever_find(
    stack: Stack, new: New, rules: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        new(stack, instance_arn=INSTANCE, clinics=ClinicRules(**rules))


def test_a_live_clinic_is_one_that_has_a_channel(stack: Stack) -> None:
    with pytest.raises(ValueError, match=r"clinic_by_queue: clinic id 'lake_side' cannot be part of a channel"):
        new_streamer(stack, clinics=ClinicRules(clinic_by_queue={QUEUE: "lake_side"}))


def test_rules_by_prefix_are_for_recordings(stack: Stack) -> None:
    rules = ClinicRules(clinic_by_prefix={"connect/old": "old"}, default_clinic_id="main")
    streamer = new_streamer(stack, clinics=rules)
    found = decode_json(
        ClinicRules, environment(Template.from_stack(stack), streamer.start_function)["CLINICS"], "CLINICS"
    )
    assert found == ClinicRules(default_clinic_id="main")


@pytest.mark.parametrize(
    "rules",
    [ClinicRules(clinic_by_queue={QUEUE: "a"}), ClinicRules(clinic_by_dialled_number={NUMBER: "a"})],
    ids=["queue", "number"],
)
def test_fails_for_recordings_whose_queue_nobody_is_asked_for(stack: Stack, rules: ClinicRules) -> None:
    with pytest.raises(ValueError, match=r"without instance_arn: a recording's key tells neither queue nor number"):
        new_workflow(stack, clinics=rules)


def test_fails_for_an_instance_that_is_none(stack: Stack) -> None:
    with pytest.raises(ValueError, match=r"instance_arn 'main' is not the ARN of an Amazon Connect instance"):
        new_workflow(stack, instance_arn="main")


@pytest.mark.parametrize("instance_arn", [None, INSTANCE])
def test_amazon_connect_is_asked_about_contacts_of_the_instance_alone(stack: Stack, instance_arn: str | None) -> None:
    half = new_workflow(stack, instance_arn=instance_arn)
    template = Template.from_stack(stack)
    role = half.admit_function.role
    assert role is not None
    asking = [p for p in permissions(template, role) if any(action.startswith("connect:") for action in p.actions)]
    assert {action for p in asking for action in p.actions} == (
        {"connect:DescribeContact", "connect:GetContactAttributes"} if instance_arn else set()
    )
    assert {resource for p in asking for resource in p.resources} == (
        {f"{INSTANCE}/contact/*"} if instance_arn else set()
    )
    assert environment(template, half.admit_function)["CONNECT_INSTANCE_ARN"] == (instance_arn or "")


@BOTH
def test_whose_call_it_is_is_looked_up_without_reading_words(stack: Stack, new: New) -> None:
    half = new(stack)
    role: iam.IRole | None = deciding(half).role
    assert role is not None
    found = [p for p in permissions(Template.from_stack(stack), role) if "dynamodb:Query" in p.actions]
    [(resources, condition)] = [(p.resources, json.loads(p.condition)) for p in found]
    assert {resource.rpartition(">")[2] for resource in resources} == {"", "/index/GSI1"}
    assert condition["ForAllValues:StringLike"] == {"dynamodb:LeadingKeys": ["CALL#*"]}
    assert condition["StringEqualsIfExists"] == {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"}
    attributes = {*condition["ForAllValues:StringEquals"]["dynamodb:Attributes"]}
    assert not {"text", "utterances", "full_transcript", "summary", "flag_evidence", "quality"} & attributes


@BOTH
def test_a_conflict_raises_an_alarm(stack: Stack, new: New) -> None:
    half = new(stack)
    template = Template.from_stack(stack)
    alarm = properties(template, half.alarms["ClinicConflicts"])
    service = environment(template, deciding(half))["POWERTOOLS_SERVICE_NAME"]
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == ("CallScribe", "ClinicConflicts", "Sum")
    assert alarm["Dimensions"] == [{"Name": "service", "Value": service}]
    assert (alarm["Threshold"], alarm["TreatMissingData"]) == (0, "notBreaching")
    assert half.metric_clinic_conflicts().metric_name == "ClinicConflicts"
