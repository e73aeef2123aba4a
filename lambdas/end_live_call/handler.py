"""End: Connect says that a contact is over, or a flow has stopped streaming it."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.parser import ValidationError, parse

from callscribe.environments.functions import EndLiveCallEnvironment
from lambdas.common import aws
from lambdas.common.contact_flow import ContactFlowEvent, answer
from lambdas.common.observability import correlate, entry_point, logger, metrics
from lambdas.end_live_call.contact_event import ContactEvent
from lambdas.end_live_call.hints import EndHints

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


_METRICS = {
    "disconnected": "LiveCallsDisconnected",
    "stop-fragment": "LiveCallsStopped",
    "invalid-event": "LiveCallEndsMalformed",
}


@cache
def _hints() -> EndHints:
    environment = EndLiveCallEnvironment.from_variables(os.environ)
    return EndHints(table=aws.table(environment.table_name, aws.PROMPT_CONFIG))


@entry_point
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Note a hint about the end of a call.

    Args:
        event: Contact event of Amazon Connect by EventBridge, or `ContactFlowEvent` of a flow, after the block that
            stops media streaming.
        context: Lambda's context.

    Returns:
        `{"live_transcription": "stopped" | "ignored", "reason"}`, which only a flow reads. What is not about the end of
        a live call, or is malformed, is ignored: repeating it would change nothing.

    Raises:
        UnexpectedError: The table does not answer; EventBridge's invocation is repeated, a flow takes its error branch.
    """
    try:
        if "detail" in event:
            result = _on_contact_event(parse(event=event, model=ContactEvent))
        else:
            result = _on_stop(parse(event=event, model=ContactFlowEvent))
    except ValidationError:
        result = answer("ignored", "invalid-event")
        logger.warning("ignored", error_code=result["reason"])
    else:
        logger.debug("handled", outcome=result)
    metrics.add_metric(name=_METRICS.get(result["reason"], "LiveCallEndsIgnored"), unit=MetricUnit.Count, value=1)
    return result


def _on_contact_event(event: ContactEvent) -> dict[str, str]:
    correlate(call_id=event.contact_id, recording_id=None)
    if not event.is_disconnection:
        return answer("ignored", "other-event")
    noted = _hints().disconnected(event.contact_id, at=event.disconnected_at, agent_joined_at=event.agent_joined_at)
    if not noted:
        return answer("ignored", "no-live-call")
    return answer("stopped", "disconnected")


def _on_stop(event: ContactFlowEvent) -> dict[str, str]:
    correlate(call_id=event.contact_id, recording_id=None)
    media = event.media
    if media is None or not media.stop_fragment or media.stopped_at_ms is None:
        return answer("ignored", "no-stop-fragment")
    if not _hints().stopped(event.contact_id, fragment=media.stop_fragment, at_ms=media.stopped_at_ms):
        return answer("ignored", "no-live-call")
    return answer("stopped", "stop-fragment")
