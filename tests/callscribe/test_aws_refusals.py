from typing import Any

import pytest

from callscribe.aws_refusals import is_transient


def refusal(code: str = "", status: int = 400, *reasons: str) -> dict[str, Any]:
    cancelled = {"CancellationReasons": [{"Code": reason} for reason in reasons]} if reasons else {}
    return {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}, **cancelled}


CANCELLED = "TransactionCanceledException"


@pytest.mark.parametrize(
    "passing",
    [
        refusal("ThrottlingException"),
        refusal("ProvisionedThroughputExceededException"),
        refusal("KmsThrottled"),
        refusal("SlowDown", 503),
        refusal("503", 503),
        refusal("429", 429),
        refusal("SomethingNew", 500),
        refusal("ConflictException", 409),
        refusal(CANCELLED, 400, "ThrottlingError", "None"),
        refusal(CANCELLED, 400, "None", "TransactionConflict"),
        refusal(CANCELLED, 400, "ProvisionedThroughputExceeded", "ThrottlingError"),
    ],
)
def test_what_passes_by_itself(passing: dict[str, Any]) -> None:
    assert is_transient(passing)


@pytest.mark.parametrize(
    "lasting",
    [
        {},
        refusal(),
        refusal("AccessDenied", 403),
        refusal("ConditionalCheckFailedException"),
        refusal("ValidationException"),
        refusal("NoSuchKey", 404),
        refusal("404", 404),
        refusal("KMS.DisabledException"),
        refusal(CANCELLED),
        refusal(CANCELLED, 400, "None", "None"),
        refusal(CANCELLED, 400, "ThrottlingError", "ConditionalCheckFailed"),
        refusal(CANCELLED, 400, "ValidationError", "None"),
    ],
)
def test_what_lasts(lasting: dict[str, Any]) -> None:
    assert not is_transient(lasting)
