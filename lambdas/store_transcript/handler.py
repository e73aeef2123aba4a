"""Store: turn the speech service's reply into the call's transcript."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit

from callscribe.contract.messages import RebuildAnswer, RebuildMessage, RebuildRequest, StoreMessage
from callscribe.conversation.flags import FlagSet, load_flag_set
from callscribe.conversation.utterances import Role
from callscribe.deepgram.transcription import DeepgramTranscriptions
from callscribe.environments.functions import StoreTranscriptEnvironment
from callscribe.judgement.quality import load_rubric
from callscribe.recordings.recording import AdmittedRecording
from callscribe.serialization import decode, encode
from callscribe.table_values import plain
from lambdas.common import aws
from lambdas.common.archive import Archive
from lambdas.common.claims import Claims
from lambdas.common.observability import correlate, entry_point, logger, metrics
from lambdas.common.transcript_builder import TranscriptBuilder
from lambdas.common.transcripts import alert_evidence_of, figures_of, place_of
from lambdas.common.wording import wording_engine
from lambdas.store_transcript.rebuild import Outcome, Rebuilder
from lambdas.store_transcript.store import TranscriptStore

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from callscribe.conversation.wording import WordingEngine


@cache
def _environment() -> StoreTranscriptEnvironment:
    return StoreTranscriptEnvironment.from_variables(os.environ)


def _archive() -> Archive:
    return Archive(s3=aws.s3(), bucket=_environment().archive_bucket)


def _deepgram() -> DeepgramTranscriptions:
    environment = _environment()
    return DeepgramTranscriptions(options=environment.deepgram_options, prices=environment.deepgram_prices.load())


def _channel_roles() -> dict[int, Role]:
    return {channel: Role(role) for channel, role in _environment().channel_roles.items()}


def _flag_set() -> FlagSet:
    return load_flag_set(_environment().flags)


@cache
def _wording() -> WordingEngine | None:
    return wording_engine(_environment().encoder_weights, _flag_set())


@cache
def _store() -> TranscriptStore:
    environment = _environment()
    table, days = aws.table(environment.table_name), environment.transcript_retention_days
    return TranscriptStore(
        table=table,
        claims=Claims(table=table),
        archive=_archive(),
        transcriptions=_deepgram(),
        channel_roles=_channel_roles(),
        flag_set=_flag_set(),
        wording=_wording(),
        retention=None if days is None else timedelta(days=days),
    )


@cache
def _rebuilder() -> Rebuilder:
    environment, archive = _environment(), _archive()
    return Rebuilder(
        table=aws.table(environment.table_name),
        archive=archive,
        builder=TranscriptBuilder(
            bucket=archive.bucket,
            transcriptions=_deepgram(),
            channel_roles=_channel_roles(),
            flag_set=_flag_set(),
            wording=_wording(),
        ),
        rubric=load_rubric(environment.rubric),
    )


@entry_point
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Store the transcript of one call, or write a document anew.

    Args:
        event: A `StoreMessage`, or from an operator or the console a `RebuildMessage`.
        context: Lambda's context.

    Returns:
        `{"transcript": {"pk", "sk", "bucket", "key"}, "figures": {...}, "superseded", "alerts", "alert_evidence"}`:
        where the transcript is, its figures, whether a newer recording of the call keeps it out of the table, the flags
        of which somebody is told at once, and where they are raised (`AlertEvidence`). For a rebuild a `RebuildAnswer`.
        No words of the call.
    """
    if "rebuild" in event:
        return _rebuild(decode(RebuildMessage, event, "the message").rebuild)
    message = decode(StoreMessage, plain(event), "the message")
    recording = AdmittedRecording.from_payload(message.recording)
    correlate(call_id=recording.call.call_id, recording_id=recording.recording_id)
    stored = _store().store(
        recording,
        reply_key=message.reply.key,
        requests=message.deepgram_requests,
        now=datetime.now(UTC),
    )
    name = "TranscriptsSuperseded" if stored.superseded else "TranscriptsStored"
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)
    figures = encode(figures_of(stored.transcript))
    logger.info("stored", superseded=stored.superseded, figures=figures)
    place = encode(place_of(stored.key, stored.pointers))
    raised = stored.transcript.summary.raised
    alerts = [flag for flag in _flag_set().alerting if flag in raised]
    return {
        "transcript": place,
        "figures": figures,
        "superseded": stored.superseded,
        "alerts": alerts,
        "alert_evidence": encode(alert_evidence_of(stored.transcript, alerts)),
    }


def _rebuild(request: RebuildRequest) -> dict[str, Any]:
    rebuilt = _rebuilder().rebuild(request.key, dry_run=request.dry_run, again=request.again)
    correlate(call_id=rebuilt.call_id, recording_id=None)
    metrics.add_metric(name="DocumentsRebuilt", unit=MetricUnit.Count, value=rebuilt.outcome is Outcome.REBUILT)
    answer: dict[str, Any] = encode(
        RebuildAnswer(outcome=rebuilt.outcome.value, reason=rebuilt.reason, call_id=rebuilt.call_id)
    )
    logger.info("rebuild", result=answer)
    return answer
