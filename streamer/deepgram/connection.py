"""One WebSocket to Deepgram."""

from __future__ import annotations

import logging
import ssl
import time
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from callscribe.deepgram.errors import ERROR_PREFIX, KEY_REFUSED, close_code, refusal
from streamer.deepgram.failures import DeepgramRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from callscribe.deepgram.options import QueryParameters

MAX_AUDIO_BYTES: Final = 8_000
"""Largest audio message: a quarter of a second, so that one never holds up what must go out between two."""

_PATH: Final = "/v1/listen"
_USER_AGENT: Final = "callscribe-streamer"
_OPEN_SECONDS: Final = 10.0
_CLOSE_SECONDS: Final = 1.0
_PING_SECONDS: Final = 20.0
# A result of a minute has 50 kB. What is longer than this breaks the connection, and would break the next one too.
_MAX_MESSAGE_BYTES: Final = 16 << 20
_MAX_QUEUED_FRAMES: Final = 64

# At level DEBUG the library would write down headers, and with them the key, and messages, and with them the words.
_library_logger = logging.getLogger("streamer.deepgram.websockets")
_library_logger.setLevel(logging.INFO)


class HandshakeFailed(Exception):
    """No connection this time.

    Attributes:
        status: HTTP status; `None` where no answer came.
        retry_after: seconds Deepgram asked to wait.
    """

    def __init__(self, reason: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.retry_after = retry_after


class KeyRefused(DeepgramRefused):
    """Deepgram does not know the key; it may have been rotated."""


class ConnectionLost(Exception):
    """The connection is over.

    Attributes:
        code: WebSocket close code; 1006 where it broke without one (RFC 6455, 7.1.5).
        reason: Deepgram's code of the reason, such as `NET-0001`, or "".
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}".strip())
        self.code = code
        self.reason = reason


class Connection:
    """An open connection; made by `open_connection`."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def send(self, message: str | bytes) -> None:
        """Send a text or a binary message; waits while the network takes no more.

        An empty binary message would end the stream (Deepgram docs, "Close Stream").

        Raises:
            ConnectionLost: the connection is over.
        """
        if not message:
            raise ValueError("an empty message ends the stream")
        try:
            await self._socket.send(message)
        except ConnectionClosed as closed:
            raise _lost(closed) from None

    async def receive(self) -> bytes:
        """Return the next message.

        Raises:
            ConnectionLost: the connection is over and every message has been returned.
        """
        try:
            return await self._socket.recv(decode=False)
        except ConnectionClosed as closed:
            raise _lost(closed) from None

    async def close(self) -> None:
        """Close in order; takes a second at most."""
        await self._socket.close()

    def abort(self) -> None:
        """Break the connection at once; whoever sends or receives gets `ConnectionLost`."""
        self._socket.transport.abort()


def listen_url(base_url: str, parameters: QueryParameters) -> str:
    """Return the URL of a stream.

    Args:
        base_url: where the API is, such as `wss://api.eu.deepgram.com`.
        parameters: by Deepgram's names; a list repeats its parameter.
    """
    query = {name: str(value).lower() if isinstance(value, bool) else value for name, value in parameters.items()}
    return f"{base_url.rstrip('/')}{_PATH}?{urlencode(query, doseq=True)}"


async def open_connection(url: str, *, key: str, clock: Callable[[], float] = time.time) -> Connection:
    """Open a connection.

    Args:
        url: of the stream, with its query (`listen_url`).
        key: Deepgram's API key.
        clock: returns seconds since 1970, by which a wait until a date is read.

    Raises:
        KeyRefused: Deepgram does not take the key.
        DeepgramRefused: it does not take the request.
        HandshakeFailed: no connection could be made now.
    """
    try:
        socket = await connect(
            url,
            additional_headers={"Authorization": f"Token {key}"},
            user_agent_header=_USER_AGENT,
            ssl=_tls_context() if url.startswith("wss:") else None,
            # Speech does not shrink, and compression takes memory for each connection.
            compression=None,
            open_timeout=_OPEN_SECONDS,
            close_timeout=_CLOSE_SECONDS,
            ping_interval=_PING_SECONDS,
            ping_timeout=_PING_SECONDS,
            max_size=_MAX_MESSAGE_BYTES,
            max_queue=_MAX_QUEUED_FRAMES,
            logger=_library_logger,
        )
    except InvalidStatus as refused:
        raise _refusal(refused, key=key, now=datetime.fromtimestamp(clock(), UTC)) from None
    except (OSError, InvalidHandshake, EOFError, ConnectionClosed) as error:
        raise HandshakeFailed(type(error).__name__) from None
    return Connection(socket)


def _refusal(refused: InvalidStatus, *, key: str, now: datetime) -> Exception:
    """Turn an HTTP answer into an error with what Deepgram says of it."""
    response = refused.response
    headers = {name.lower(): value.replace(key, "[key]") for name, value in response.headers.raw_items()}
    content = bytes(response.body or b"").replace(key.encode(), b"[key]")
    meant = refusal(response.status_code, headers, content, reason=response.reason_phrase, now=now)
    if meant.retriable:
        return HandshakeFailed(f"HTTP {meant.status}", status=meant.status, retry_after=meant.retry_after)
    return (KeyRefused if meant.status == KEY_REFUSED else DeepgramRefused)(
        f"{ERROR_PREFIX}.{meant.code}", meant.message
    )


def _lost(closed: ConnectionClosed) -> ConnectionLost:
    frame = closed.rcvd
    return ConnectionLost(1006, "") if frame is None else ConnectionLost(frame.code, close_code(frame.reason))


@cache
def _tls_context() -> ssl.SSLContext:
    # One for all calls: with the authorities' certificates each takes 27 ms of CPU and 1 MB.
    return ssl.create_default_context()
