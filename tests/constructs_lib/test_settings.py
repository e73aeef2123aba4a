"""Value objects: each checks itself, and says which option is wrong and what to do."""

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import Duration, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_stepfunctions as sfn

from constructs_lib import (
    CallLimits,
    Capacity,
    EnrichmentStep,
    FunctionSettings,
    FunctionSize,
    RecordingLimits,
    RecordingPolicy,
    RequestLimits,
    TaskSettings,
)

STATES = sfn.Chain.start(sfn.Pass.jsonata(Stack(), "Mine"))


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (RecordingLimits, {"max_wait": Duration.days(14)}, r"max_wait of 14 days is out of range: .* 1 minute to 13"),
        (RecordingLimits, {"max_wait": Duration.seconds(1)}, r"max_wait of 1 second is out of range"),
        (RecordingLimits, {"max_duration": Duration.hours(7)}, r"max_duration of 7 hours is out of range: .* 6 hours"),
        (RecordingPolicy, {"on_new_version": "merge"}, r"on_new_version 'merge' is unknown: choose one of 'supersede'"),
        (RecordingPolicy, {"live_transcripts": "sometimes"}, r"live_transcripts 'sometimes' is unknown: .* 'always', "),
        (RecordingPolicy, {"live_patience": Duration.days(2)}, r"live_patience of 2 days is out of range: .* to 1 day"),
        (RequestLimits, {"request_timeout": Duration.minutes(15)}, r"request_timeout of 15 minutes .* to 14 minutes"),
        (RequestLimits, {"request_timeout": Duration.seconds(1)}, r"request_timeout of 1 second .*: choose 5 seconds"),
        (RequestLimits, {"max_attempts": 0}, r"max_attempts of 0 is out of range: choose 1 to 100"),
        (RequestLimits, {"max_retry_delay": Duration.hours(12)}, r"max_retry_delay of 12 hours .* to 11 hours"),
        (FunctionSettings, {"vpc_subnets": ec2.SubnetSelection()}, r"vpc_subnets without a vpc: pass the vpc"),
        (FunctionSettings, {"sizes": ["admit_recording"]}, r"are no mapping: pass"),
        (FunctionSettings, {"sizes": {"admit": FunctionSize()}}, r"function 'admit' is unknown: .* 'admit_recording'"),
        (FunctionSettings, {"sizes": {"admit_recording": 2048}}, r"size 2048 of admit_recording is none: pass Func"),
        (
            FunctionSettings,
            {"sizes": {"transcribe_call": FunctionSize(timeout=Duration.minutes(1))}},
            r"timeout of transcribe_call is no option: set request_timeout of requests",
        ),
        (FunctionSize, {"memory_mib": 64}, r"memory_mib of 64 is out of range: choose 128 to 10240"),
        (FunctionSize, {"memory_mib": "1024"}, r"memory_mib of '1024' is not an integer"),
        (FunctionSize, {"timeout": Duration.minutes(16)}, r"timeout of 16 minutes is out of range: .* to 15 minutes"),
        (FunctionSize, {"reserved_concurrency": 0}, r"reserved_concurrency of 0 never lets the function run"),
        (Capacity, {"slots_per_task": 0}, r"slots_per_task of 0 is out of range: choose 1 to 300"),
        (Capacity, {"slots_per_task": 301}, r"slots_per_task of 301 is out of range: choose 1 to 300"),
        (Capacity, {"min_tasks": 0}, r"min_tasks of 0 and max_tasks of 0 do not go together: choose 1 to 1000"),
        (Capacity, {"min_tasks": 3, "max_tasks": 2}, r"min_tasks of 3 and max_tasks of 2 do not go together"),
        (CallLimits, {"lease": Duration.seconds(2)}, r"lease of 2 seconds is out of range: choose 6 seconds to 5 min"),
        (CallLimits, {"max_call_duration": Duration.hours(12)}, r"max_call_duration of 12 hours .* to 11 hours"),
        (CallLimits, {"idle_limit": Duration.hours(2)}, r"idle_limit of 2 hours is out of range"),
        (CallLimits, {"start_wait": Duration.seconds(0)}, r"start_wait of 0 seconds is out of range"),
        (EnrichmentStep, {}, r"function or states: give an enrichment one of them"),
        (
            EnrichmentStep,
            {"states": STATES, "on_failure": "retry"},
            r"on_failure 'retry' is unknown: .* 'continue', ",
        ),
        (EnrichmentStep, {"states": STATES, "timeout": Duration.hours(2)}, r"timeout of 2 hours .* to 1 hour"),
        (EnrichmentStep, {"states": STATES, "max_attempts": 11}, r"max_attempts of 11 is out of range: choose 1 to 10"),
        (TaskSettings, {"vpc_subnets": ec2.SubnetSelection()}, r"vpc_subnets without a vpc: pass the vpc"),
        (
            TaskSettings,
            {"image": ecs.ContainerImage.from_registry("a"), "base_image": "b"},
            r"base_image is for the default image: drop it or image",
        ),
    ],
)
def test_what_cannot_work_is_refused_by_name(make: Callable[..., Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_a_network_of_ones_own_excludes_what_is_for_a_new_one(stack: Stack) -> None:
    mine = ec2.Vpc(stack, "Mine", max_azs=2, nat_gateways=1, restrict_default_security_group=False)
    with pytest.raises(ValueError, match=r"nat_gateways are for the new network: drop them or vpc"):
        TaskSettings(vpc=mine, nat_gateways=1)
    with pytest.raises(ValueError, match=r"nat_gateways are for egress from private subnets: drop them or egress"):
        TaskSettings(egress="public-addresses", nat_gateways=1)
    with pytest.raises(ValueError, match=r"cluster without a vpc: pass the vpc it belongs to"):
        TaskSettings(cluster=ecs.Cluster(stack, "Cluster", vpc=mine))


@pytest.mark.parametrize(
    ("capacity", "most", "scales"), [(Capacity(min_tasks=2), 2, False), (Capacity(max_tasks=3), 3, True)]
)
def test_the_number_of_tasks_is_fixed_unless_there_may_be_more(capacity: Capacity, most: int, scales: bool) -> None:
    assert (capacity.most_tasks, capacity.scales) == (most, scales)
