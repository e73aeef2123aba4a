"""What 1,000 four-minute stereo calls cost, from what one such call does on the emulator and public prices."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.report import Figures

CALLS = 1_000
CALL_SECONDS = 240

# Billed time in the handlers, stated rather than measured: a laptop is not Lambda. Deepgram's own time is the largest.
LAMBDA_SECONDS = {"admit_recording": "0.5", "transcribe_call": "10", "store_transcript": "0.5", "score_quality": "0.3"}
# An entry of the state machine's log without execution data, and its entries per state: entered, scheduled, started,
# succeeded, exited.
_WORKFLOW_LOG_BYTES_PER_STATE = 5 * 600
# The functions keep the key for some minutes; a function that starts anew asks for it.
_SECRET_REQUESTS = 1
# A queue without traffic: five pollers that wait 20 s each (Lambda developer guide, "Using Lambda with Amazon SQS").
_IDLE_POLLS_PER_MONTH = 5 * 3 * 60 * 24 * 30

_HOURS = 730
_KIB = 1024
_GB = Decimal(10**9)


@dataclass(frozen=True, kw_only=True)
class CallUsage:
    """What one call does in AWS.

    Attributes:
        path: The states a transcribed call runs through, with their definitions.
        memory_mib: Memory by function.
        requests: Requests of the functions, and of Deepgram for the audio, by service and action
            (``dynamodb:PutItem``).
        write_units: DynamoDB write request units of the functions.
        claim_bytes: Size of the claim item.
        transcript_bytes: Size of the transcript item.
        archive_bytes: Size of what is kept in the archive bucket.
        recording_bytes: Size of the recording, which Deepgram fetches.
        log_bytes: What the functions log.
        deepgram_usd: What the product itself notes as the cost of the request.
    """

    path: Mapping[str, Mapping[str, Any]]
    memory_mib: Mapping[str, int]
    requests: Counter[str]
    write_units: int
    claim_bytes: int
    transcript_bytes: int
    archive_bytes: int
    recording_bytes: int
    log_bytes: int
    deepgram_usd: Decimal


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the bill.

    Attributes:
        service: Who bills it.
        what: What is counted.
        quantity: How much of it one call takes.
        price: Name of the price of one.
    """

    service: str
    what: str
    quantity: Decimal
    price: str

    def usd(self, calls: int = CALLS) -> Decimal:
        return self.quantity * price(self.price) * calls


@cache
def _price_list() -> dict[str, dict[str, str]]:
    prices: dict[str, dict[str, str]] = json.loads(
        (Path(__file__).parent / "prices" / "aws-us-east-1.json").read_text("utf-8")
    )["prices"]
    return prices


def price(name: str) -> Decimal:
    return Decimal(_price_list()[name]["usd"])


def happy_path(definition: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The longest way through a state machine that fails nowhere, waits for nothing and ends in success."""
    states = definition["States"]

    def longest(name: str, *before: str) -> tuple[str, ...]:
        state = states[name]
        if state["Type"] == "Succeed" or state.get("End"):
            return (name,)
        following = [choice["Next"] for choice in state.get("Choices", ())]
        following += [state[key] for key in ("Default", "Next") if key in state]
        # Not in circles: a recording may wait for its live transcript again and again.
        ways = (longest(next_name, *before, name) for next_name in following if next_name not in before)
        rest = max(ways, key=len, default=())
        return (name, *rest) if rest else ()

    return {name: states[name] for name in longest(definition["StartAt"])}


def item_size(item: Mapping[str, Any]) -> int:
    """Size of an item in DynamoDB's JSON, in bytes (DynamoDB developer guide, "Item sizes and formats")."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            digits = str(content).strip("-").replace(".", "").strip("0")
            return (len(digits) + 1) // 2 + 1 + ("-" in content)
        case "L":
            return 3 + sum(1 + _value_size(element) for element in content)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_size(element) for name, element in content.items())
        case "BOOL" | "NULL":
            return 1
        case _:
            raise ValueError(f"no size known for attributes of type {kind}")


