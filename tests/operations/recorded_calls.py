"""Calls as the functions leave them in the table and the archive."""

import gzip
import json
from datetime import UTC, datetime
from typing import Any

from callscribe.audio_facts import AudioFacts
from callscribe.contract.object_keys import live_document_key
from callscribe.contract.table_keys import claim_key, failed_listing
from callscribe.conversation.utterances import Role
from callscribe.deepgram.options import TranscriptionOptions
from callscribe.deepgram.transcription import DeepgramTranscriptions
from callscribe.documents import MAX_ITEM_BYTES, ArchivePointers, quality_attribute, to_document, to_item
from callscribe.judgement.quality import load_rubric, score
from callscribe.live.state import LiveState
from callscribe.recordings.clinics import ClinicDecision, ClinicSource
from callscribe.recordings.keys import parse_key
from callscribe.recordings.recording import Provenance
from callscribe.transcript import Transcript, build_transcript
from tests.callscribe.live_calls import CONVERSATION, live_item, live_transcript
from tests.operations.conftest import Deployed

TURNS = (
    (1, 0.0, "Good morning, Lakeside eye clinic, this is Mary. How can I help you?"),
    (0, 5.0, "I would like an appointment. [bold]Really[/bold]."),
    (1, 62.0, "Of course. Thank you for calling, have a nice day."),
)


def _reply() -> bytes:
    utterances: list[dict[str, Any]] = [
        {
            "id": str(number),
            "channel": channel,
            "transcript": text,
            "start": start,
            "end": start + 4,
            "confidence": 0.9,
            "words": [
                {
                    "word": word.lower().strip(".,?"),
                    "punctuated_word": word,
                    "start": start,
                    "end": start + 4,
                    "confidence": 0.9,
                }
                for word in text.split()
            ],
        }
        for number, (channel, start, text) in enumerate(TURNS)
    ]
    channels = [
        {
            "alternatives": [
                {
                    "transcript": " ".join(one["transcript"] for one in utterances if one["channel"] == channel),
                    "confidence": 0.9,
                    "words": [word for one in utterances if one["channel"] == channel for word in one["words"]],
                }
            ]
        }
        for channel in (0, 1)
    ]
    metadata = {
        "transaction_key": "deprecated",
        "request_id": "request-1",
        "sha256": "0" * 64,
        "created": "2026-11-20T14:10:00.000Z",
        "duration": 66.0,
        "channels": 2,
        "models": ["m"],
        "model_info": {"m": {"name": "general-nova-3", "version": "2026", "arch": "nova-3"}},
    }
    return json.dumps({"metadata": metadata, "results": {"channels": channels, "utterances": utterances}}).encode()


def store_transcript(
    deployed: Deployed, key: str, *, max_bytes: int = MAX_ITEM_BYTES, scored: bool = True, **attributes: Any
) -> None:
    """Leave the transcript of the recording *key* as the functions do, with further *attributes* on its item."""
    parsed = parse_key(key)
    clinic = parsed.clinic_id or "clinic-7"
    recording = parsed.of(ClinicDecision(clinic_id=clinic, source=ClinicSource.PREFIX))
    path = f"transcripts/{recording.clinic_id}/{recording.day}/{recording.call_id}/{'r' * 64}.json.gz"
    pointers = ArchivePointers(bucket="archive", transcript_key=path, reply_key="replies/r")
    audio = AudioFacts(format="WAV", subtype="PCM_16", channels=2, sample_rate=8000, duration_seconds=66.0)
    transcript = build_transcript(
        recording=recording,
        transcription=DeepgramTranscriptions(options=TranscriptionOptions()).of_reply(_reply(), audio=audio),
        audio=audio,
        channel_roles={0: Role.CUSTOMER, 1: Role.AGENT},
        provenance=Provenance(
            bucket="recordings",
            key=key,
            version_id="v1",
            etag="e",
            recording_id="r" * 64,
            last_modified=datetime(2026, 11, 20, tzinfo=UTC),
            sequencer="0055AED6DCD90281E5",
        ),
        created_at=datetime(2026, 11, 21, tzinfo=UTC),
    )
    item = to_item(transcript, archive=pointers, max_bytes=max_bytes)
    if scored:
        item["quality"] = quality_attribute(score(transcript, load_rubric()))
    deployed.table.put_item(Item={**item, **attributes})
    _archive(deployed, transcript, pointers)


def _archive(deployed: Deployed, transcript: Transcript, pointers: ArchivePointers) -> None:
    document = gzip.compress(json.dumps(to_document(transcript)).encode())
    deployed.s3.put_object(Bucket=pointers.bucket, Key=pointers.transcript_key, Body=document)


CHANGED_AT = datetime(2026, 11, 20, 14, 12, tzinfo=UTC)


def store_claim(deployed: Deployed, recording_id: str, *, call_id: str | None, status: str, **more: Any) -> None:
    """Leave a claim on a recording."""
    key = parse_key(f"recordings/clinic-7/2026-11-20/{call_id}.wav") if call_id else None
    deployed.table.put_item(
        Item={
            **claim_key(recording_id, call_id, key.kind if key else None).attributes(),
            "type": "claim",
            "status": status,
            "recording_id": recording_id,
            "attempts": 2,
            "deepgram_requests": 1,
            "updated_at": CHANGED_AT.isoformat(),
            **({"call_id": call_id, "clinic_id": "clinic-7"} if call_id else {}),
            **(failed_listing(recording_id, CHANGED_AT) if status in ("failed", "rejected") else {}),
            **more,
        }
    )


def follow_live(deployed: Deployed, *, transcribed: bool = True, **changes: Any) -> dict[str, Any]:
    """Leave a live call and, unless it is the recording that was transcribed, its transcript."""
    item = live_item(**changes)
    deployed.table.put_item(Item=item)
    if transcribed:
        state = LiveState.from_item(item)
        transcript = live_transcript(state, CONVERSATION, created_at=datetime(2026, 11, 20, tzinfo=UTC))
        key = live_document_key(item["clinic_id"], item["day"], item["call_id"])
        pointers = ArchivePointers(bucket="archive", transcript_key=key, reply_key=None)
        quality = quality_attribute(score(transcript, load_rubric()))
        deployed.table.put_item(Item={**to_item(transcript, archive=pointers), "quality": quality})
        _archive(deployed, transcript, pointers)
    return item
