"""Analyse: have a language model read a stored transcript."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit

from callscribe.analysis.stored import AnalysisStatus
from callscribe.contract.events import AnalysisFigures
from callscribe.contract.messages import AnalyseAnswer, AnalyseMessage
from callscribe.contract.metrics import FunctionMetric
from callscribe.conversation.flags import load_flag_set
from callscribe.environments.functions import AnalyseCallEnvironment
from callscribe.judgement.quality import load_rubric
from callscribe.serialization import decode, encode
from lambdas.analyse_call.analysis import Analysing
from lambdas.analyse_call.bedrock import BEDROCK, BedrockAnalyst
from lambdas.common import aws
from lambdas.common.archive import Archive
from lambdas.common.observability import correlate, entry_point, logger, metrics
from lambdas.common.transcripts import figures_of

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from lambdas.analyse_call.analysis import Analysed


@cache
def _analysing() -> Analysing:
    environment = AnalyseCallEnvironment.from_variables(os.environ)
    settings = environment.analyst
    flag_set = load_flag_set(environment.flags)
    client = aws.bedrock(endpoint=settings.endpoint, read_timeout=settings.request_timeout_seconds)
    return Analysing(
        table=aws.table(environment.table_name),
        archive=Archive(s3=aws.s3(), bucket=environment.archive_bucket),
        analyst=BedrockAnalyst(client=client, settings=settings, flag_set=flag_set),
        source=BEDROCK,
        settings=settings,
        rubric=load_rubric(environment.rubric),
        flag_set=flag_set,
        now=lambda: datetime.now(UTC),
    )


@entry_point
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Have one stored transcript read.

    Args:
        event: An `AnalyseMessage`.
        context: Lambda's context.

    Returns:
        An `AnalyseAnswer`: what became of it and the call's figures, never words.
    """
    message = decode(AnalyseMessage, event, "the message")
    correlate(call_id=message.call_id, recording_id=message.recording_id)
    analysed = _analysing().analyse(message.transcript, again=message.again)
    answer = AnalyseAnswer(
        analysis=_figures(analysed), figures=figures_of(replace(analysed.transcript, cost=analysed.cost))
    )
    _count(analysed)
    logger.info("analysed", analysis=encode(answer.analysis), found=analysed.found)
    result: dict[str, Any] = encode(answer)
    return result


def _figures(analysed: Analysed) -> AnalysisFigures:
    shown = analysed.shown
    return AnalysisFigures(
        status=shown.status,
        reason=shown.reason,
        urgency=shown.urgency,
        score=shown.score,
        dropped=shown.dropped if shown.status is AnalysisStatus.SUCCEEDED else None,
    )


def _count(analysed: Analysed) -> None:
    shown = analysed.shown
    metrics.add_metric(
        name=FunctionMetric.ANALYSES_FAILED, unit=MetricUnit.Count, value=shown.status is AnalysisStatus.FAILED
    )
    if not analysed.found:
        metrics.add_metric(name=FunctionMetric.ANSWERS_DROPPED, unit=MetricUnit.Count, value=shown.dropped)