def write_units(size_bytes: int, *, transactional: bool = False) -> int:
    """Units of writing an item of this size to the table and to its index, which holds all attributes."""
    units = -(-size_bytes // _KIB)
    return units * (2 if transactional else 1) + units


def bill(usage: CallUsage) -> tuple[Line, ...]:
    """What AWS bills for one call."""
    tasks = Counter(_integration(state) for state in usage.path.values() if state["Type"] == "Task")
    requests = usage.requests
    invocations = len(usage.memory_mib)
    gb_seconds = sum(
        Decimal(memory) / 1024 * Decimal(LAMBDA_SECONDS[name]) for name, memory in usage.memory_mib.items()
    )
    units = usage.write_units + tasks["dynamodb:updateItem"] * write_units(usage.claim_bytes)
    reads = sum(count for name, count in requests.items() if name in ("dynamodb:GetItem", "dynamodb:Query"))
    puts = requests["s3:PutObject"]
    gets = requests["s3:GetObject"] + requests["s3:HeadObject"]
    messages = tasks["sqs:sendMessage"]
    # Every request that needs the key, as if no data key were ever reused.
    kms = puts + gets + _SECRET_REQUESTS + 2 * messages
    items = usage.claim_bytes + usage.transcript_bytes

    def line(service: str, what: str, quantity: Decimal | int, price_name: str) -> Line:
        return Line(service=service, what=what, quantity=Decimal(quantity), price=price_name)

    return (
        line("Step Functions", "state transitions", len(usage.path) + 1, "step_functions_transition"),
        line("EventBridge", "events in and out", 1 + tasks["events:putEvents"], "eventbridge_event"),
        line("Lambda", "invocations", invocations, "lambda_request"),
        line("Lambda", "GB-seconds, arm64", gb_seconds, "lambda_gb_second_arm64"),
        line("SQS", "send, receive, delete", 3 * messages, "sqs_request"),
        line("DynamoDB", "write units, table and index", units, "dynamodb_write_unit"),
        line("DynamoDB", "read units", reads, "dynamodb_read_unit"),
        line("DynamoDB", "GB-months, table and index", 2 * items / _GB, "dynamodb_gb_month"),
        line("DynamoDB", "GB-months, point-in-time recovery", items / _GB, "dynamodb_backup_gb_month"),
        line("S3", "writes", puts, "s3_write_request"),
        line("S3", "reads", gets, "s3_read_request"),
        line("S3", "GB-months, recording", usage.recording_bytes / _GB, "s3_gb_month"),
        line("S3", "GB-months, reply and transcript", usage.archive_bytes / _GB, "s3_gb_month"),
        line("Data transfer", "GB fetched by Deepgram", usage.recording_bytes / _GB, "internet_gb"),
        line("KMS", "requests, at most", kms, "kms_request"),
        line("Secrets Manager", "requests, at most", _SECRET_REQUESTS, "secrets_request"),
        line("CloudWatch", "GB of logs, functions", usage.log_bytes / _GB, "logs_gb"),
        line(
            "CloudWatch",
            "GB of logs, state machine",
            len(usage.path) * _WORKFLOW_LOG_BYTES_PER_STATE / _GB,
            "vended_logs_gb",
        ),
        line("X-Ray", "traces, every call", 1, "xray_trace"),
    )


def _integration(state: Mapping[str, Any]) -> str:
    return ":".join(str(state["Resource"]).split(":")[5:7]).partition(".")[0]


def aws_figures(lines: Iterable[Line]) -> Figures:
    lines = tuple(lines)
    total = sum(line.usd() for line in lines)
    return Figures(
        name="cost-aws",
        title=f"AWS, per {CALLS:,} four-minute stereo calls",
        columns=("service", "counted", "per call", "USD"),
        rows=(
            *((line.service, line.what, f"{line.quantity:.4g}", f"{line.usd():.3f}") for line in lines),
            ("all", "", "", f"{total:.2f}"),
        ),
        notes=("Kept for one month: what is stored costs the same again every further month.",),
    )


def comparison_figures(lines: Iterable[Line], deepgram_usd: Decimal) -> Figures:
    """Deepgram beside Amazon Transcribe in the same pipeline, which would not send the audio out of AWS."""
    lines = tuple(lines)
    aws = sum((line.usd() for line in lines), Decimal())
    without_transfer = sum((line.usd() for line in lines if line.service != "Data transfer"), Decimal())
    deepgram = deepgram_usd * CALLS
    transcribe = Decimal(CALL_SECONDS) / 60 * price("transcribe_minute") * CALLS
    rows = (
        ("recognition", deepgram, transcribe),
        ("AWS", aws, without_transfer),
        ("all", deepgram + aws, transcribe + without_transfer),
    )
    return Figures(
        name="cost",
        title=f"USD per {CALLS:,} four-minute stereo calls",
        columns=("", "Deepgram", "Amazon Transcribe", "ratio"),
        rows=tuple((name, f"{ours:.2f}", f"{theirs:.2f}", f"{ours / theirs:.2f}") for name, ours, theirs in rows),
    )


def monthly_figures(resources: Iterable[Mapping[str, Any]]) -> Figures:
    """What one deployment costs a month before the first call."""
    resources = tuple(resources)
    counts = Counter(resource["Type"] for resource in resources)
    tasks = sum(
        int(resource["Properties"]["MinCapacity"])
        for resource in resources
        if resource["Type"] == "AWS::ApplicationAutoScaling::ScalableTarget"
    )
    rows: tuple[tuple[str, int, str], ...] = (
        ("KMS keys", counts["AWS::KMS::Key"], "kms_key_month"),
        ("secrets", counts["AWS::SecretsManager::Secret"], "secret_month"),
        ("alarms", counts["AWS::CloudWatch::Alarm"], "alarm_month"),
        ("dashboards", counts["AWS::CloudWatch::Dashboard"], "dashboard_month"),
        ("polls of the empty queue", _IDLE_POLLS_PER_MONTH, "sqs_request"),
        ("hours of NAT gateways, for live calls", counts["AWS::EC2::NatGateway"] * _HOURS, "nat_hour"),
        ("hours of the gateways' public addresses", counts["AWS::EC2::EIP"] * _HOURS, "public_ipv4_hour"),
        ("vCPU-hours of the fewest streamers", tasks * _HOURS, "fargate_vcpu_hour_arm64"),
        ("GB-hours of the fewest streamers", 2 * tasks * _HOURS, "fargate_gb_hour_arm64"),
    )
    total = sum(count * price(name) for _, count, name in rows)
    return Figures(
        name="cost-month",
        title="USD per month of one deployment, whatever the number of calls",
        columns=("", "count", "USD"),
        rows=(
            *((what, f"{count:,}", f"{count * price(name):.2f}") for what, count, name in rows),
            ("all", "", f"{total:.2f}"),
        ),
    )
