"""The constructs in an app that is not ours: with none of the CDK's feature flags, and with all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import Any

import pytest
from aws_cdk import App, Environment, NestedStack, Stack

from constructs_lib import (
    ConnectWiring,
    LiveStreamer,
    LiveTranscriptFeed,
    TranscriptionWorkflow,
)
from constructs_lib._nag import flat
from constructs_lib._names import account_wide_name
from tests.conftest import FLAGS, NO_ASSETS, REGION
from tests.constructs_lib.parts import Surroundings

INSTANCE = "arn:aws:connect:eu-central-1:111122223333:instance/12345678-1234-1234-1234-123456789012"
# Conditions by which a service acts for this account alone: by its number, by the ARN of something of it, or by the
# encryption context that holds such an ARN.
NARROW = ("aws:SourceAccount", "aws:SourceArn", "kms:EncryptionContext:aws:logs:arn")
CONFUSABLE = ("ecs-tasks.amazonaws.com", "vpc-flow-logs.amazonaws.com", "states.amazonaws.com", "appsync.amazonaws.com")


def everything(stack: Stack) -> None:
    around = Surroundings.of(stack)
    shared: dict[str, Any] = {
        "table": around.table.table,
        "archive": around.archive.bucket,
        "secret": around.secret.secret,
    }
    workflow = TranscriptionWorkflow(stack, "Workflow", recordings=around.recordings.bucket, **shared)
    feed = LiveTranscriptFeed(stack, "Feed")
    streamer = LiveStreamer(stack, "Live", stream_prefix="callscribe", feed=feed, bus=workflow.bus, **shared)
    ConnectWiring(
        stack,
        "Wiring",
        instance_arn=INSTANCE,
        start_function=streamer.start_function,
        end_function=streamer.end_function,
    )


def template_of(flags: dict[str, Any], stack_name: str = "foreign") -> dict[str, Any]:
    app = App(context={**flags, **NO_ASSETS}, builtin_cloud_formation_validation=False)
    stack = Stack(app, "Foreign", stack_name=stack_name, env=Environment(region=REGION))
    everything(stack)
    found: dict[str, Any] = app.synth().get_stack_by_name(stack_name).template
    return found


@cache
def resources_with(*, flags: bool) -> dict[str, Any]:
    found: dict[str, Any] = template_of(FLAGS if flags else {})["Resources"]
    return found


@pytest.fixture(scope="module", params=[False, True], ids=["no flags", "all flags"])
def resources(request: pytest.FixtureRequest) -> dict[str, Any]:
    return resources_with(flags=request.param)


# What is left to the CDK in a service of ECS: none of it says who may do what, or what is done.
LEFT_TO_FLAGS = {
    ("AWS::ECS::Service", "DeploymentConfiguration"),
    ("AWS::ECS::Service", "DeploymentController"),
    ("AWS::ECS::Service", "LoadBalancers"),
}


def meaning(value: Any) -> Any:
    """Return a value of a template without the ways to write it that flags choose between."""
    match value:
        case {"Fn::Join": _}:
            return flat(value).replace("<AWS::Partition>", "aws")
        case {"Statement": [*statements]}:
            return sorted({one for statement in statements for one in permitted(meaning(statement))})
        case dict():
            return {name: meaning(inner) for name, inner in value.items()}
        case list():
            return [meaning(inner) for inner in value]
        case _:
            return value


def permitted(statement: dict[str, Any]) -> Iterator[str]:
    """Take a statement apart: flags join and order those that differ in one action, resource or service."""
    principal = statement.get("Principal")
    services = principal.get("Service") if isinstance(principal, dict) else None
    for action, resource, service in product(*map(listed, (statement["Action"], statement.get("Resource"), services))):
        one = {**statement, "Action": action, "Resource": resource}
        yield json.dumps(one if service is None else {**one, "Principal": {"Service": service}}, sort_keys=True)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_flags_change_nothing_that_the_other_tests_of_templates_look_at() -> None:
    without, with_all = resources_with(flags=False), resources_with(flags=True)
    assert set(without) == set(with_all)
    different = {
        (resource["Type"], name)
        for logical_id, resource in without.items()
        for ours, theirs in [(resource.get("Properties", {}), with_all[logical_id].get("Properties", {}))]
        for name in {*ours, *theirs}
        if meaning(ours.get(name)) != meaning(theirs.get(name))
    }
    assert different == LEFT_TO_FLAGS


def statements_for_services(resources: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Logical id, service and conditions of each statement of a resource policy that lets a service in."""
    for logical_id, resource in resources.items():
        properties = resource.get("Properties", {})
        policy = properties.get("KeyPolicy") or properties.get("PolicyDocument") or {}
        for statement in policy.get("Statement", ()):
            principal = statement.get("Principal")
            if statement["Effect"] == "Allow" and isinstance(principal, dict) and "Service" in principal:
                yield logical_id, json.dumps(principal["Service"]), json.dumps(statement.get("Condition", {}))


