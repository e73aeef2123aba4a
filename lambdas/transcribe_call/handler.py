"""Transcribe: take one call from the work queue, have it transcribed, answer the waiting task."""

from __future__ import annotations

import os
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.parameters import SecretsProvider, SSMProvider
from botocore.exceptions import ClientError

from callscribe.contract.metrics import FunctionMetric
from callscribe.conversation.utterances import Role
from callscribe.deepgram.transcription import DeepgramTranscriptions
from callscribe.environments.functions import TranscribeCallEnvironment
from lambdas.common import aws
from lambdas.common.archive import Archive
from lambdas.common.claims import Claims
from lambdas.common.errors import SafeError, describe, error_code
from lambdas.common.observability import correlate, entry_point, logger, metrics
from lambdas.common.presigning import Presigner
from lambdas.transcribe_call.deepgram.api import DeepgramApi
from lambdas.transcribe_call.deepgram.key import DeepgramKey
from lambdas.transcribe_call.deepgram.service import DeepgramService
from lambdas.transcribe_call.report import Report, StaleTask
from lambdas.transcribe_call.vocabulary import Vocabulary
from lambdas.transcribe_call.work import MalformedMessage, Work
from lambdas.transcribe_call.worker import RetryLater, RetryLimits, Worker

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext

# A batch of one that fails is a message that goes back, not an error of the function.
_processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)


@cache
def _environment() -> TranscribeCallEnvironment:
    return TranscribeCallEnvironment.from_variables(os.environ)


@cache
def _worker() -> Worker:
    environment = _environment()
    return Worker(
        report=Report(step_functions=aws.step_functions()),
        claims=Claims(table=aws.table(environment.table_name)),
        archive=Archive(s3=aws.s3(), bucket=environment.archive_bucket),
        service=DeepgramService(
            api=DeepgramApi(
                base_url=environment.deepgram_base_url, timeout=timedelta(seconds=environment.request_timeout_seconds)
            ),
            key=DeepgramKey(
                secrets=SecretsProvider(boto3_client=aws.secrets_manager()), secret_arn=environment.deepgram_secret_arn
            ),
            options=environment.deepgram_options,
        ),
        transcriptions=DeepgramTranscriptions(options=environment.deepgram_options),
        presigner=Presigner(
            sts=aws.sts(),
            role_arn=environment.presigner_role_arn,
            region=boto3.Session().region_name,
            lifetime=timedelta(seconds=environment.presigned_url_seconds),
        ),
        vocabulary=Vocabulary(
            parameters=SSMProvider(boto3_client=aws.parameter_store()), path=environment.vocabulary_path
        ),
        limits=RetryLimits(
            max_attempts=environment.max_attempts, max_delay_seconds=environment.max_retry_delay_seconds
        ),
        channel_roles={channel: Role(role) for channel, role in environment.channel_roles.items()},
    )


@entry_point
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Transcribe the calls of a batch of SQS messages (a batch has one).

    Args:
        event: SQS event; a body is `{"task_token", "execution", "recording"}`.
        context: Lambda's context.

    Returns:
        `{"batchItemFailures": [...]}`: the messages that go back into the queue.
    """
    return dict(process_partial_response(event, record_handler=_handle_record, processor=_processor, context=context))


def _handle_record(record: SQSRecord, lambda_context: LambdaContext) -> None:
    try:
        work = Work.from_body(record.body)
        correlate(call_id=work.recording.call.call_id, recording_id=work.recording.recording_id)
        _worker().process(
            work,
            receive_count=int(record.attributes.approximate_receive_count),
            lifetime=timedelta(milliseconds=lambda_context.get_remaining_time_in_millis()),
        )
    except MalformedMessage as malformed:
        _refuse(record, malformed)
    except RetryLater as later:
        _return(record, seconds=later.delay_seconds)
        raise
    except Exception as error:
        # The batch processor reports the message as failed and says nothing of the reason.
        logger.error("the message goes back into the queue", error=describe(error))
        _count_returned()
        raise


def _refuse(record: SQSRecord, malformed: MalformedMessage) -> None:
    """Settle a message that nobody can work on: fail the task that waits for it, else put it with the failed calls."""
    failure = SafeError("WorkMessage.Malformed", f"{malformed.problem}; a redrive starts from the recording's event")
    logger.error("a message is refused", error_code=failure.code, error_message=failure.message)
    metrics.add_metric(name=FunctionMetric.MESSAGES_REFUSED, unit=MetricUnit.Count, value=1)
    if malformed.task_token is not None:
        try:
            Report(step_functions=aws.step_functions()).failure(malformed.task_token, failure)
        except StaleTask:
            logger.warning("nobody waits for the refused message")
        else:
            return
    queue = _environment().failed_calls_queue_url
    if queue is None:
        raise malformed
    aws.sqs().send_message(
        QueueUrl=queue,
        MessageBody=record.body,
        MessageAttributes={"ERROR_CODE": {"DataType": "String", "StringValue": failure.code}},
    )


def _return(record: SQSRecord, *, seconds: int) -> None:
    """Keep a message hidden in the queue; without success it comes back after the queue's own time."""
    _count_returned()
    queue = _environment().queue_url
    if queue is None:
        logger.warning("the delay cannot be set: the function was not told its queue")
        return
    try:
        aws.sqs().change_message_visibility(
            QueueUrl=queue, ReceiptHandle=record.receipt_handle, VisibilityTimeout=seconds
        )
    except ClientError as error:
        logger.warning("the delay could not be set", error_code=error_code(error))


def _count_returned() -> None:
    metrics.add_metric(name=FunctionMetric.MESSAGES_RETURNED, unit=MetricUnit.Count, value=1)
