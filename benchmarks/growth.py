"""How tasks, requests and cost grow with the calls, from what one call was measured to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_CEILING, Decimal

from benchmarks.cost import Line, price
from benchmarks.live.size import CALLS_PER_TASK, STREAM_GB, call_hour
from benchmarks.report import Figures

CONCURRENT = (10, 100, 1_000, 10_000)
A_DAY = (500, 50_000)

_ZONES = 2
_FEWEST_TASKS = 2
_BUSIEST_HOUR = Decimal("0.15")
"""Share of a day's calls in its busiest hour: stated, not measured."""
_REQUEST_SECONDS = 6
"""Time of a request to Deepgram for a call of four minutes: stated, not measured."""
_FARGATE, _NAT = "Fargate", "NAT gateway"


def live_figures(requests: Mapping[str, float]) -> Figures:
    """What so many live calls at once take.

    Args:
        requests: Requests per second of a call, by operation.
    """
    per_second = {operation: Decimal(str(rate)) for operation, rate in requests.items()}
    bill = call_hour(requests)
    units = _quantity(bill, "DynamoDB") / 3600
    # Each transaction and each renewal writes the call's state, and with it its line in the list of its clinic and day.
    state = per_second.get("TransactWriteItems", Decimal()) + per_second.get("UpdateItem", Decimal())

    def row(what: str, each: Decimal) -> tuple[str, ...]:
        return (what, *(_number(each * calls) for calls in CONCURRENT))

    return Figures(
        name="growth-live",
        title="Live calls at once: what they take",
        columns=("", *(f"{calls:,} calls" for calls in CONCURRENT)),
        rows=(
            (f"tasks, {_FEWEST_TASKS} or more", *(f"{_tasks(calls):,}" for calls in CONCURRENT)),
            row("Kinesis video streams, GetMedia connections, Deepgram streams, SQS messages in flight", Decimal(1)),
            row("MB/s out of Kinesis Video Streams", STREAM_GB * 1000 / 3600),
            row("DynamoDB transactions a second", per_second.get("TransactWriteItems", Decimal())),
            row("DynamoDB updates a second", per_second.get("UpdateItem", Decimal())),
            row("DynamoDB write units a second, table and index", units),
            row("write units a second in one partition, if all calls are one clinic's", state),
            row("AppSync publications a second", per_second.get("Publish", Decimal())),
            row("SQS renewals a second, at most", per_second.get("ChangeMessageVisibilityBatch", Decimal())),
            *(
                (f"AWS, USD a call-hour, {way_out}", *(f"{_usd(bill, calls, nat=nat):.4f}" for calls in CONCURRENT))
                for way_out, nat in (("private subnets", True), ("public addresses", False))
            ),
        ),
    )


def batch_figures(lines: Iterable[Line]) -> Figures:
    """What so many recordings a day take.

    Args:
        lines: What AWS bills for one of them.
    """
    lines = tuple(lines)

    def each(service: str, what: str) -> Decimal:
        return sum(
            (line.quantity for line in lines if line.service == service and line.what.startswith(what)), Decimal()
        )

    def row(what: str, of_a_call: Decimal) -> tuple[str, ...]:
        return (what, *(_number(of_a_call * calls * _BUSIEST_HOUR / 3600) for calls in A_DAY))

    return Figures(
        name="growth-batch",
        title="Recordings a day: what they take in the busiest hour",
        columns=("", *(f"{calls:,} a day" for calls in A_DAY)),
        rows=(
            row("recordings a second", Decimal(1)),
            row("requests to Deepgram at once", Decimal(_REQUEST_SECONDS)),
            row("state transitions a second", each("Step Functions", "state transitions")),
            row("function invocations a second", each("Lambda", "invocations")),
            row("DynamoDB write units a second, table and index", each("DynamoDB", "write units")),
            row("S3 requests a second", each("S3", "writes") + each("S3", "reads")),
            row("SQS requests a second", each("SQS", "send")),
            ("AWS, USD a day", *(f"{sum(line.usd(calls) for line in lines):.2f}" for calls in A_DAY)),
        ),
    )


def _tasks(calls: int) -> int:
    return max(_FEWEST_TASKS, int((calls / CALLS_PER_TASK).to_integral_value(ROUND_CEILING)))


def _usd(bill: Iterable[tuple[str, str, Decimal, str]], calls: int, *, nat: bool) -> Decimal:
    """USD of AWS for an hour of one of *calls*, with the tasks that run for them all and their way out."""
    bill = tuple(bill)
    without = {_FARGATE} if nat else {_FARGATE, _NAT}
    by_call = sum((count * price(name) for service, _, count, name in bill if service not in without), Decimal())
    task = sum((count * price(name) for service, _, count, name in bill if service == _FARGATE), Decimal())
    tasks = _tasks(calls)
    way_out = _ZONES * (price("nat_hour") + price("public_ipv4_hour")) if nat else tasks * price("public_ipv4_hour")
    return by_call + (tasks * task * CALLS_PER_TASK + way_out) / calls


def _quantity(bill: Iterable[tuple[str, str, Decimal, str]], service: str) -> Decimal:
    return sum((count for name, _, count, _ in bill if name == service), Decimal())


def _number(value: Decimal) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}" if value < 10 else f"{value:.0f}"
