"""Whether as many calls as are expected can run at once: quotas of AWS, the streamers' most tasks, Deepgram's limit."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from .findings import Examined, Finding, failed, ok, skipped, unknown, warning

_ASK: Final = "ask for more in the console of Service Quotas"
# Fargate counts CPU units of 1/1024 vCPU (Amazon ECS Developer Guide, "Task size").
_UNITS_OF_VCPU: Final = 1024
# Parallel streams of a pay-as-you-go project (Deepgram, page "api-rate-limits").
_DEEPGRAM_STREAMS: Final = 150


@dataclass(frozen=True, kw_only=True)
class _Quota:
    """A quota of AWS that limits the calls at once.

    Attributes:
        service: Code of the service in Service Quotas.
        name: How its name reads. Codes are not documented for all of them.
        what: What it counts.
    """

    service: str
    name: re.Pattern[str]
    what: str


_CALLS: Final = _Quota(
    service="connect", name=re.compile(r"concurrent.*\bcalls\b.*instance", re.IGNORECASE), what="calls of the instance"
)
_STREAMS: Final = _Quota(
    service="kinesisvideo",
    name=re.compile(r"(number of|video) streams|streams per account", re.IGNORECASE),
    what="Kinesis video streams of the account",
)
_VCPUS: Final = _Quota(
    service="fargate",
    name=re.compile(r"fargate on-demand vcpu", re.IGNORECASE),
    what="vCPUs of Fargate tasks of the account",
)


def check_quotas(examined: Examined) -> Iterator[Finding]:
    """Hold AWS's quotas against the expected calls."""
    calls = examined.expected_calls
    if calls is None:
        yield _not_said()
        return
    yield _held(examined, _CALLS, needed=calls)
    if examined.live:
        yield _held(examined, _STREAMS, needed=calls)
        slots = int(examined.setting("SLOTS"))
        vcpus = int(examined.task_definition["cpu"]) / _UNITS_OF_VCPU
        yield _held(examined, _VCPUS, needed=math.ceil(math.ceil(calls / slots) * vcpus))


def check_streamers(examined: Examined) -> Iterator[Finding]:
    """Hold the streamers' most tasks, and Deepgram's usual limit, against the expected calls."""
    calls = examined.expected_calls
    if calls is None or not examined.live:
        yield _not_said() if calls is None else skipped("running calls are not transcribed in this environment")
        return
    if calls > _DEEPGRAM_STREAMS:
        yield warning(
            f"Deepgram streams {_DEEPGRAM_STREAMS} calls at once for a pay-as-you-go project, not {calls}",
            "make sure that your contract allows more, and name the number in options.max_parallel_streams",
        )
    else:
        yield ok(
            f"Deepgram streams {_DEEPGRAM_STREAMS} calls at once for a pay-as-you-go project; a secondary project of a "
            "self-serve account, only one"
        )
    most, slots = _most_tasks(examined), int(examined.setting("SLOTS"))
    seats = f"{most} streamers of {slots} slots follow {most * slots} calls"
    yield ok(seats) if most * slots >= calls else failed(seats, "raise max_tasks or slots_per_task")


def _not_said() -> Finding:
    return skipped("how many calls run at once was not said", "pass --expected-calls N")


def _held(examined: Examined, quota: _Quota, *, needed: int) -> Finding:
    value = _value(examined, quota)
    if value is None:
        return unknown(f"Service Quotas does not name the {quota.what}", f"look it up: {needed} are needed")
    if value < needed:
        return failed(f"{value:g} {quota.what} are allowed, {needed} are needed", _ASK)
    return ok(f"{value:g} {quota.what} are allowed, {needed} are needed")


def _value(examined: Examined, quota: _Quota) -> float | None:
    client = examined.client("service-quotas")
    # What was raised for this account; services nothing was raised for may be listed by their defaults only.
    for operation in ("list_service_quotas", "list_aws_default_service_quotas"):
        quotas: list[dict[str, Any]] = [
            entry
            for page in client.get_paginator(operation).paginate(ServiceCode=quota.service)
            for entry in page["Quotas"]
        ]
        found = [
            float(entry["Value"]) for entry in quotas if quota.name.search(entry["QuotaName"]) and "Value" in entry
        ]
        if found:
            return min(found)
    return None


def _most_tasks(examined: Examined) -> int:
    cluster, service = (examined.target.output(f"Streamer{part}Name") for part in ("Cluster", "Service"))
    targets = examined.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="ecs", ResourceIds=[f"service/{cluster}/{service}"]
    )["ScalableTargets"]
    if targets:
        return int(targets[0]["MaxCapacity"])
    services = examined.client("ecs").describe_services(cluster=cluster, services=[service])["services"]
    return int(services[0]["desiredCount"])
