"""Structured logs and metrics, and the guard around every handler that keeps values out of them."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from lambdas.common.errors import SafeError, TransientError, UnexpectedError, describe, is_transient

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.typing import LambdaContext

    Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]

logger = Logger(log_uncaught_exceptions=False)
metrics = Metrics()

# At DEBUG these libraries write request bodies, secrets and presigned URLs into the log. The function's log level
# sets the root logger's, so they are pinned.
for _library in ("boto3", "botocore", "urllib3", "httpx", "httpcore", "deepgram"):
    logging.getLogger(_library).setLevel(logging.WARNING)


def correlate(*, call_id: str | None, recording_id: str | None) -> None:
    """Put the call and its recording on every log line of this invocation."""
    if call_id is not None:
        logger.set_correlation_id(call_id)
    if recording_id is not None:
        logger.append_keys(recording_id=recording_id)


def entry_point(handler: Handler) -> Handler:
    """Wrap a Lambda handler with logs, metrics and scrubbed errors.

    Neither the event nor the result is logged. Traces are Lambda's own. A `SafeError` passes; anything else is raised
    again as `TransientError` if it passes by itself, else as `UnexpectedError`, naming type and place only, because
    Step Functions keeps a function's error text in the execution history.
    """

    @logger.inject_lambda_context(clear_state=True, log_event=False)
    @metrics.log_metrics
    @functools.wraps(handler)
    def guarded(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        try:
            return handler(event, context)
        except SafeError as error:
            logger.error("failed", error_code=error.code, error_message=error.message)
            _count_error()
            raise
        except Exception as error:  # noqa: BLE001 - raised again, without its text
            place = describe(error)
            logger.error("failed unexpectedly", error=place)
            _count_error()
            if is_transient(error):
                raise TransientError("AWS.Unavailable", place) from None
            raise UnexpectedError(place) from None

    return guarded


def _count_error() -> None:
    metrics.add_metric(name="Errors", unit=MetricUnit.Count, value=1)
