from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, IncompleteReadError, ReadTimeoutError

from lambdas.common.errors import SafeError, TransientError, UnexpectedError
from lambdas.common.observability import entry_point
from tests.lambdas.cloud import Context

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.typing import LambdaContext

CONTEXT = cast("LambdaContext", Context())
STATUS_503: Any = {"HTTPStatusCode": 503}


@entry_point
def fails_on_a_value(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    raise KeyError(event["phone"])


@entry_point
def fails_as_foreseen(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    raise SafeError("Deepgram.INVALID_AUTH", "401 Invalid credentials.")


def test_an_unexpected_error_is_raised_again_without_its_text(output: Callable[[], str]) -> None:
    with pytest.raises(UnexpectedError) as raised:
        fails_on_a_value({"phone": "+15550107788"}, CONTEXT)
    assert str(raised.value).startswith("KeyError at test_observability.py:")
    assert raised.value.__suppress_context__
    assert "5550107788" not in output()


def test_a_foreseen_error_keeps_its_code(output: Callable[[], str]) -> None:
    with pytest.raises(SafeError, match=r"Deepgram\.INVALID_AUTH: 401"):
        fails_as_foreseen({}, CONTEXT)
    assert '"error_code":"Deepgram.INVALID_AUTH"' in output()


@pytest.mark.parametrize(
    "passing",
    [
        ClientError({"Error": {"Code": "ThrottlingException", "Message": "+15550107788"}}, "PutItem"),
        ClientError({"Error": {"Code": "503"}, "ResponseMetadata": STATUS_503}, "HeadObject"),
        EndpointConnectionError(endpoint_url="https://+15550107788"),
        ReadTimeoutError(endpoint_url="https://+15550107788"),
        IncompleteReadError(actual_bytes=1, expected_bytes=2),
        ConnectionResetError("+15550107788"),
        TimeoutError("+15550107788"),
    ],
)
def test_trouble_that_passes_is_raised_again_under_the_name_that_is_repeated(
    output: Callable[[], str], passing: Exception
) -> None:
    @entry_point
    def fails(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        raise passing

    with pytest.raises(TransientError) as raised:
        fails({}, CONTEXT)
    assert type(raised.value) is TransientError
    assert type(passing).__name__ in str(raised.value)
    assert "5550107788" not in str(raised.value) + output()


@pytest.mark.parametrize("library", ["botocore", "httpx", "httpcore", "urllib3"])
def test_libraries_never_write_requests_into_the_log(library: str) -> None:
    assert logging.getLogger(library).getEffectiveLevel() == logging.WARNING
