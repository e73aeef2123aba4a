"""What already went wrong: calls that failed, and alarms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .findings import Examined, Finding, failed, ok

_QUEUES: Final = {
    "FailedCallsQueueUrl": "recordings",
    "StrandedCallsQueueUrl": "stranded recordings",
    "FailedLiveCallsQueueUrl": "live calls",
}


def check_failed_calls(examined: Examined) -> Iterator[Finding]:
    """Count the calls that wait for somebody to repeat them."""
    sqs = examined.client("sqs")
    for output, kind in _QUEUES.items():
        if output not in examined.target.outputs:
            continue
        attributes = sqs.get_queue_attributes(
            QueueUrl=examined.target.output(output), AttributeNames=["ApproximateNumberOfMessages"]
        )["Attributes"]
        waiting = int(attributes["ApproximateNumberOfMessages"])
        if waiting:
            yield failed(f"{waiting} failed {kind} wait", f"make redrive ENV={examined.target.name}")
        else:
            yield ok(f"no failed {kind}")


def check_alarms(examined: Examined) -> Iterator[Finding]:
    """List the alarms of the environment's stacks that ring."""
    pages = examined.client("cloudwatch").get_paginator("describe_alarms")
    ringing = [
        alarm
        for page in pages.paginate(StateValue="ALARM", AlarmNamePrefix=f"{examined.target.name}-")
        for alarm in page.get("MetricAlarms", [])
    ]
    for alarm in ringing:
        yield failed(f"alarm {alarm['AlarmName']}", alarm.get("AlarmDescription") or "see docs/reference/alarms.md")
    if not ringing:
        yield ok("no alarm rings")
