"""Store: turn Deepgram's reply into the call's transcript."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit

from lambdas.common import aws, settings
from lambdas.common.archive import Archive
from lambdas.common.claims import Claims
from lambdas.common.observability import correlate, entry_point, logger, metrics
from lambdas.common.recordings import AdmittedRecording
from lambdas.common.transcripts import figures_of, place_of
from lambdas.store_transcript.store import TranscriptStore
from transcription.cost import prices_from_json
from transcription.options import TranscriptionOptions

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@cache
def _store() -> TranscriptStore:
    return TranscriptStore(
        table=aws.table(),
        claims=Claims(table=aws.table()),
        archive=Archive(s3=aws.s3(), bucket=os.environ["ARCHIVE_BUCKET"]),
        options=TranscriptionOptions.from_json(os.environ["DEEPGRAM_OPTIONS"]),
        channel_roles=settings.channel_roles(),
        prices=prices_from_json(os.environ["DEEPGRAM_PRICES"]),
        retention=settings.days("TRANSCRIPT_RETENTION_DAYS"),
    )


@entry_point
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Store the transcript of one call.

    Args:
        event: `{"recording", "reply": {"bucket", "key"}, "deepgram_requests", "request_id"}`.
        context: Lambda's context.

    Returns:
        `{"transcript": {"pk", "sk", "bucket", "key"}, "figures": {...}, "superseded"}`: where the transcript is, its
        figures, and whether a newer recording of the call keeps it out of the table. No words of the call.
    """
    recording = AdmittedRecording.from_payload(event["recording"])
    correlate(call_id=recording.call.call_id, recording_id=recording.recording_id)
    stored = _store().store(
        recording,
        reply_key=event["reply"]["key"],
        deepgram_requests=event["deepgram_requests"],
        now=datetime.now(UTC),
    )
    name = "TranscriptsSuperseded" if stored.superseded else "TranscriptsStored"
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)
    figures = figures_of(stored.transcript)
    logger.info("stored", superseded=stored.superseded, figures=figures)
    return {"transcript": place_of(stored.key, stored.pointers), "figures": figures, "superseded": stored.superseded}
