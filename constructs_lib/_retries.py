"""Which errors of the workflow's states pass, and how often it is tried again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_stepfunctions as sfn

_FIRST_SECONDS: Final = 1
_LONGEST_SECONDS: Final = 60
_FIRST_PAUSE: Final = Duration.seconds(_FIRST_SECONDS)
_LONGEST_PAUSE: Final = Duration.seconds(_LONGEST_SECONDS)
# Errors that pass are retried for five minutes on average: full jitter takes half of each pause.
_PATIENT: Final = 15


@dataclass(frozen=True, kw_only=True)
class Retry:
    """Which errors of a state are followed by another try, and by how many.

    Names are those that Step Functions gives errors of the services it calls (AWS Step Functions Developer Guide,
    "Handling errors in Step Functions workflows" and the pages of the services). They have been both those of the API
    and those of the Java SDK, so that both stand here.
    """

    errors: Sequence[str]
    attempts: int

    @property
    def longest_pauses(self) -> int:
        """Seconds that all pauses before these tries take at most."""
        return sum(min(_LONGEST_SECONDS, _FIRST_SECONDS * 2**attempt) for attempt in range(self.attempts))

    def add_to(self, state: sfn.TaskStateBase | sfn.Parallel) -> None:
        """Have *state* tried again so."""
        if self.attempts == 0:
            state.add_retry(errors=[*self.errors], max_attempts=0)
            return
        state.add_retry(
            errors=[*self.errors],
            max_attempts=self.attempts,
            interval=_FIRST_PAUSE,
            backoff_rate=2,
            max_delay=_LONGEST_PAUSE,
            jitter_strategy=sfn.JitterType.FULL,
        )


# A burst meets the account's limit of concurrent invocations, which is low in a new one (AWS: "Lambda quotas"): it only
# has to wait its turn.
OF_THROTTLED_FUNCTIONS: Final = Retry(errors=("Lambda.TooManyRequestsException",), attempts=_PATIENT)
# What else a function raises, it would raise again.
OF_FUNCTIONS: Final = (
    OF_THROTTLED_FUNCTIONS,
    Retry(
        errors=(
            "TransientError",  # lambdas.common.errors
            *("Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.LambdaException"),
            *("Lambda.SdkClientException", "Lambda.ClientExecutionTimeoutException"),
            *("Lambda.ResourceNotReadyException", "Lambda.ResourceConflictException"),
            *("Lambda.EC2ThrottledException", "Lambda.EC2UnexpectedException", "Lambda.ENINotReadyException"),
            *("Lambda.ENILimitReachedException", "Lambda.SubnetIPAddressLimitReachedException"),
        ),
        attempts=_PATIENT,
    ),
    # The process died, or ran out of time: by chance, or because of what it works on.
    Retry(errors=("States.Timeout", "Sandbox.Timedout", "Runtime.ExitError", "Lambda.Unknown"), attempts=2),
)
# Only of sending: a transcription that failed is not sent again, the function behind the queue has its own patience.
OF_SENDING: Final = (
    Retry(
        errors=(
            *("SQS.SdkClientException", "SQS.AmazonSQSException", "SQS.SqsException"),
            *("SQS.RequestThrottled", "SQS.RequestThrottledException", "SQS.ThrottlingException"),
            *("SQS.KmsThrottled", "SQS.KmsThrottledException"),
            *("SQS.ServiceUnavailable", "SQS.InternalError", "SQS.InternalFailure"),
        ),
        attempts=_PATIENT,
    ),
)
OF_THE_TABLE: Final = (
    Retry(
        errors=(
            "DynamoDB.ConditionalCheckFailedException",
            "DynamoDB.ResourceNotFoundException",
            "DynamoDB.ItemCollectionSizeLimitExceededException",
            "DynamoDB.ValidationException",
            "DynamoDB.AccessDeniedException",
        ),
        attempts=0,
    ),
    Retry(errors=("States.TaskFailed", "States.Timeout"), attempts=_PATIENT),
)
OF_QUICK_CALLS: Final = (Retry(errors=("States.TaskFailed", "States.Timeout"), attempts=_PATIENT),)
