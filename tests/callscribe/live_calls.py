"""Live calls as a streamer leaves them in the table."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from callscribe.contract.table_keys import live_call_key, utterance_key
from callscribe.conversation.utterances import Role
from callscribe.deepgram.options import TranscriptionOptions
from callscribe.deepgram.transcription import DeepgramTranscriptions
from callscribe.live.call import CHANNEL_ROLES, LiveUtterance
from callscribe.live.state import LiveState
from callscribe.live_transcript import build_live_transcript, recognition_of
from callscribe.transcript import Transcript

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
    confidence: float | None = 0.9,
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


def intervals(*pieces: tuple[float, float]) -> list[dict[str, Any]]:
    """Pieces of time, in seconds since streaming began."""
    return [{"start_ms": moment_ms(start), "end_ms": moment_ms(end)} for start, end in pieces]


def moment(seconds: float) -> str:
    """A time, so long after streaming began."""
    return datetime.fromtimestamp(float(moment_ms(seconds)) / 1000, UTC).isoformat()


def moment_ms(seconds: float) -> Decimal:
    """A time in milliseconds since 1970, so long after streaming began."""
    return Decimal(STARTED_AT_MS + round(seconds * 1000))


def live_item(*, utterances: int = len(CONVERSATION), **changes: Any) -> dict[str, Any]:
    """The item of a call that is completed, unless the changes say otherwise; None takes an attribute away.

    Streaming and the agent's part begin at once, and the caller hangs up 14 seconds later.
    """
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
        "intervals": intervals((0.12, 14.12)),
        "beginning": _bound(0.12, told=0, source="start-fragment"),
        "end": _bound(14.12, told=14, source="disconnect-timestamp"),
        "agent_joined_at": moment(0),
        "disconnected_at": moment(14),
        "reconnects": Decimal(0),
        "handovers": Decimal(0),
        "announced": True,
        **changes,
    }
    if item["complete"] is None:
        item |= dict.fromkeys(("intervals", "beginning", "end"))
    return {name: value for name, value in item.items() if value is not None}


def _bound(heard: float, *, told: float, source: str) -> dict[str, Any]:
    return {"heard_at_ms": moment_ms(heard), "told_at_ms": moment_ms(told), "source": source, "missing": False}


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
        "confidence": None if said.confidence is None else Decimal(repr(said.confidence)),
        "word_count": Decimal(said.word_count),
        "speech_final": said.speech_final,
        "created_at": UPDATED_AT,
    }


def live_transcript(
    state: LiveState,
    utterances: Sequence[LiveUtterance],
    *,
    created_at: datetime,
    options: TranscriptionOptions | None = None,
) -> Transcript:
    """The transcript of a call that Deepgram heard."""
    deepgram = DeepgramTranscriptions(options=options or TranscriptionOptions())
    transcription = deepgram.of_call(state, recognition_of(state, utterances))
    return build_live_transcript(state=state, transcription=transcription, created_at=created_at)
