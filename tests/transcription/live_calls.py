"""Live calls as a streamer leaves them in the table."""

from decimal import Decimal
from typing import Any

from transcription.conversation import Role
from transcription.live_call import CHANNEL_ROLES, LiveUtterance
from transcription.table_keys import live_call_key, utterance_key

CALL_ID = "0d3c1f52-9a7e-4b38-8c62-51f0e7d4ab19"
CLINIC_ID = "harbour"
DAY = "2026-11-20"
# 2026-11-20T09:00:00Z
STARTED_AT_MS = 1_795_165_200_000
UPDATED_AT = "2026-11-20T09:05:00+00:00"


def utterance(
    seq: int,
    channel: int,
    text: str,
    start: float,
    end: float | None = None,
    *,
    speech_final: bool = True,
    confidence: float = 0.9,
) -> LiveUtterance:
    words = len(text.split())
    return LiveUtterance(
        seq=seq,
        channel=channel,
        role=CHANNEL_ROLES[channel],
        text=text,
        start=start,
        end=start + words / 3 if end is None else end,
        confidence=confidence,
        word_count=words,
        speech_final=speech_final,
    )


CONVERSATION = (
    utterance(1, 1, "Thank you for calling the eye clinic, this is Karen.", 0.5, 3.9, speech_final=False),
    utterance(2, 1, "How can I help you today?", 3.9, 5.5),
    utterance(3, 0, "I would like an appointment with the doctor.", 6.0, 8.5),
    utterance(4, 1, "Of course. Would Tuesday work for you?", 9.0, 11.5),
    utterance(5, 0, "Tuesday is fine.", 12.0, 13.0),
)


def live_item(*, utterances: int = len(CONVERSATION), **changes: Any) -> dict[str, Any]:
    """The item of a call that is completed, unless the changes say otherwise; None takes an attribute away."""
    call_id, clinic_id = changes.get("call_id", CALL_ID), changes.get("clinic_id", CLINIC_ID)
    day = changes.get("day", DAY)
    item: dict[str, Any] = {
        **live_call_key(call_id, clinic_id=clinic_id, day=day).attributes(),
        "type": "live-call",
        "status": "completed",
        "call_id": call_id,
        "clinic_id": clinic_id,
        "day": day,
        "stream_arn": "arn:aws:kinesisvideo:eu-central-1:123456789012:stream/live-1/1",
        "started_at_ms": Decimal(STARTED_AT_MS),
        "announced_at": "2026-11-20T09:00:01+00:00",
        "updated_at": UPDATED_AT,
        "epoch": Decimal(1),
        "lease_until": Decimal(0),
        "origin_ms": Decimal(STARTED_AT_MS + 120),
        "watermarks": [Decimal(112_000), Decimal(112_000)],
        "next_seq": Decimal(utterances + 1),
        "gaps": [],
        "ended_at_ms": Decimal(STARTED_AT_MS + 14_120),
        "end_reason": "disconnected",
        "complete": True,
        "incomplete_reasons": [],
        "duration_seconds": Decimal(14),
        "reconnects": Decimal(0),
        "handovers": Decimal(0),
        "announced": True,
        **changes,
    }
    return {name: value for name, value in item.items() if value is not None}


def utterance_item(said: LiveUtterance, *, call_id: str = CALL_ID, clinic_id: str = CLINIC_ID) -> dict[str, Any]:
    """The item of one of its results."""
    return {
        **utterance_key(call_id, said.seq).attributes(),
        "type": "live-utterance",
        "call_id": call_id,
        "clinic_id": clinic_id,
        "seq": Decimal(said.seq),
        "channel": Decimal(said.channel),
        "role": Role(said.role).value,
        "text": said.text,
        "start": Decimal(repr(round(said.start, 3))),
        "end": Decimal(repr(round(said.end, 3))),
        "confidence": Decimal(repr(said.confidence)),
        "word_count": Decimal(said.word_count),
        "speech_final": said.speech_final,
        "created_at": UPDATED_AT,
    }
