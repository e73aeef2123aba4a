"""Admit: parse the event, look at the object and its audio, and claim the recording once."""

from __future__ import annotations

import os
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.parser import ValidationError, parse

from callscribe.contract.messages import AdmitMessage
from callscribe.environments.functions import AdmitRecordingEnvironment
from callscribe.serialization import InvalidData, decode
from lambdas.admit_recording.admission import Admission
from lambdas.admit_recording.calls import Calls
from lambdas.admit_recording.contacts import Contacts
from lambdas.admit_recording.contents import Contents
from lambdas.admit_recording.decision import Decision, Verdict
from lambdas.admit_recording.live_policy import LivePolicy
from lambdas.admit_recording.object_created import ObjectCreated
from lambdas.admit_recording.objects import Objects
from lambdas.common import aws
from lambdas.common.claims import Claims
from lambdas.common.clinics import Clinics
from lambdas.common.observability import correlate, entry_point, logger, metrics

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@cache
def _admission() -> Admission:
    environment = AdmitRecordingEnvironment.from_variables(os.environ)
    days, instance = environment.retention_days, environment.connect_instance_arn
    retention = None if days is None else timedelta(days=days)
    table = aws.table(environment.table_name)
    claims = Claims(table=table, retention=retention)
    return Admission(
        objects=Objects(s3=aws.s3(), max_duration_seconds=environment.max_duration_seconds),
        calls=Calls(
            clinics=Clinics(table=table, retention=retention),
            rules=environment.clinics,
            contacts=None if instance is None else Contacts(connect=aws.connect(), instance_arn=instance),
            described=Contacts(connect=aws.connect(aws.BRIEF_CONFIG), instance_arn=instance)
            if environment.contact_details and instance is not None
            else None,
        ),
        table=table,
        claims=claims,
        contents=Contents(table=table, claims=claims, s3=aws.s3()),
        claim_lease=timedelta(seconds=environment.claim_lease_seconds),
        on_new_version=environment.on_new_version,
        live_policy=LivePolicy(
            transcripts=environment.live_transcripts,
            patience=timedelta(seconds=environment.live_patience_seconds),
        ),
    )


@entry_point
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Decide what becomes of an announced object.

    Args:
        event: An `AdmitMessage`.
        context: Lambda's context.

    Returns:
        `{"decision", "reason", "message", "recording"}`: see `Decision`. A malformed event is `rejected` as
        `InvalidEvent`, so that it is kept with the failed calls and not retried.
    """
    try:
        message = decode(AdmitMessage, event, "the message")
        announced = parse(event=message.event, model=ObjectCreated)
    except InvalidData as invalid:
        decision = Decision(verdict=Verdict.REJECTED, reason="InvalidEvent", message=str(invalid))
    except ValidationError as error:
        places = ", ".join(".".join(map(str, problem["loc"])) for problem in error.errors(include_input=False))
        decision = Decision(
            verdict=Verdict.REJECTED, reason="InvalidEvent", message=f"not an S3 event of EventBridge: {places}"
        )
    else:
        decision = _admission().decide(announced, execution=message.execution, started_at=message.started_at)
    correlate(call_id=decision.recording.get("call_id"), recording_id=decision.recording.get("recording_id"))
    metrics.add_metric(name=f"Recordings{decision.verdict.capitalize()}", unit=MetricUnit.Count, value=1)
    logger.info("decided", decision=decision.verdict.value, reason=decision.reason)
    return decision.to_payload()
