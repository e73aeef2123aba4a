"""One request to Deepgram, by its SDK, and the reply exactly as it came."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import httpx
from deepgram import DeepgramClient, DeepgramClientEnvironment

from lambdas.common.errors import SafeError
from lambdas.common.scrubbing import scrub
from lambdas.transcribe_call.retry_policy import parse_retry_after

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping

MAX_REPLY_BYTES = 32 * 1024 * 1024
"""Largest reply read: seven hours of speech without a pause, at under 5 MB an hour. The function's 512 MiB hold what
the SDK makes of it; a reply that they did not hold would end the function before it is kept, and be paid for again."""

_CONNECT_TIMEOUT_SECONDS = 10.0

# What Deepgram's SDK would repeat as well; all of it speaks of the moment, not of the request.
_RETRIABLE_STATUS = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS})
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


@dataclass(frozen=True, kw_only=True)
class RawReply:
    """A reply with a status of success; nothing is known yet of what it holds.

    Attributes:
        content: The body, byte for byte.
        request_id: Deepgram's name of the request; "" where the reply's headers have none.
    """

    content: bytes
    request_id: str


class DeepgramFailure(SafeError):
    """Deepgram refused the request, or no whole reply arrived.

    Attributes:
        status: HTTP status; `None` when no reply arrived.
        retriable: Whether the same request may succeed later.
        retry_after: Seconds Deepgram asked to wait.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int | None = None,
        retriable: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(code, message)
        self.status = status
        self.retriable = retriable
        self.retry_after = retry_after


class DeepgramApi:
    """Deepgram's API for recordings.

    Args:
        base_url: Where the API is, such as `https://api.eu.deepgram.com`.
        timeout: How long Deepgram may take for a whole request. It works for up to 10 minutes before it gives up
            itself (Deepgram docs, "Getting started with pre-recorded audio").
    """

    def __init__(self, *, base_url: str, timeout: timedelta) -> None:
        websocket_url = re.sub(r"^http", "ws", base_url)
        self._environment = DeepgramClientEnvironment(
            base=base_url, production=websocket_url, agent=websocket_url, agent_rest=base_url
        )
        self._timeout = timeout.total_seconds()

    def transcribe(self, url: str, *, parameters: Mapping[str, Any], api_key: str) -> RawReply:
        """Have Deepgram fetch a recording and transcribe it; the request is sent once.

        Args:
            url: Where Deepgram can fetch the recording.
            parameters: Query parameters, by the SDK's names.
            api_key: Deepgram's API key.

        Raises:
            DeepgramFailure: No reply with a status of success arrived. After a timeout or a broken connection
                Deepgram may have done, and may bill, the work all the same.
        """
        capture = _Capture(deadline=time.monotonic() + self._timeout)
        with httpx.Client(
            timeout=httpx.Timeout(self._timeout, connect=_CONNECT_TIMEOUT_SECONDS),
            verify=_tls_context(),
            # The size limit below then counts what is read, not what it unpacks to.
            headers={"Accept-Encoding": "identity"},
            event_hooks={"response": [capture]},
        ) as http:
            client = DeepgramClient(api_key=api_key, environment=self._environment, httpx_client=http, max_retries=0)
            try:
                client.listen.v1.media.transcribe_url(url=url, **parameters, request_options={"max_retries": 0})
            except httpx.TimeoutException as error:
                raise DeepgramFailure(
                    "Deepgram.Timeout", f"no reply in time ({type(error).__name__})", retriable=True
                ) from None
            except httpx.TransportError as error:
                raise DeepgramFailure(
                    "Deepgram.ConnectionFailed", f"the connection failed ({type(error).__name__})", retriable=True
                ) from None
            except SafeError:
                raise
            except Exception:
                # What the SDK makes of a reply that has arrived does not matter: it is paid for, and judged below.
                if capture.response is None:
                    raise
        return capture.result()


class _Capture:
    """Response hook that keeps the response and bounds the reading of its body."""

    def __init__(self, *, deadline: float) -> None:
        self._deadline = deadline
        self.response: httpx.Response | None = None

    def __call__(self, response: httpx.Response) -> None:
        response.stream = _BoundedStream(response.stream, deadline=self._deadline)
        self.response = response

    def result(self) -> RawReply:
        if self.response is None:
            raise RuntimeError("the SDK returned without a request")
        if not self.response.is_success:
            raise _refusal(self.response)
        return RawReply(content=self.response.content, request_id=_request_id(self.response, {}))


class _BoundedStream(httpx.SyncByteStream):
    """A response body with a limit on its size and on the time it takes.

    The read timeout starts anew with every piece that arrives, so a trickle would otherwise never end.
    """

    def __init__(self, stream: object, *, deadline: float) -> None:
        if not isinstance(stream, httpx.SyncByteStream):
            raise TypeError("the response is not synchronous")
        self._stream = stream
        self._deadline = deadline

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for chunk in self._stream:
            size += len(chunk)
            if size > MAX_REPLY_BYTES:
                raise DeepgramFailure("Deepgram.ReplyTooLarge", f"the reply is larger than {MAX_REPLY_BYTES} bytes")
            if time.monotonic() > self._deadline:
                raise httpx.ReadTimeout("the reply took too long")
            yield chunk

    def close(self) -> None:
        self._stream.close()


def _refusal(response: httpx.Response) -> DeepgramFailure:
    """Turn a reply with another status into an error with Deepgram's code and request id.

    Two forms are documented (Deepgram docs, "API Errors"): `err_code` with `err_msg`, and `category` with `message`.
    """
    status = response.status_code
    try:
        decoded = json.loads(response.content)
    except (ValueError, RecursionError):
        decoded = None
    body = decoded if isinstance(decoded, dict) else {}
    code = re.sub(r"[^A-Za-z0-9_.-]", "", str(body.get("err_code") or body.get("category") or ""))[:64]
    message = scrub(str(body.get("err_msg") or body.get("message") or response.reason_phrase))
    request_id = _request_id(response, body)
    return DeepgramFailure(
        f"Deepgram.{code or f'HTTP{status}'}",
        f"{status} {message} (request {request_id or 'unknown'})",
        status=status,
        retriable=status in _RETRIABLE_STATUS or status >= HTTPStatus.INTERNAL_SERVER_ERROR,
        retry_after=parse_retry_after(response.headers.get("Retry-After"), now=datetime.now(UTC)),
    )


def _request_id(response: httpx.Response, body: Mapping[str, Any]) -> str:
    headers = response.headers
    candidates = (headers.get("dg-request-id"), headers.get("x-dg-request-id"), body.get("request_id"))
    return next((value for value in candidates if isinstance(value, str) and _REQUEST_ID.fullmatch(value)), "")


@cache
def _tls_context() -> ssl.SSLContext:
    # Loading the certificates takes longer than the rest of a client.
    return httpx.create_ssl_context()
