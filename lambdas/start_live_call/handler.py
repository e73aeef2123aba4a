"""Start: a contact flow has begun to stream a call and wants it transcribed."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.parser import ValidationError, parse

from callscribe.environments.functions import StartLiveCallEnvironment
from lambdas.common import aws
from lambdas.common.clinics import Clinics
from lambdas.common.contact_flow import ContactFlowEvent, answer
from lambdas.common.observability import entry_point, logger, metrics
from lambdas.start_live_call.announcement import Announcer, Refused

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@cache
def _announcer() -> Announcer:
    environment = StartLiveCallEnvironment.from_variables(os.environ)
    table, days = aws.table(environment.table_name, aws.PROMPT_CONFIG), environment.retention_days
    retention = None if days is None else timedelta(days=days)
    return Announcer(
        table=table,
        sqs=aws.sqs(aws.PROMPT_CONFIG),
        queue_url=environment.calls_queue_url,
        clinics=Clinics(table=table, retention=retention),
        rules=environment.clinics,
        retention=retention,
    )


@entry_point
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Announce the call to the streamers.

    Args:
        event: `ContactFlowEvent` of Amazon Connect, after the block that starts media streaming. The clinic is the one
            that the contact already has, else the block's parameter `clinic_id`, else the contact's attribute of that
            name, else that of its queue or of the number that was dialled, else the default.
        context: Lambda's context.

    Returns:
        `{"live_transcription": "started" | "refused", "reason"}`. A call is refused when asking again would not help.

    Raises:
        UnexpectedError: The table or the queue does not answer; the flow takes its error branch.
    """
    try:
        call = _announcer().announce(_parse(event), now=datetime.now(UTC))
    except Refused as refused:
        metrics.add_metric(name="LiveCallsRefused", unit=MetricUnit.Count, value=1)
        logger.warning("refused", error_code=refused.reason, error_message=refused.message)
        return answer("refused", refused.reason)
    metrics.add_metric(name="LiveCallsAnnounced", unit=MetricUnit.Count, value=1)
    logger.info("announced", clinic_id=call.clinic_id)
    return answer("started", "announced")


def _parse(event: dict[str, Any]) -> ContactFlowEvent:
    try:
        return parse(event=event, model=ContactFlowEvent)
    except ValidationError:
        raise Refused("invalid-event", "not an event of a contact flow") from None
