"""Score: judge how well the call was handled, by a versioned rubric."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit

from callscribe.contract.messages import ScoreMessage
from callscribe.environments.functions import ScoreQualityEnvironment
from callscribe.judgement.quality import load_rubric
from callscribe.serialization import decode
from lambdas.common import aws
from lambdas.common.archive import Archive
from lambdas.common.observability import correlate, entry_point, logger, metrics
from lambdas.score_quality.scoring import Scoring

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@cache
def _scoring() -> Scoring:
    environment = ScoreQualityEnvironment.from_variables(os.environ)
    return Scoring(
        table=aws.table(environment.table_name),
        archive=Archive(s3=aws.s3(), bucket=environment.archive_bucket),
        rubric=load_rubric(environment.rubric),
    )


@entry_point
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Score one stored transcript.

    Args:
        event: A `ScoreMessage`.
        context: Lambda's context.

    Returns:
        `{"score", "rubric", "version"}`; the score is 0 to 100, or null where nothing could be judged.
    """
    message = decode(ScoreMessage, event, "the message")
    recording, transcript = message.recording, message.transcript
    correlate(call_id=recording["call_id"], recording_id=recording["recording_id"])
    quality = _scoring().score(
        pk=transcript.pk,
        sk=transcript.sk,
        document_key=transcript.key,
        recording_id=recording["recording_id"],
    )
    metrics.add_metric(name="CallsScored", unit=MetricUnit.Count, value=1)
    logger.info("scored", score=quality.score, rubric=quality.rubric, version=quality.version)
    return {"score": quality.score, "rubric": quality.rubric, "version": quality.version}