def test_a_service_is_let_in_for_this_account_alone(resources: dict[str, Any]) -> None:
    found = list(statements_for_services(resources))
    assert {service for _, service, _ in found} >= {'"events.amazonaws.com"', '"logging.s3.amazonaws.com"'}
    assert not [
        (logical_id, service)
        for logical_id, service, condition in found
        if not any(narrow in condition for narrow in NARROW)
    ]


def test_the_failed_calls_take_events_of_our_rules_in_this_account_alone(resources: dict[str, Any]) -> None:
    found = [
        condition
        for logical_id, service, condition in statements_for_services(resources)
        if service == '"events.amazonaws.com"' and resources[logical_id]["Type"] == "AWS::SQS::QueuePolicy"
    ]
    assert found
    assert all("aws:SourceArn" in condition for condition in found)


def test_no_bucket_is_opened_by_an_acl(resources: dict[str, Any]) -> None:
    buckets = [resource["Properties"] for resource in resources.values() if resource["Type"] == "AWS::S3::Bucket"]
    assert len(buckets) == 3
    assert not [bucket for bucket in buckets if "AccessControl" in bucket or "OwnershipControls" in bucket]


@pytest.mark.parametrize("service", CONFUSABLE)
def test_a_role_is_taken_for_this_account_alone(resources: dict[str, Any], service: str) -> None:
    trusts = [
        statement
        for resource in resources.values()
        if resource["Type"] == "AWS::IAM::Role"
        for statement in resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        if statement.get("Principal") == {"Service": service}
    ]
    assert trusts
    for trust in trusts:
        assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_there_is_no_custom_resource(resources: dict[str, Any]) -> None:
    assert not [kind for kind in (one["Type"] for one in resources.values()) if kind.startswith("Custom")]


_NAMES = (
    *("StateMachineName", "QueueName", "LogGroupName", "Name", "BucketName", "FunctionName", "RoleName", "TableName"),
    *("ClusterName", "ServiceName", "DashboardName", "AlarmName", "TopicName"),
)
_UNIQUE_WITHIN_ANOTHER = ("AWS::AppSync::ChannelNamespace", "AWS::AppSync::Api")


def account_wide_names(resources: dict[str, Any]) -> set[tuple[str, str]]:
    """Names that the template itself chooses, with the types of what they name, and of functions in the metrics."""
    named = {
        (resource["Type"], properties[name])
        for resource in resources.values()
        if resource["Type"] not in _UNIQUE_WITHIN_ANOTHER
        for properties in [resource.get("Properties", {})]
        for name in _NAMES
        if isinstance(properties.get(name), str)
    }
    services = {
        ("service", str(resource["Properties"]["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]))
        for resource in resources.values()
        if resource["Type"] == "AWS::Lambda::Function"
    }
    return named | services


def test_one_app_can_be_deployed_under_two_stack_names_in_one_account() -> None:
    of_dev, of_prod = (account_wide_names(template_of({}, stack_name=name)["Resources"]) for name in ("dev", "prod"))
    assert {"AWS::Events::EventBus", "AWS::StepFunctions::StateMachine", "AWS::SQS::Queue"} <= {
        kind for kind, _ in of_dev
    }
    assert not of_dev & of_prod


def test_nested_stacks_of_two_stack_names_share_no_name() -> None:
    names = set()
    for stack_name in ("dev", "prod"):
        outer = Stack(App(), "Foreign", stack_name=stack_name, env=Environment(region=REGION))
        names.add(account_wide_name(NestedStack(outer, "Calls"), max_length=80))
    assert len(names) == 2
