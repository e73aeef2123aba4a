"""Live calls as streamers store them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from callscribe.contract.table_keys import live_call_key, utterance_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


def put_live_call(
    table: Table, call_id: str = "live-1", *, clinic: str = "harbour", ago: timedelta = timedelta(0), **more: Any
) -> str:
    """Store the state of a call that runs, with what is said of it besides; returns its day."""
    now = datetime.now(UTC)
    begin = now - ago
    day = begin.date().isoformat()
    item = {
        **live_call_key(call_id, clinic_id=clinic, day=day).attributes(),
        "type": "live-call",
        "call_id": call_id,
        "clinic_id": clinic,
        "day": day,
        "started_at_ms": int(begin.timestamp() * 1000),
        "status": "streaming",
        "updated_at": now.isoformat(),
        "lease_until": int(now.timestamp()) + 600,
        "epoch": 1,
        "handovers": 0,
        "next_seq": 1,
        **more,
    }
    table.put_item(Item=item)
    return day


def say(
    table: Table, seq: int, text: str, *, call_id: str = "live-1", clinic: str = "harbour", channel: int = 0
) -> None:
    """Store an utterance."""
    table.put_item(
        Item={
            **utterance_key(call_id, seq).attributes(),
            "type": "utterance",
            "call_id": call_id,
            "clinic_id": clinic,
            "seq": seq,
            "channel": channel,
            "role": ("customer", "agent")[channel],
            "text": text,
            "start": Decimal(seq),
            "end": Decimal(seq) + Decimal("0.9"),
            "confidence": Decimal("0.93"),
            "word_count": len(text.split()),
            "speech_final": True,
            "schema_version": 3,
        }
    )
