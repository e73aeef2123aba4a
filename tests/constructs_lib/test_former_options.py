"""Options by the names they had before they were fields of value objects: they do the same, with a deprecation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import Duration, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Annotations, Match, Template
from constructs import Construct

from constructs_lib import (
    CallLimits,
    Capacity,
    ClinicRules,
    ConnectWiring,
    FunctionSettings,
    MediaStreamStorage,
    RecordingLimits,
    RecordingPolicy,
    RecordingStorage,
    RequestLimits,
    TaskSettings,
)
from tests.constructs_lib.live_parts import new_streamer
from tests.constructs_lib.parts import new_function, new_stack, new_workflow

Build = Callable[..., Construct]
INSTANCE = "arn:aws:connect:eu-central-1:111122223333:instance/12345678-1234-1234-1234-123456789012"
KEY = "arn:aws:kms:eu-central-1:111122223333:key/11111111-2222-3333-4444-555555555555"


def network(stack: Stack) -> ec2.IVpc:
    return ec2.Vpc.from_vpc_attributes(
        stack, "Mine", vpc_id="vpc-0123456789abcdef0", availability_zones=["a"], private_subnet_ids=["subnet-0"]
    )


def key(stack: Stack) -> kms.IKey:
    return kms.Key.from_key_arn(stack, "MyKey", KEY)


def recordings(stack: Stack) -> s3.IBucket:
    return s3.Bucket.from_bucket_name(stack, "MyRecordings", "recordings")


def new_wiring(stack: Stack, **options: Any) -> ConnectWiring:
    streamer = new_streamer(stack)
    return ConnectWiring(
        stack,
        "Wiring",
        instance_arn=INSTANCE,
        start_function=streamer.start_function,
        end_function=streamer.end_function,
        **options,
    )


def wired(stack: Stack, *, formerly: bool) -> dict[str, Any]:
    own, retention = key(stack), Duration.hours(2)
    if formerly:
        return {
            "recordings": s3.Bucket.from_bucket_name(stack, "MyRecordings", "recordings"),
            "recording_key": own,
            "recording_prefix": "lake",
            "media_retention": retention,
            "stream_key": own,
        }
    bucket = s3.Bucket.from_bucket_attributes(stack, "MyRecordings", bucket_name="recordings", encryption_key=own)
    return {
        "recordings": RecordingStorage(bucket=bucket, prefix="lake"),
        "media_streams": MediaStreamStorage(retention=retention, key=own),
    }


X86, MINUTES = lambda_.Architecture.X86_64, Duration.minutes(20)

SAME: list[tuple[Build, Callable[[Stack], dict[str, Any]], Callable[[Stack], dict[str, Any]]]] = [
    (
        new_workflow,
        lambda stack: {
            "default_clinic_id": "main",
            "clinic_by_prefix": {"lake/": "lakeside"},
            "on_new_version": "keep",
            "live_transcripts": "never",
            "max_wait": MINUTES,
            "max_attempts": 7,
            "runtime": lambda_.Runtime.PYTHON_3_12,
            "vpc": network(stack),
        },
        lambda stack: {
            "clinics": ClinicRules(default_clinic_id="main", clinic_by_prefix={"lake/": "lakeside"}),
            "policy": RecordingPolicy(on_new_version="keep", live_transcripts="never"),
            "limits": RecordingLimits(max_wait=MINUTES),
            "requests": RequestLimits(max_attempts=7),
            "functions": FunctionSettings(runtime=lambda_.Runtime.PYTHON_3_12, vpc=network(stack)),
        },
    ),
    (
        new_function,
        lambda _: {"request_timeout": Duration.minutes(5), "architecture": X86},
        lambda _: {
            "requests": RequestLimits(request_timeout=Duration.minutes(5)),
            "functions": FunctionSettings(architecture=X86),
        },
    ),
    (
        new_streamer,
        lambda stack: {
            "default_clinic_id": "main",
            "max_tasks": 2,
            "lease": Duration.seconds(10),
            "vpc": network(stack),
            "architecture": X86,
        },
        lambda stack: {
            "clinics": ClinicRules(default_clinic_id="main"),
            "capacity": Capacity(max_tasks=2),
            "limits": CallLimits(lease=Duration.seconds(10)),
            "tasks": TaskSettings(vpc=network(stack), architecture=X86),
            "functions": FunctionSettings(architecture=X86),
        },
    ),
    (new_wiring, lambda stack: wired(stack, formerly=True), lambda stack: wired(stack, formerly=False)),
]


@pytest.mark.parametrize(("build", "former", "present"), SAME, ids=lambda one: getattr(one, "__name__", ""))
def test_a_former_option_does_what_the_present_one_does(
    build: Build, former: Callable[[Stack], dict[str, Any]], present: Callable[[Stack], dict[str, Any]]
) -> None:
    before, now = new_stack(), new_stack()
    build(before, **former(before))
    build(now, **present(now))
    assert Template.from_stack(before).to_json() == Template.from_stack(now).to_json()
    Annotations.from_stack(now).has_no_warning("*", Match.string_like_regexp("deprecated"))
    told = Annotations.from_stack(before).find_warning("*", Match.string_like_regexp("deprecated"))
    assert len(told) >= len(former(new_stack()))


def test_the_deprecation_names_the_present_option(stack: Stack) -> None:
    new_streamer(stack, max_tasks=2)
    Annotations.from_stack(stack).has_warning(
        "*", Match.string_like_regexp(r"LiveStreamer: max_tasks is deprecated: pass capacity=Capacity\(max_tasks=…\)")
    )


def test_a_key_beside_the_bucket_opens_its_recordings(stack: Stack) -> None:
    new_workflow(stack, recordings=recordings(stack), recording_key=key(stack))
    policies = Template.from_stack(stack).find_resources("AWS::IAM::Policy")
    readers = {name for name, policy in policies.items() if KEY in str(policy) and "kms:Decrypt" in str(policy)}
    assert len(readers) == 2  # who admits recordings, and who signs their URLs


def test_both_ways_at_once_are_refused(stack: Stack) -> None:
    with pytest.raises(ValueError, match="max_tasks and capacity: max_tasks is a field of capacity, so pass it there"):
        new_streamer(stack, max_tasks=2, capacity=Capacity())


def test_a_former_option_is_checked_as_the_present_one(stack: Stack) -> None:
    with pytest.raises(ValueError, match="nat_gateways of 0 leave the new network without a way to Deepgram"):
        new_streamer(stack, nat_gateways=0)


@pytest.mark.parametrize("build", [new_function, new_workflow, new_streamer, new_wiring])
def test_what_never_was_an_option_is_none(build: Build, stack: Stack) -> None:
    with pytest.raises(TypeError, match=r"\(\) has no option 'colour'"):
        build(stack, colour="blue")
