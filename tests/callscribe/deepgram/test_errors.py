"""What Deepgram's refusals and closes mean, whichever half of the product meets them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscribe.deepgram.errors import (
    LONGEST_RETRY_AFTER,
    Refusal,
    close_code,
    is_retriable,
    parse_retry_after,
    refusal,
)

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
KEY = "0123456789abcdef0123456789abcdef01234567"


def read(
    status: int = 400, body: Any = b"", *, reason: str = "Bad Request", headers: dict[str, str] | None = None
) -> Refusal:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return refusal(status, headers or {}, content, reason=reason, now=NOW)


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529])
def test_what_speaks_of_the_moment_may_be_sent_again(status: int) -> None:
    assert is_retriable(status)


@pytest.mark.parametrize("status", [100, 200, 302, 307, 400, 401, 402, 403, 404, 413, 415, 422])
def test_what_speaks_of_the_request_or_comes_from_another_server_is_final(status: int) -> None:
    assert not is_retriable(status)


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (
            {"err_code": "Bad Request", "err_msg": "failed to process audio: corrupt or unsupported data"},
            "BadRequest",
            "400 failed to process audio: corrupt or unsupported data",
        ),
        ({"category": "INVALID_JSON", "message": "Invalid JSON."}, "INVALID_JSON", "400 Invalid JSON."),
        ({"err_code": 5, "err_msg": {"a": 1}}, "5", "400 {'a': 1}"),
        (b"<html>Bad gateway</html>", "HTTP400", "400 Bad Request"),
        (["unexpected"], "HTTP400", "400 Bad Request"),
        (b"[" * 100_000, "HTTP400", "400 Bad Request"),
        (b"", "HTTP400", "400 Bad Request"),
    ],
)
def test_deepgrams_own_code_and_text_are_kept(body: Any, code: str, message: str) -> None:
    refused = read(body=body)
    assert (refused.code, refused.message) == (code, f"{message} (request unknown)")


def test_a_handshake_gives_its_reason_in_a_header() -> None:
    refused = read(headers={"dg-error": "no such model", "dg-request-id": "6b3f-1"})
    assert (refused.code, refused.message) == ("HTTP400", "400 no such model (request 6b3f-1)")


def test_a_text_that_quotes_what_was_sent_is_scrubbed() -> None:
    text = f"cannot fetch https://host/a?X-Amz-Signature=1 with {KEY} for +15550107788"
    for refused in (read(body={"err_msg": text}), read(headers={"dg-error": text})):
        assert refused.message == "400 cannot fetch [url] with [key] for [number] (request unknown)"


def test_a_refusal_says_how_long_to_wait() -> None:
    assert read(429, headers={"retry-after": "17"}).retry_after == 17.0
    assert read(429).retry_after is None


AS_SEEN = "Deepgram did not receive audio data or a text message within the timeout window. See"


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("NET-0001 did not receive audio", "NET-0001"),
        ("DATA-0000", "DATA-0000"),
        (f"{AS_SEEN} https://dpgr.am/net0001", "NET-0001"),
        ("See https://dpgr.am/net0001 for f1234", ""),
        ("somebody said so", ""),
        ("", ""),
    ],
)
def test_a_close_is_told_by_deepgrams_code(reason: str, code: str) -> None:
    assert close_code(reason) == code


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        ("Fri, 20 Nov 2026 10:01:30 -0000", 90.0),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), None),
        ("9" * 5000, LONGEST_RETRY_AFTER),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header: str | None, seconds: float | None) -> None:
    assert parse_retry_after(header, now=NOW) == seconds


@given(st.text(max_size=60))
def test_no_header_breaks_the_reader(header: str) -> None:
    assert (parse_retry_after(header, now=NOW) or 0.0) >= 0.0
