"""What already went wrong: calls that failed, and alarms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from .findings import Examined, Finding, failed, ok, skipped

# What lies in each queue, and the options of `redrive` that repeat it.
_QUEUES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "FailedCallsQueueUrl": ("recordings", ()),
    "StrandedCallsQueueUrl": ("stranded recordings", ()),
    "FailedLiveCallsQueueUrl": ("live calls", ("--live",)),
}


def check_failed_calls(examined: Examined) -> Iterator[Finding]:
    """Count the calls that wait for somebody to repeat them."""
    sqs = examined.client("sqs")
    for output, (kind, options) in _QUEUES.items():
        if output not in examined.target.outputs:
            continue
        attributes = sqs.get_queue_attributes(
            QueueUrl=examined.target.output(output), AttributeNames=["ApproximateNumberOfMessages"]
        )["Attributes"]
        waiting = int(attributes["ApproximateNumberOfMessages"])
        if waiting:
            yield failed(f"{waiting} failed {kind} wait", examined.target.command("redrive", *options))
        else:
            yield ok(f"no failed {kind}")


def check_alarms(examined: Examined) -> Iterator[Finding]:
    """List the alarms of the environment's stacks that ring."""
    pages = examined.client("cloudwatch").get_paginator("describe_alarms")
    if not examined.target.alarm_prefixes:
        yield skipped("no stack was named whose alarms could be looked at", "name it with --stack")
        return
    ringing = [
        alarm
        for prefix in examined.target.alarm_prefixes
        for page in pages.paginate(StateValue="ALARM", AlarmNamePrefix=prefix)
        for alarm in page.get("MetricAlarms", [])
    ]
    for alarm in ringing:
        yield failed(f"alarm {alarm['AlarmName']}", alarm.get("AlarmDescription") or "see docs/reference/alarms.md")
    if not ringing:
        yield ok("no alarm rings")
