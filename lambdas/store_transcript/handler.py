"""Store: turn the speech service's reply into the call's transcript."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit

from callscribe.deepgram.options import TranscriptionOptions
from callscribe.deepgram.prices import prices_from_json
from callscribe.deepgram.transcription import DeepgramTranscriptions
from callscribe.judgement.quality import load_rubric
from callscribe.recordings.recording import AdmittedRecording
from callscribe.serialization import encode
from lambdas.common import aws, settings
from lambdas.common.archive import Archive
from lambdas.common.claims import Claims
from lambdas.common.observability import correlate, entry_point, logger, metrics
from lambdas.common.transcript_builder import TranscriptBuilder
from lambdas.common.transcripts import figures_of, place_of
from lambdas.store_transcript.rebuild import Outcome, Rebuilder
from lambdas.store_transcript.store import TranscriptStore

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def _deepgram() -> DeepgramTranscriptions:
    return DeepgramTranscriptions(
        options=TranscriptionOptions.from_json(os.environ["DEEPGRAM_OPTIONS"]),
        prices=prices_from_json(os.environ["DEEPGRAM_PRICES"]),
    )


@cache
def _store() -> TranscriptStore:
    return TranscriptStore(
        table=aws.table(),
        claims=Claims(table=aws.table()),
        archive=Archive(s3=aws.s3(), bucket=os.environ["ARCHIVE_BUCKET"]),
        transcriptions=_deepgram(),
        channel_roles=settings.channel_roles(),
        retention=settings.days("TRANSCRIPT_RETENTION_DAYS"),
    )


@cache
def _rebuilder() -> Rebuilder:
    archive = Archive(s3=aws.s3(), bucket=os.environ["ARCHIVE_BUCKET"])
    return Rebuilder(
        table=aws.table(),
        archive=archive,
        builder=TranscriptBuilder(
            bucket=archive.bucket, transcriptions=_deepgram(), channel_roles=settings.channel_roles()
        ),
        rubric=load_rubric(os.environ["RUBRIC"]),
    )


@entry_point
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Store the transcript of one call, or write an older document anew.

    Args:
        event: `{"recording", "reply": {"bucket", "key"}, "deepgram_requests", "request_id"}`, or from an operator
            `{"rebuild": {"key", "dry_run"}}`: a document in the archive, and whether only to say what would be done.
        context: Lambda's context.

    Returns:
        `{"transcript": {"pk", "sk", "bucket", "key"}, "figures": {...}, "superseded"}`: where the transcript is, its
        figures, and whether a newer recording of the call keeps it out of the table. For a rebuild
        `{"outcome", "reason", "call_id"}`; see `Rebuilt`. No words of the call.
    """
    if "rebuild" in event:
        return _rebuild(event["rebuild"])
    recording = AdmittedRecording.from_payload(event["recording"])
    correlate(call_id=recording.call.call_id, recording_id=recording.recording_id)
    stored = _store().store(
        recording,
        reply_key=event["reply"]["key"],
        requests=event["deepgram_requests"],
        now=datetime.now(UTC),
    )
    name = "TranscriptsSuperseded" if stored.superseded else "TranscriptsStored"
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)
    figures = encode(figures_of(stored.transcript))
    logger.info("stored", superseded=stored.superseded, figures=figures)
    place = encode(place_of(stored.key, stored.pointers))
    return {"transcript": place, "figures": figures, "superseded": stored.superseded}


def _rebuild(request: dict[str, Any]) -> dict[str, Any]:
    rebuilt = _rebuilder().rebuild(request["key"], dry_run=request.get("dry_run") is True)
    correlate(call_id=rebuilt.call_id, recording_id=None)
    metrics.add_metric(name="DocumentsRebuilt", unit=MetricUnit.Count, value=rebuilt.outcome is Outcome.REBUILT)
    result = {"outcome": rebuilt.outcome.value, "reason": rebuilt.reason, "call_id": rebuilt.call_id}
    logger.info("rebuild", result=result)
    return result
