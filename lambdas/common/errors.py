"""Errors whose text may be shown, the names of AWS's, and which of them pass by themselves."""

from __future__ import annotations

from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError
from botocore.exceptions import ConnectionError as AwsConnectionError

from callscribe import aws_refusals
from callscribe.failures import SafeError, UnexpectedError, describe

__all__ = ["SafeError", "TransientError", "UnexpectedError", "describe", "error_code", "error_name", "is_transient"]


class TransientError(SafeError):
    """A failure that passes by itself. The state machine repeats the step for minutes.

    It knows the class by its name and no subclass of it (AWS Step Functions Developer Guide, "Handling errors in Step
    Functions workflows"), so that there must be none.
    """


def error_code(error: ClientError) -> str:
    """Return AWS's own code of a refused call, such as `ConditionalCheckFailedException`."""
    return str(error.response.get("Error", {}).get("Code", "Unknown"))


def error_name(error: Exception) -> str:
    """Return AWS's own code of a refused call, and of one without an answer what kept it away."""
    return error_code(error) if isinstance(error, ClientError) else type(error).__name__


def is_transient(error: BaseException) -> bool:
    """Tell whether the same call may succeed later: AWS throttles, has a fault of its own, or is out of reach."""
    if isinstance(error, ClientError):
        return aws_refusals.is_transient(error.response)
    return isinstance(
        error, AwsConnectionError | HTTPClientError | IncompleteReadError | ConnectionError | TimeoutError
    )
