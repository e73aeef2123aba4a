"""One request to Deepgram, by its SDK, and the reply exactly as it came."""

from __future__ import annotations

import inspect
import re
import socket
import threading
import zlib
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import httpx
from deepgram import DeepgramClient, DeepgramClientEnvironment

from callscribe.deepgram.errors import ERROR_PREFIX, KEY_REFUSED, RATE_LIMITED, Refusal, refusal, request_id
from lambdas.transcribe_call.speech import RawReply, SpeechFailure

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType
    from typing import Self

MAX_REPLY_BYTES = 32 * 1024 * 1024
"""Largest reply read, counted as it comes and again unpacked: seven hours of speech without a pause, at under 5 MB an
hour. The function's memory holds what is made of it; a reply that it did not hold would end the function before it is
kept, and be paid for again."""

# An error is a few hundred bytes (Deepgram docs, "API Errors"); what a proxy writes instead may be longer.
_MAX_REFUSAL_BYTES = 64 * 1024

_CONNECT_TIMEOUT_SECONDS = 10.0


class DeepgramFailure(SpeechFailure):
    """Deepgram refused the request, or no whole reply arrived.

    Attributes:
        status: HTTP status; `None` when no reply arrived.
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
        answered = status is not None and httpx.codes.is_success(status)
        super().__init__(
            f"{ERROR_PREFIX}.{code}",
            message,
            retriable=retriable,
            retry_after=retry_after,
            answered=answered,
            refused=status is not None and not answered,
            rate_limited=status == RATE_LIMITED,
            key_refused=status == KEY_REFUSED,
        )
        self.status = status


class DeepgramApi:
    """Deepgram's API for recordings.

    Args:
        base_url: Where the API is, such as `https://api.eu.deepgram.com`.
        timeout: How long Deepgram may take for a whole request. It works for up to 10 minutes before it gives up
            itself (Deepgram docs, "Getting started with pre-recorded audio").
        clock: Returns the time (aware, UTC).
    """

    def __init__(
        self, *, base_url: str, timeout: timedelta, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        websocket_url = re.sub(r"^http", "ws", base_url)
        self._environment = DeepgramClientEnvironment(
            base=base_url, production=websocket_url, agent=websocket_url, agent_rest=base_url
        )
        self.timeout = timeout
        self._clock = clock

    def transcribe(self, url: str, *, parameters: Mapping[str, Any], api_key: str) -> RawReply:
        """Have Deepgram fetch a recording and transcribe it; the request is sent once.

        Args:
            url: Where Deepgram can fetch the recording.
            parameters: Query parameters, by Deepgram's names.
            api_key: Deepgram's API key.

        Raises:
            DeepgramFailure: No reply with a status of success arrived. After a timeout or a broken connection
                Deepgram may have done, and may bill, the work all the same.
        """
        seconds = self.timeout.total_seconds()
        watchdog = _Watchdog(seconds)
        capture = _Capture(watchdog, clock=self._clock)
        with (
            watchdog,
            httpx.Client(
                timeout=httpx.Timeout(seconds, connect=_CONNECT_TIMEOUT_SECONDS),
                verify=_tls_context(),
                # Packed replies save little beside the time of a transcription, and cost what unpacks them.
                headers={"Accept-Encoding": "identity"},
                event_hooks={"request": [watchdog.watch], "response": [capture]},
            ) as http,
        ):
            client = DeepgramClient(api_key=api_key, environment=self._environment, httpx_client=http, max_retries=0)
            try:
                send = client.listen.v1.media.transcribe_url
                known = {name: value for name, value in parameters.items() if name in _keywords(send)}
                # What Deepgram takes and its SDK has no keyword for yet.
                further = {name: value for name, value in parameters.items() if name not in known}
                send(url=url, **known, request_options={"max_retries": 0, "additional_query_parameters": further})
            except httpx.TimeoutException as error:
                raise DeepgramFailure("Timeout", f"no reply in time ({type(error).__name__})", retriable=True) from None
            except httpx.TransportError as error:
                if watchdog.barked:
                    raise DeepgramFailure("Timeout", "no whole reply in time", retriable=True) from None
                raise DeepgramFailure(
                    "ConnectionFailed", f"the connection failed ({type(error).__name__})", retriable=True
                ) from None
            except _Arrived:
                pass
        return capture.result()


class _Watchdog:
    """Ends a request that takes longer than it may, whatever comes of its answer and however slowly.

    httpx's read timeout starts anew with every byte, so an answer that trickles in would never end.

    Args:
        seconds: How long the request may take.

    Attributes:
        barked: Whether it took longer: the connection was then cut, which may look like the end of an answer.
    """

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._bark)
        self._timer.daemon = True
        self._socket: socket.socket | None = None
        self.barked = False

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._timer.cancel()

    def watch(self, request: httpx.Request) -> None:
        """Request hook: learn the socket of the request's connection (httpcore docs, "Request Extensions", "trace")."""
        request.extensions = {**request.extensions, "trace": self._trace}

    def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            self._socket = info["return_value"].get_extra_info("socket")

    def _bark(self) -> None:
        self.barked = True
        if self._socket is not None:
            with suppress(OSError):  # closed just now
                self._socket.shutdown(socket.SHUT_RDWR)


