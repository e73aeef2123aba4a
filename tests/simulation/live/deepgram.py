"""Deepgram's streaming API in process: the local server's own state machine, with connections of memory.

Of the streamer everything runs but the library of WebSockets, for whose client `Sockets.connect` stands in. Sources of
what that does: websockets' documentation, "Keepalive and latency" and "Connection (asyncio)".
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

from starlette.websockets import WebSocket
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus
from websockets.frames import Close
from websockets.http11 import Response

from tests.simulation.clock import outside

if TYPE_CHECKING:
    from tests.simulation.live.network import Conditions, Network

_WAITING_BYTES: Final = 256_000
"""What the buffers of both ends hold before a sender waits."""

_NORMAL: Final = (1000, 1001)


@dataclass(eq=False)
class _Wire:
    """What both ends of a connection share.

    Attributes:
        to_server: Messages of ASGI.
        to_client: Messages.
        waiting: Bytes in `to_server`.
        closed: How it ended, for the client: a close frame, or `None` where it broke.
        over: Whether it has ended.
        paused: Whether the server reads no more.
    """

    network: Network
    to_server: deque[dict[str, Any]] = field(default_factory=deque)
    to_client: deque[str | bytes] = field(default_factory=deque)
    waiting: int = 0
    closed: Close | None = None
    over: bool = False
    paused: bool = False
    left: bool = False
    answer: asyncio.Future[dict[str, Any]] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    body: bytes = b""
    on_end: Callable[[], object] = lambda: None
    news: asyncio.Event = field(default_factory=asyncio.Event)
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self, closed: Close | None) -> None:
        """End it for the client."""
        if not self.over:
            self.over, self.closed = True, closed
            self.on_end()
        self.news.set()
        self.heard.set()

    def cut_off(self) -> None:
        """End it for both, without a word."""
        self.to_client.clear()
        self.end(None)
        self.leave(1006)

    def leave(self, code: int) -> None:
        """End it for the server."""
        if not self.left:
            self.left = True
            self.to_server.append({"type": "websocket.disconnect", "code": code, "reason": ""})
        self.heard.set()


class _ServerTransport:
    """The server's end of the TCP connection, by which ordered failures break it."""

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire

    def get_extra_info(self, _: str) -> _ServerTransport:
        return self

    def setsockopt(self, *_: Any) -> None:
        """Take the option that makes the end a reset."""

    def abort(self) -> None:
        self._wire.end(None)
        self._wire.leave(1006)

    def pause_reading(self) -> None:
        self._wire.paused = True

    def get_protocol(self) -> None:
        return None


class _ClientTransport:
    def __init__(self, wire: _Wire) -> None:
        self._wire = wire

    def abort(self) -> None:
        self._wire.end(None)
        self._wire.leave(1006)


class _Socket:
    """The client's end, with what the streamer uses of `websockets.asyncio.client.ClientConnection`."""

    def __init__(self, wire: _Wire, *, ping_seconds: float, close_seconds: float) -> None:
        self._wire = wire
        self._close_seconds = close_seconds
        self.transport = _ClientTransport(wire)
        wire.on_end = outside(self._ping(ping_seconds)).cancel

    async def send(self, message: str | bytes) -> None:
        wire = self._wire
        while wire.waiting > _WAITING_BYTES and not wire.over:
            wire.heard.clear()
            await wire.heard.wait()
        if wire.over:
            raise self._closed()
        size = len(message)
        wire.waiting += size
        kind = "text" if isinstance(message, str) else "bytes"
        wire.to_server.append({"type": "websocket.receive", kind: message, "size": size})
        wire.heard.set()

    async def recv(self, *, decode: bool) -> bytes:
        assert decode is False
        wire = self._wire
        while True:
            if wire.to_client and not wire.network.cut:
                message = wire.to_client.popleft()
                return message.encode() if isinstance(message, str) else message
            if wire.over and not wire.to_client:
                raise self._closed()
            wire.news.clear()
            if wire.to_client or wire.over:
                await wire.network.passable()
            else:
                await wire.news.wait()

    async def close(self) -> None:
        wire = self._wire
        if not wire.over:
            wire.leave(1000)
            try:
                async with asyncio.timeout(self._close_seconds):
                    while not wire.over:
                        wire.news.clear()
                        await wire.news.wait()
            except TimeoutError:
                wire.end(None)

    async def _ping(self, seconds: float) -> None:
        """Give up a connection on which no ping is answered."""
        wire, unanswered = self._wire, 0
        while not wire.over:
            await asyncio.sleep(seconds)
            unanswered = unanswered + 1 if wire.network.cut or wire.paused else 0
            if unanswered == 2:
                self.transport.abort()

    def _closed(self) -> Exception:
        closed = self._wire.closed
        if closed is not None and closed.code in _NORMAL:
            return ConnectionClosedOK(closed, None, None)
        return ConnectionClosedError(closed, None, None)


