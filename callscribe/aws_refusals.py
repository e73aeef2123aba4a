"""Which refusals of AWS pass by themselves: throttling, faults of the service, writes that met each other.

A refusal is told by its parts, as botocore's `ClientError.response` has them, because the core does not know AWS.
"""

from collections.abc import Mapping
from typing import Any, Final

# Whatever the status beside them. Sources: AWS SDKs and Tools Reference Guide, "Retry behavior" (the names of
# throttling); Amazon DynamoDB Developer Guide, "Error handling with DynamoDB", and API reference, "TransactWriteItems"
# (the last but one group, reasons of a cancellation among them); Amazon SQS and Amazon S3 API references (the others).
_TRANSIENT_CODES: Final = frozenset(
    {
        *("BandwidthLimitExceeded", "EC2ThrottledException", "LimitExceededException", "PriorRequestNotComplete"),
        *("RequestLimitExceeded", "RequestThrottled", "RequestThrottledException", "SlowDown", "Throttled"),
        *("ThrottledException", "Throttling", "ThrottlingException", "TooManyRequestsException"),
        *("RequestTimeout", "RequestTimeoutException", "ServiceUnavailable", "InternalError", "InternalFailure"),
        *("InternalServerError", "InternalServerErrorException", "ServerException", "KMSInternalException"),
        *(
            "ProvisionedThroughputExceeded",
            "ProvisionedThroughputExceededException",
            "ReplicatedWriteConflictException",
        ),
        *("ThrottlingError", "TransactionConflict", "TransactionConflictException", "TransactionInProgressException"),
        *("ConditionalRequestConflict", "ConflictException", "OperationAborted"),
        *("KmsThrottled", "KmsThrottledException", "KMS.ThrottlingException", "OverLimit"),
    }
)
# RFC 9110, 15.6, and RFC 6585, 4. An answer to HEAD has no body that could carry a code, only its status.
_SERVER_FAULTS: Final = 500
_TOO_MANY_REQUESTS: Final = 429


def is_transient(response: Mapping[str, Any]) -> bool:
    """Tell whether the same call may succeed later.

    Args:
        response: the refusal: `Error`, `ResponseMetadata` and, of a cancelled transaction, `CancellationReasons`.
    """
    code = str(response.get("Error", {}).get("Code", ""))
    refused = [reason for reason in cancellation_codes(response) if reason != "None"]
    if refused:
        return all(reason in _TRANSIENT_CODES for reason in refused)
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return code in _TRANSIENT_CODES or status == _TOO_MANY_REQUESTS or status >= _SERVER_FAULTS


def cancellation_codes(response: Mapping[str, Any]) -> list[str]:
    """Return why each item of a cancelled transaction was refused; "None" for those that were not."""
    return [str(reason.get("Code", "None")) for reason in response.get("CancellationReasons", [])]
