"""What Deepgram's refusals and closes mean; for a recording's request and a stream's handshake it is the same.

Sources: Deepgram docs, "API Errors" and "Troubleshooting WebSocket, DATA, and NET Errors When Live Streaming Audio";
where they are silent, what Deepgram's own SDK repeats.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from callscribe.scrubbing import scrub
from callscribe.serialization import InvalidData, decode_json

ERROR_PREFIX: Final = "Deepgram"
"""What the codes of its failures begin with."""

RATE_LIMITED: Final = 429
"""HTTP status of a request beyond the limits of the project."""

KEY_REFUSED: Final = 401
"""HTTP status of a request whose key Deepgram does not know; it may have been rotated."""

AUDIO_REFUSED: Final = 1008
"""WebSocket close code of audio that cannot be decoded (`DATA-0000`); every other end of a stream is of the moment."""

LONGEST_RETRY_AFTER: Final = 86_400.0
"""Longest wait in seconds that is read from a header; nobody here waits longer."""

# What speaks of the moment though it is below 500: the SDK repeats 408, 409 and 429, and 425 says by its definition
# that the request may be sent again (RFC 8470, 5.2).
_RETRIABLE_STATUS: Final = frozenset({408, 409, 425, RATE_LIMITED})

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_CLOSE_CODE: Final = re.compile(
    r"(?P<kind>[A-Z]+)-(?P<number>\d+)|.*https://dpgr\.am/(?P<link>net|data)(?P<linked>\d+)$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An answer with another HTTP status than one of success.

    Attributes:
        status: HTTP status.
        code: Stable name, such as `INVALID_AUTH` or, where Deepgram gives none, `HTTP401`.
        message: Status, Deepgram's text and the request id, without URLs, keys and long numbers.
        retriable: Whether the same request may succeed later.
        retry_after: Seconds that Deepgram asks to wait; None where it does not.
    """

    status: int
    code: str
    message: str
    retriable: bool
    retry_after: float | None


def is_retriable(status: int) -> bool:
    """Whether a request that was refused with this HTTP status may succeed later.

    Deepgram documents no redirect, and no stream begins with a success: with those another server answers, and will.
    """
    return status in _RETRIABLE_STATUS or status >= 500


def refusal(status: int, headers: Mapping[str, str], content: bytes, *, reason: str, now: datetime) -> Refusal:
    """Read a refusal.

    Two forms of the body are documented: `err_code` with `err_msg`, and `category` with `message`. A refused handshake
    gives its reason in the header `dg-error` as well.

    Args:
        status: HTTP status.
        headers: By their names in small letters.
        content: Body, as far as it came.
        reason: HTTP's own phrase for the status, which stands for a text that is not there.
        now: The time (aware).
    """
    try:
        body: dict[str, object] = decode_json(dict[str, object], content, "the refusal")
    except InvalidData:
        body = {}
    code = re.sub(r"[^A-Za-z0-9_.-]", "", str(body.get("err_code") or body.get("category") or ""))[:64]
    text = scrub(str(body.get("err_msg") or body.get("message") or headers.get("dg-error") or reason))
    return Refusal(
        status=status,
        code=code or f"HTTP{status}",
        message=f"{status} {text} (request {request_id(headers, body) or 'unknown'})",
        retriable=is_retriable(status),
        retry_after=parse_retry_after(headers.get("retry-after"), now=now),
    )


def request_id(headers: Mapping[str, str], body: Mapping[str, object]) -> str:
    """Return Deepgram's name of a request; "" where neither headers nor body have one."""
    candidates = (headers.get("dg-request-id"), headers.get("x-dg-request-id"), body.get("request_id"))
    return next((value for value in candidates if isinstance(value, str) and _REQUEST_ID.fullmatch(value)), "")


def close_code(reason: str) -> str:
    """Return Deepgram's code in the reason of a close, such as `NET-0001`; "" where there is none.

    The documentation has the code itself; what the service says of NET-0001 ends with the code in a link instead.
    """
    named = _CLOSE_CODE.match(reason)
    if named is None:
        return ""
    return f"{named['kind'] or named['link'].upper()}-{named['number'] or named['linked']}"


def parse_retry_after(value: str | None, *, now: datetime) -> float | None:
    """Return the seconds a `Retry-After` header asks for, given as seconds or as an HTTP date (RFC 9110, 10.2.3).

    At most `LONGEST_RETRY_AFTER`. Anything else, and a date in the past, counts as no header.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        # int() of thousands of digits is slow.
        return min(float(text[:10]), LONGEST_RETRY_AFTER) if len(text) <= 10 else LONGEST_RETRY_AFTER
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = (moment - now).total_seconds()
    return min(seconds, LONGEST_RETRY_AFTER) if seconds > 0 else None
