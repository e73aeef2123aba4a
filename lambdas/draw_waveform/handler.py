"""Draw: keep the waveform of a recording, once its transcript is announced or somebody listens to it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit

from callscribe.contract.messages import DrawMessage
from callscribe.contract.metrics import FunctionMetric
from callscribe.environments.functions import DrawWaveformEnvironment
from callscribe.serialization import decode
from lambdas.common import aws
from lambdas.common.archive import Archive
from lambdas.common.observability import correlate, entry_point, logger, metrics
from lambdas.draw_waveform.drawing import Drawing

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@cache
def _drawing() -> Drawing:
    environment = DrawWaveformEnvironment.from_variables(os.environ)
    archive = Archive(s3=aws.s3(), bucket=environment.archive_bucket)
    return Drawing(table=aws.table(environment.table_name), s3=aws.s3(), archive=archive)


@entry_point
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Draw the waveform of one recording, unless there is one.

    Args:
        event: A `DrawMessage`.
        context: Lambda's context.

    Returns:
        `{"drawn", "reason"}`: whether there is one, and why there can be none.
    """
    message = decode(DrawMessage, event, "the message")
    correlate(call_id=None, recording_id=message.recording_id)
    kept, new = _drawing().draw(message.recording_id, document=message.document, now=datetime.now(UTC))
    drawn, reason = kept is not None and kept.reason is None, None if kept is None else kept.reason
    metrics.add_metric(name=FunctionMetric.WAVEFORMS_DRAWN, unit=MetricUnit.Count, value=new and drawn)
    metrics.add_metric(name=FunctionMetric.WAVEFORMS_IMPOSSIBLE, unit=MetricUnit.Count, value=new and not drawn)
    logger.info("drawn", drawn=drawn, reason=reason, new=new)
    return {"drawn": drawn, "reason": reason}
