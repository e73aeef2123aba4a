"""What follows from the measurements: the size of a task, its number of calls, and the cost of a call-hour."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from benchmarks.cost import price, write_units
from benchmarks.live.load import Result
from benchmarks.report import Figures
from callscribe.deepgram.options import TranscriptionOptions
from callscribe.deepgram.prices import load_prices

_SLOTS, _TASK_VCPU, _TASK_GB = 100, 1, 2
_FILLED = Decimal("0.7")
"""Share of the slots in use: where scaling aims."""
CALLS_PER_TASK = _SLOTS * _FILLED
"""Calls of a task where scaling aims."""
_HOUR = 3600
_CHANNEL_MINUTES = 120
STREAM_GB = Decimal("33.7") * _HOUR / 10**6
"""Both tracks with the container around them, 33.7 kB/s."""
AUDIO_GB = Decimal(16) * _HOUR / 10**6
"""What goes to Deepgram: two channels of 8,000 samples of a byte, as mu-law."""
_RETENTION_MONTHS = Decimal(1) / 30
_STATE_BYTES = 1_000
_UTTERANCE_UNITS = 2
"""Up to a kilobyte, in a transaction, and in no index."""


def figures(result: Result) -> tuple[Figures, Figures]:
    """Return the size of a task and the bill of a call-hour, from a measurement of the whole streamer."""
    return _size(result), _bill(result)


def _size(result: Result) -> Figures:
    busy = result.cpu_ms * _SLOTS / 1000
    return Figures(
        name="live-size",
        title="Live calls: size of a task",
        columns=("", ""),
        rows=(
            ("task", f"{_TASK_VCPU} vCPU, {_TASK_GB} GB, arm64"),
            ("calls per vCPU at 60 %, whole streamer", f"{result.calls_per_vcpu:.0f}"),
            ("slots per task", f"{_SLOTS}"),
            ("processor busy with all slots taken", f"{busy:.0%}"),
            (f"memory with {result.calls} calls, MB", f"{result.rss_bytes / 2**20:.0f}"),
            ("slots in use where scaling aims", f"{CALLS_PER_TASK:.0f}"),
        ),
    )


def call_hour(requests: Mapping[str, float]) -> list[tuple[str, str, Decimal, str]]:
    """Return what AWS bills for an hour of a call: service, what is counted, how much of it, and its price.

    Args:
        requests: Requests per second of a call, by operation.
    """
    per_hour = {operation: Decimal(str(rate)) * _HOUR for operation, rate in requests.items()}
    return [
        ("Fargate", "vCPU-hours", _TASK_VCPU / CALLS_PER_TASK, "fargate_vcpu_hour_arm64"),
        ("Fargate", "GB-hours", _TASK_GB / CALLS_PER_TASK, "fargate_gb_hour_arm64"),
        ("Kinesis Video Streams", "GB ingested", STREAM_GB, "kinesis_video_gb_in"),
        ("Kinesis Video Streams", "GB read", STREAM_GB, "kinesis_video_gb_out"),
        (
            "Kinesis Video Streams",
            "GB-months, kept for a day",
            STREAM_GB * _RETENTION_MONTHS,
            "kinesis_video_gb_month",
        ),
        ("NAT gateway", "GB, stream and audio", STREAM_GB + AUDIO_GB, "nat_gb"),
        ("Data transfer", "GB to Deepgram", AUDIO_GB, "internet_gb"),
        ("DynamoDB", "write units", _units(per_hour), "dynamodb_write_unit"),
        ("SQS", "requests", per_hour.get("ChangeMessageVisibilityBatch", Decimal()), "sqs_request"),
        ("AppSync Events", "operations", per_hour.get("Publish", Decimal()), "appsync_event"),
    ]


def _bill(result: Result) -> Figures:
    rows = call_hour(result.requests)
    aws = sum((quantity * price(name) for _, _, quantity, name in rows), Decimal())
    deepgram = _deepgram_usd()
    return Figures(
        name="live-bill",
        title="USD per hour of one live call",
        columns=("service", "counted", "per call-hour", "USD"),
        rows=(
            *(
                (service, what, f"{quantity:.4g}", f"{quantity * price(name):.4f}")
                for service, what, quantity, name in rows
            ),
            ("AWS", "", "", f"{aws:.3f}"),
            ("Deepgram", "channel-minutes, streaming", f"{_CHANNEL_MINUTES}", f"{deepgram:.3f}"),
            ("all", "", "", f"{aws + deepgram:.3f}"),
        ),
    )


def _units(per_hour: Mapping[str, Decimal]) -> Decimal:
    # Every commit is taken for one with words in it.
    commit = _UTTERANCE_UNITS + write_units(_STATE_BYTES, transactional=True)
    update = write_units(_STATE_BYTES)
    return per_hour.get("TransactWriteItems", Decimal()) * commit + per_hour.get("UpdateItem", Decimal()) * update


def _deepgram_usd() -> Decimal:
    options = TranscriptionOptions()
    return _CHANNEL_MINUTES * load_prices().stream[load_prices().models[options.model]]