class _Arrived(Exception):
    """Ends the SDK's call when the answer is here.

    What the SDK would make of it takes ten times its size in memory, and nobody needs it: a reply is kept as it came.
    """


class _Capture:
    """Response hook that keeps the response as it comes over the wire, within bounds, and ends the SDK's call."""

    def __init__(self, watchdog: _Watchdog, *, clock: Callable[[], datetime]) -> None:
        self._watchdog = watchdog
        self._clock = clock
        self._encoding = ""
        self.response: httpx.Response | None = None

    def __call__(self, response: httpx.Response) -> None:
        # httpx would unpack whatever comes without a bound: a kilobyte can become a megabyte.
        self._encoding = response.headers.pop("Content-Encoding", "")
        bounded = _BoundedReply if response.is_success else _BoundedRefusal
        response.stream = bounded(response.stream, self._watchdog)
        self.response = response
        response.read()
        raise _Arrived

    def result(self) -> RawReply:
        if self.response is None:
            raise RuntimeError("the SDK returned without a request")
        packed = self.response.content
        if not self.response.is_success:
            raise _failure(
                refusal(
                    self.response.status_code,
                    self.response.headers,
                    _unpacked(packed, self._encoding, most=_MAX_REFUSAL_BYTES) or b"",
                    reason=self.response.reason_phrase,
                    now=self._clock(),
                )
            )
        content = _unpacked(packed, self._encoding, most=MAX_REPLY_BYTES)
        name = request_id(self.response.headers, {})
        if content is None:
            # It is paid for: what cannot be unpacked here is kept as it is, and a person may still unpack it.
            encoding = re.sub(r"[^a-z0-9, -]", "", self._encoding.lower())[:32]
            return RawReply(content=packed, request_id=name, encoding=encoding or "unknown")
        if len(content) > MAX_REPLY_BYTES:
            raise _too_large()
        return RawReply(content=content, request_id=name)


class _BoundedStream(httpx.SyncByteStream):
    """A response body that is told apart from one cut off by the watchdog."""

    def __init__(self, stream: object, watchdog: _Watchdog) -> None:
        if not isinstance(stream, httpx.SyncByteStream):
            raise TypeError("the response is not synchronous")
        self._stream = stream
        self._watchdog = watchdog

    def _pieces(self) -> Iterator[bytes]:
        yield from self._stream
        if self._watchdog.barked:
            raise httpx.ReadTimeout("the reply took too long")

    def close(self) -> None:
        self._stream.close()


class _BoundedReply(_BoundedStream):
    """The body of a success: all of it, or an error."""

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for piece in self._pieces():
            size += len(piece)
            if size > MAX_REPLY_BYTES:
                raise _too_large()
            yield piece


class _BoundedRefusal(_BoundedStream):
    """The body of an error, as far as it comes: the status has said already what matters."""

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        try:
            for piece in self._pieces():
                yield piece[: _MAX_REFUSAL_BYTES - size]
                size += len(piece)
                if size >= _MAX_REFUSAL_BYTES:
                    return
        except httpx.TransportError:
            return


def _too_large() -> DeepgramFailure:
    return DeepgramFailure("ReplyTooLarge", f"the reply is larger than {MAX_REPLY_BYTES} bytes", status=HTTPStatus.OK)


def _unpacked(content: bytes, encoding: str, *, most: int) -> bytes | None:
    """Undo a content encoding, which nobody asked for, as far as *most* bytes and one more.

    Returns:
        `None` where that is not possible: the encoding is another one than gzip or deflate, or the content is damaged.
    """
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return content
    if name not in {"gzip", "x-gzip", "deflate"}:
        return None
    # With either header or, as some servers understand "deflate", with none (RFC 9110, 8.4.1.2).
    for window in (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS):
        unpacker = zlib.decompressobj(window)
        try:
            unpacked = unpacker.decompress(content, most + 1)
        except zlib.error:
            continue
        if unpacker.eof or len(unpacked) > most:
            return unpacked
    return None


def _failure(refused: Refusal) -> DeepgramFailure:
    return DeepgramFailure(
        refused.code,
        refused.message,
        status=refused.status,
        retriable=refused.retriable,
        retry_after=refused.retry_after,
    )


def _keywords(function: Callable[..., object]) -> frozenset[str]:
    return frozenset(inspect.signature(function).parameters)


@cache
def _tls_context() -> ssl.SSLContext:
    # Loading the certificates takes longer than the rest of a client.
    return httpx.create_ssl_context()
