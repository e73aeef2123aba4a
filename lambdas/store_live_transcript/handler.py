"""Store: turn what was stored of a live call into its transcript, judge it and announce it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

from aws_lambda_powertools.metrics import MetricUnit
from msgspec import Meta

from callscribe.contract.events import (
    CALL_TRANSCRIBED,
    EVENT_SOURCE,
    URGENT_CALL,
    CallTranscribed,
    LiveCallPlace,
    LiveFigures,
    QualityFigure,
    UrgentCall,
)
from callscribe.contract.messages import LiveRebuildMessage, LiveRebuildRequest
from callscribe.contract.table_keys import live_call_key
from callscribe.conversation.flags import FlagSet, load_flag_set
from callscribe.deepgram.transcription import DeepgramTranscriptions
from callscribe.environments.functions import StoreLiveTranscriptEnvironment
from callscribe.judgement.quality import load_rubric
from callscribe.serialization import InvalidData, decode, encode, encode_json
from lambdas.common import aws
from lambdas.common.archive import Archive
from lambdas.common.errors import TransientError
from lambdas.common.observability import correlate, entry_point, logger, metrics
from lambdas.common.transcripts import alert_evidence_of, figures_of, place_of
from lambdas.common.wording import wording_engine
from lambdas.store_live_transcript.store import LiveTranscriptStore, StoredLiveTranscript

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@dataclass(frozen=True, slots=True, kw_only=True)
class _Detail:
    call_id: Annotated[str, Meta(min_length=1, max_length=50)]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCallEnded:
    """The event "Live Call Transcribed", as far as it is read."""

    time: Annotated[datetime, Meta(tz=True)]
    detail: _Detail


@cache
def _environment() -> StoreLiveTranscriptEnvironment:
    return StoreLiveTranscriptEnvironment.from_variables(os.environ)


def _flag_set() -> FlagSet:
    return load_flag_set(_environment().flags)


@cache
def _store() -> LiveTranscriptStore:
    environment = _environment()
    days, flag_set = environment.retention_days, _flag_set()
    return LiveTranscriptStore(
        table=aws.table(environment.table_name),
        archive=Archive(s3=aws.s3(), bucket=environment.archive_bucket),
        transcriptions=DeepgramTranscriptions(
            options=environment.deepgram_options, prices=environment.deepgram_prices.load()
        ),
        flag_set=flag_set,
        wording=wording_engine(environment.encoder_weights, flag_set),
        rubric=load_rubric(environment.rubric),
        retention=None if days is None else timedelta(days=days),
    )


@entry_point
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Store the transcript of one live call, or write it anew.

    Args:
        event: "Live Call Transcribed" by EventBridge, which delivers it at least once; or from the console a
            `LiveRebuildMessage`.
        context: Lambda's context.

    Returns:
        `{"outcome"}`: `stored` (and announced), `superseded` by a better transcript, `deferred` while the call goes
        on, or `refused`: the event is another one, and lies with the failed live calls. A rebuild has a
        `RebuildAnswer`.
    """
    if "rebuild" in event:
        return _rebuild(decode(LiveRebuildMessage, event, "the message").rebuild)
    try:
        ended = decode(LiveCallEnded, event, "event")
    except InvalidData as error:
        return _refuse(event, error)
    call_id = ended.detail.call_id
    correlate(call_id=call_id, recording_id=None)
    stored = _store().store(call_id, created_at=ended.time)
    if stored is None:
        return _ended("deferred")
    if stored.superseded:
        return _ended("superseded")
    _announce(stored)
    return _ended("stored", figures=encode(figures_of(stored.transcript)))


def _rebuild(request: LiveRebuildRequest) -> dict[str, Any]:
    correlate(call_id=request.call_id, recording_id=None)
    answer: dict[str, Any] = encode(_store().rebuild(request))
    metrics.add_metric(name="DocumentsRebuilt", unit=MetricUnit.Count, value=answer["outcome"] == "rebuilt")
    logger.info("rebuild", result=answer)
    return answer


def _refuse(event: dict[str, Any], error: InvalidData) -> dict[str, Any]:
    """Put an event aside that nobody can work on, instead of failing on it each time it is delivered."""
    logger.error("the event is refused", error_code="InvalidEvent", error_message=f"not the end of a call: {error}")
    aws.sqs().send_message(
        QueueUrl=_environment().failed_calls_queue_url,
        MessageBody=encode_json(event).decode(),
        MessageAttributes={"ERROR_CODE": {"DataType": "String", "StringValue": "InvalidEvent"}},
    )
    return _ended("refused")


def _ended(outcome: str, **details: Any) -> dict[str, Any]:
    metrics.add_metric(name=f"LiveTranscripts{outcome.capitalize()}", unit=MetricUnit.Count, value=1)
    logger.info("ended", outcome=outcome, **details)
    return {"outcome": outcome}


def _announce(stored: StoredLiveTranscript) -> None:
    """Tell of the transcript as the batch workflow does, and first of what cannot wait, unless somebody was told."""
    told = [(CALL_TRANSCRIBED, encode_json(_transcribed(stored)))]
    raised = stored.transcript.summary.raised
    alerts = [flag for flag in _flag_set().alerting if flag in raised and flag not in stored.told]
    if alerts:
        told.insert(0, (URGENT_CALL, encode_json(_urgent(stored, alerts))))
    answer = aws.events().put_events(
        Entries=[
            {
                "EventBusName": _environment().event_bus_name,
                "Source": EVENT_SOURCE,
                "DetailType": detail_type,
                "Detail": detail.decode(),
            }
            for detail_type, detail in told
        ]
    )
    # A refused entry is no error of the call (Amazon EventBridge API Reference, PutEvents).
    if answer["FailedEntryCount"]:
        code = next((entry["ErrorCode"] for entry in answer["Entries"] if "ErrorCode" in entry), "Unknown")
        raise TransientError(f"EventBridge.{code}", "the transcript is stored, but EventBridge did not announce it")


def _transcribed(stored: StoredLiveTranscript) -> CallTranscribed:
    """There is no recording, but a coverage."""
    call, live = stored.transcript.recording, stored.transcript.live
    return CallTranscribed(
        call_id=call.call_id,
        clinic_id=call.clinic_id,
        kind=call.kind,
        day=call.day,
        recording_id=None,
        source=stored.transcript.source,
        transcript=place_of(stored.key, stored.pointers),
        figures=figures_of(stored.transcript),
        quality=QualityFigure(score=stored.quality.score, rubric=stored.quality.rubric),
        live=None
        if live is None
        else LiveFigures(
            complete=live.complete,
            incomplete_reasons=live.incomplete_reasons,
            covered_seconds=live.covered_seconds,
            gaps=len(live.gaps),
            gap_seconds=live.gap_seconds,
        ),
        role_names=_environment().role_names,
    )


def _urgent(stored: StoredLiveTranscript, flags: list[str]) -> UrgentCall:
    """What was found in the whole call and in none of its pieces, or nobody could be told of while it ran."""
    call, key = stored.transcript.recording, live_call_key(stored.transcript.recording.call_id)
    return UrgentCall(
        call_id=call.call_id,
        clinic_id=call.clinic_id,
        day=call.day,
        source=stored.transcript.source,
        flags=tuple(flags),
        reliability=figures_of(stored.transcript).reliability,
        evidence=alert_evidence_of(stored.transcript, flags),
        transcript=place_of(stored.key, stored.pointers),
        live=LiveCallPlace(pk=key.pk, sk=key.sk),
        role_names=_environment().role_names,
    )
