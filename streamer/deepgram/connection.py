"""One WebSocket to Deepgram."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlencode

from picows import (
    WSAutoPingStrategy,
    WSCloseCode,
    WSError,
    WSInvalidStatusError,
    WSListener,
    WSMsgType,
    ws_connect,
)

from callscribe.deepgram.errors import ERROR_PREFIX, KEY_REFUSED, close_code, refusal
from streamer.deepgram.failures import DeepgramRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from picows import WSFrame, WSTransport, WSUpgradeResponse

    from callscribe.deepgram.options import QueryParameters

_PATH: Final = "/v1/listen"
_USER_AGENT: Final = "callscribe-streamer"
_OPEN_SECONDS: Final = 10.0
_CLOSE_SECONDS: Final = 1.0
_PING_SECONDS: Final = 20.0
# A result of a minute has 50 kB. What is longer than this breaks the connection, and would break the next one too.
MAX_MESSAGE_BYTES: Final = 16 << 20
_WAITING_BYTES: Final = 32_768
"""What the network has not taken yet, from which on nothing more is sent: a second of audio or two."""
_READ_BYTES: Final = 4_096
"""Memory of a connection for what arrives; more is taken while more is there."""

_NO_CODE: Final = 1005
_BROKEN: Final = 1006

# At level DEBUG the library would write down headers, and with them the key.
_library_logger = logging.getLogger("picows.streamer")
_library_logger.setLevel(logging.WARNING)


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


class Receiver(Protocol):
    """Who is told what comes of a connection, in the turn of the event loop in which it comes."""

    def receive(self, message: bytes) -> None:
        """Take the next message; it must not raise."""

    def lose(self, lost: ConnectionLost) -> None:
        """Learn that the connection is over; told once, after all messages."""

    def resume(self) -> None:
        """Learn that the network takes more."""


class Connection(WSListener):
    """An open connection; made by `open_connection`.

    Attributes:
        writable: whether the network takes more. What is sent all the same waits in memory.
    """

    def __init__(self) -> None:
        self.writable = True
        self._receiver: Receiver | None = None
        self._early: list[bytes] = []
        self._parts: list[bytes] = []
        self._size = 0
        self._lost: ConnectionLost | None = None
        self._over = asyncio.Event()

    def listen(self, receiver: Receiver) -> None:
        """Have a receiver told from now on what comes, and what has come already."""
        self._receiver = receiver
        early, self._early = self._early, []
        for message in early:
            receiver.receive(message)
        if self._lost is not None:
            receiver.lose(self._lost)
        else:
            self._transport.underlying_transport.resume_reading()

    def send(self, message: str | bytes) -> None:
        """Send a text or a binary message.

        An empty binary message would end the stream (Deepgram docs, "Close Stream").

        Raises:
            ConnectionLost: the connection is over.
        """
        if not message:
            raise ValueError("an empty message ends the stream")
        if self._lost is not None:
            raise ConnectionLost(self._lost.code, self._lost.reason)
        self._transport.send(WSMsgType.BINARY if isinstance(message, bytes) else WSMsgType.TEXT, message)

    async def close(self) -> None:
        """Close in order; takes a second at most."""
        self._transport.send_close(WSCloseCode.OK)
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._over.wait()
        self.abort()

    def abort(self) -> None:
        """Break the connection at once; the receiver is told."""
        self._transport.disconnect(graceful=False)

    # What picows tells.

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Wait for the receiver."""
        self._transport = transport
        transport.underlying_transport.set_write_buffer_limits(high=_WAITING_BYTES)
        transport.underlying_transport.pause_reading()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Put messages together, and answer the server's close frame."""
        if self._lost is not None:
            return
        kind = frame.msg_type
        if kind == WSMsgType.CLOSE:
            code, reason = frame.get_close_code().value, frame.get_close_message() or b""
            self._end(ConnectionLost(code or _NO_CODE, close_code(reason.decode(errors="replace"))))
            transport.send_close(frame.get_close_code())
            transport.disconnect()
            return
        if kind == WSMsgType.PONG:
            return
        self._size += frame.payload_size
        if self._size > MAX_MESSAGE_BYTES:
            transport.send_close(WSCloseCode.MESSAGE_TOO_BIG)
            self._end(ConnectionLost(_BROKEN, ""))
            self.abort()
            return
        if not frame.fin:
            self._parts.append(frame.get_payload_as_bytes())
            return
        message = frame.get_payload_as_bytes()
        if self._parts:
            message = b"".join((*self._parts, message))
            self._parts.clear()
        self._size = 0
        if self._receiver is None:
            self._early.append(message)
        else:
            self._receiver.receive(message)

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002 - picows' name
        """Tell of an end without a close frame."""
        self._over.set()
        self._end(ConnectionLost(_BROKEN, ""))

    def pause_writing(self) -> None:
        """Note that the network takes no more."""
        self.writable = False

    def resume_writing(self) -> None:
        """Tell that it does again."""
        self.writable = True
        if self._receiver is not None:
            self._receiver.resume()

    def _end(self, lost: ConnectionLost) -> None:
        if self._lost is None:
            self._lost = lost
            if self._receiver is not None:
                self._receiver.lose(lost)


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
    connection = Connection()
    try:
        async with asyncio.timeout(_OPEN_SECONDS):
            await ws_connect(
                lambda: connection,
                url,
                extra_headers={"Authorization": f"Token {key}", "User-Agent": _USER_AGENT},
                ssl_context=_tls_context() if url.startswith("wss:") else None,
                websocket_handshake_timeout=_OPEN_SECONDS,
                # By the loop's time, and whatever else arrives: what is not sent on is noticed by the pings.
                enable_auto_ping=True,
                auto_ping_strategy=WSAutoPingStrategy.PING_PERIODICALLY,
                auto_ping_idle_timeout=_PING_SECONDS,
                auto_ping_reply_timeout=_PING_SECONDS,
                max_frame_size=MAX_MESSAGE_BYTES,
                # The key is for Deepgram, not for whoever it may point to.
                max_redirects=0,
                read_buffer_init_size=_READ_BYTES,
                logger_name=_library_logger,
            )
    except WSInvalidStatusError as refused:
        if refused.response is None:
            raise HandshakeFailed(type(refused).__name__) from None
        body = refused.raw_body or b""
        raise _refusal(refused.response, body, key=key, now=datetime.fromtimestamp(clock(), UTC)) from None
    except (OSError, WSError, TimeoutError, EOFError) as error:
        raise HandshakeFailed(type(error).__name__) from None
    return connection


def _refusal(response: WSUpgradeResponse, body: bytes, *, key: str, now: datetime) -> Exception:
    """Turn an HTTP answer into an error with what Deepgram says of it."""
    headers = {name.lower(): value.replace(key, "[key]") for name, value in response.headers.items()}
    content = body.replace(key.encode(), b"[key]")
    meant = refusal(int(response.status), headers, content, reason=response.status.phrase, now=now)
    if meant.retriable:
        return HandshakeFailed(f"HTTP {meant.status}", status=meant.status, retry_after=meant.retry_after)
    return (KeyRefused if meant.status == KEY_REFUSED else DeepgramRefused)(
        f"{ERROR_PREFIX}.{meant.code}", meant.message
    )


@cache
def _tls_context() -> ssl.SSLContext:
    # One for all calls: with the authorities' certificates each takes 27 ms of CPU and 1 MB.
    return ssl.create_default_context()
