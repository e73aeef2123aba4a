"""Admit: parse the event, look at the object and its audio, and claim the recording once."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.parser import ValidationError, parse

from callscribe.recordings.clinics import ClinicRules
from lambdas.admit_recording.admission import Admission, NewVersionPolicy
from lambdas.admit_recording.calls import Calls
from lambdas.admit_recording.contacts import Contacts
from lambdas.admit_recording.contents import Contents
from lambdas.admit_recording.decision import Decision, Verdict
from lambdas.admit_recording.live_policy import LivePolicy, LiveTranscripts
from lambdas.admit_recording.object_created import AdmitRequest
from lambdas.admit_recording.objects import Objects
from lambdas.common import aws, settings
from lambdas.common.claims import Claims
from lambdas.common.clinics import Clinics
from lambdas.common.observability import correlate, entry_point, logger, metrics

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@cache
def _admission() -> Admission:
    instance = os.environ.get("CONNECT_INSTANCE_ARN")
    claims = Claims(table=aws.table(), retention=settings.days("RETENTION_DAYS"))
    return Admission(
        objects=Objects(s3=aws.s3(), max_duration_seconds=float(os.environ["MAX_DURATION_SECONDS"])),
        calls=Calls(
            clinics=Clinics(table=aws.table(), retention=settings.days("RETENTION_DAYS")),
            rules=ClinicRules.from_json(os.environ["CLINICS"]),
            contacts=Contacts(connect=aws.connect(), instance_arn=instance) if instance else None,
        ),
        table=aws.table(),
        claims=claims,
        contents=Contents(table=aws.table(), claims=claims, s3=aws.s3()),
        claim_lease=settings.seconds("CLAIM_LEASE_SECONDS"),
        on_new_version=NewVersionPolicy(os.environ.get("ON_NEW_VERSION") or NewVersionPolicy.SUPERSEDE),
        live_policy=LivePolicy(
            transcripts=LiveTranscripts(os.environ["LIVE_TRANSCRIPTS"]),
            patience=settings.seconds("LIVE_PATIENCE_SECONDS"),
        ),
    )


@entry_point
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Decide what becomes of an announced object.

    Args:
        event: `{"event": <S3 event by EventBridge>, "execution": <ARN of the execution>, "started_at": <its start>}`.
        context: Lambda's context.

    Returns:
        `{"decision", "reason", "message", "recording"}`: see `Decision`. A malformed event is `rejected` as
        `InvalidEvent`, so that it is kept with the failed calls and not retried.
    """
    try:
        request = parse(event=event, model=AdmitRequest)
    except ValidationError as error:
        places = ", ".join(".".join(map(str, problem["loc"])) for problem in error.errors(include_input=False))
        decision = Decision(
            verdict=Verdict.REJECTED, reason="InvalidEvent", message=f"not an S3 event of EventBridge: {places}"
        )
    else:
        decision = _admission().decide(request.event, execution=request.execution, started_at=request.started_at)
    correlate(call_id=decision.recording.get("call_id"), recording_id=decision.recording.get("recording_id"))
    metrics.add_metric(name=f"Recordings{decision.verdict.capitalize()}", unit=MetricUnit.Count, value=1)
    logger.info("decided", decision=decision.verdict.value, reason=decision.reason)
    return decision.to_payload()