class _ServerEnd:
    """The server's end, as ASGI has it."""

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire
        self._begun = False

    async def receive(self) -> dict[str, Any]:
        wire = self._wire
        if not self._begun:
            self._begun = True
            return {"type": "websocket.connect"}
        while wire.paused or not wire.to_server or (wire.network.cut and not wire.left):
            wire.heard.clear()
            if wire.network.cut and not wire.network.gone:
                with suppress(ConnectionError):  # then the client has left
                    await wire.network.passable()
            else:
                await wire.heard.wait()
        message = wire.to_server.popleft()
        wire.waiting -= message.pop("size", 0)
        wire.heard.set()
        return message

    async def send(self, message: Any) -> None:
        wire = self._wire
        match message["type"]:
            case "websocket.accept" | "websocket.http.response.start":
                if not wire.answer.done():
                    wire.answer.set_result(message)
            case "websocket.http.response.body":
                wire.body += message.get("body", b"")
            case "websocket.send":
                if wire.left and wire.over:
                    raise OSError
                text = message.get("text")
                wire.to_client.append(message["bytes"] if text is None else text)
                wire.news.set()
            case "websocket.close":
                wire.end(Close(message.get("code", 1000), message.get("reason") or ""))


class Service(Protocol):
    """What is at the other end: the local server's `LiveService`, or a script of a test."""

    async def listen(self, socket: WebSocket) -> None:
        """Serve one stream."""


class Sockets:
    """Connections to Deepgram.

    Args:
        service: The server.
        conditions: What is wrong with it.
        network: Returns the way of the streamer that asks.
    """

    def __init__(self, service: Service, conditions: Conditions, network: Callable[[], Network]) -> None:
        self._service = service
        self._conditions = conditions
        self._network = network
        self._serving: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """End the server's half of every connection."""
        while self._serving:
            for serving in self._serving:
                serving.cancel()
            await asyncio.wait(self._serving)

    async def connect(
        self,
        url: str,
        *,
        additional_headers: dict[str, str],
        open_timeout: float,
        close_timeout: float,
        ping_interval: float,
        **_: Any,
    ) -> _Socket:
        """Open a connection, as `websockets.asyncio.client.connect` does."""
        network = self._network()
        wire = _Wire(network)
        network.on_end.append(wire.cut_off)
        async with asyncio.timeout(open_timeout):
            await network.passable()
            await asyncio.sleep(3 * self._conditions.latency())
            serving = outside(self._serve(wire, url, additional_headers))
            self._serving.add(serving)
            serving.add_done_callback(self._serving.discard)
            try:
                answer = await wire.answer
                await network.passable()
            except asyncio.CancelledError:
                wire.leave(1006)
                raise
        if answer["type"] == "websocket.http.response.start":
            await asyncio.wait({serving})
            headers = Headers([(name.decode(), value.decode()) for name, value in answer["headers"]])
            raise InvalidStatus(Response(answer["status"], "", headers, wire.body))
        return _Socket(wire, ping_seconds=ping_interval, close_seconds=close_timeout)

    async def _serve(self, wire: _Wire, url: str, headers: dict[str, str]) -> None:
        scope = {
            "type": "websocket",
            "path": "/v1/listen",
            "query_string": urlsplit(url).query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "subprotocols": [],
            "state": {"transport": _ServerTransport(wire)},
            "extensions": {"websocket.http.response": {}},
        }
        end = _ServerEnd(wire)
        await self._service.listen(WebSocket(scope, end.receive, end.send))
        if not wire.answer.done():
            wire.answer.cancel()
