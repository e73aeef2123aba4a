"""Deepgram's streaming API in process: the local server's own state machine, with connections of memory.

Of the streamer everything runs but the library of WebSockets, for whose `ws_connect` `Sockets.connect` stands in.
Source of what that does: picows' documentation, "API Reference".
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, Self
from urllib.parse import urlsplit

from multidict import CIMultiDict
from picows import WSCloseCode, WSInvalidStatusError, WSListener, WSMsgType, WSUpgradeResponse
from starlette.websockets import WebSocket

from tests.simulation.clock import outside

if TYPE_CHECKING:
    from tests.simulation.live.network import Conditions, Network

_WAITING_BYTES: Final = 256_000
"""What the buffers of both ends hold before a sender waits."""


class Close(NamedTuple):
    """A close frame."""

    code: int
    reason: str


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


class _Frame:
    """What the streamer uses of `picows.WSFrame`."""

    fin = True

    def __init__(self, kind: WSMsgType, payload: bytes, close: Close | None = None) -> None:
        self.msg_type = kind
        self.payload_size = len(payload)
        self._payload = payload
        self._close = close or Close(0, "")

    def get_payload_as_bytes(self) -> bytes:
        return self._payload

    def get_close_code(self) -> WSCloseCode:
        return WSCloseCode(self._close.code)

    def get_close_message(self) -> bytes:
        return self._close.reason.encode()


class _Transport:
    """The client's end, with what the streamer uses of `picows.WSTransport` and of the transport under it."""

    def __init__(self, wire: _Wire, listener: Any, *, ping_seconds: float) -> None:
        self._wire = wire
        self._listener = listener
        self._reading = True
        self._full = False
        self._over = False
        listener.on_ws_connected(self)
        # Of the process that has connected, and stopped with it.
        self._telling = asyncio.create_task(self._tell())
        wire.on_end = outside(self._ping(ping_seconds)).cancel

    @property
    def underlying_transport(self) -> Self:
        return self

    def set_write_buffer_limits(self, *, high: int) -> None:
        """Take the limit; what is on the way counts as well."""

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        self._reading = True
        self._wire.news.set()

    def send(self, kind: WSMsgType, message: str | bytes) -> None:
        wire = self._wire
        if wire.over:
            return
        wire.waiting += len(message)
        name = "text" if kind == WSMsgType.TEXT else "bytes"
        wire.to_server.append({"type": "websocket.receive", name: message, "size": len(message)})
        wire.heard.set()
        if wire.waiting > _WAITING_BYTES and not self._full:
            self._full = True
            self._listener.pause_writing()

    def send_close(self, code: WSCloseCode) -> None:
        if not self._wire.over:
            self._wire.leave(code.value)

    def disconnect(self, graceful: bool = True) -> None:
        if not graceful:
            self._wire.end(None)
            self._wire.leave(1006)
            self._telling.cancel()
            asyncio.get_running_loop().call_soon(self._end)

    async def _tell(self) -> None:
        """Tell the streamer what comes."""
        wire = self._wire
        with suppress(ConnectionError):  # the process is no more
            while not wire.over or wire.to_client:
                if self._full and wire.waiting <= _WAITING_BYTES:
                    self._full = False
                    self._listener.resume_writing()
                elif not self._reading or not wire.to_client:
                    wire.news.clear()
                    await wire.news.wait()
                elif wire.network.cut:
                    await wire.network.passable()
                else:
                    message = wire.to_client.popleft()
                    kind = WSMsgType.TEXT if isinstance(message, str) else WSMsgType.BINARY
                    payload = message.encode() if isinstance(message, str) else message
                    self._listener.on_ws_frame(self, _Frame(kind, payload))
            if wire.closed is not None:
                self._listener.on_ws_frame(self, _Frame(WSMsgType.CLOSE, b"", wire.closed))
            self._end()

    def _end(self) -> None:
        if not self._over:
            self._over = True
            self._listener.on_ws_disconnected(self)

    async def _ping(self, seconds: float) -> None:
        """Give up a connection on which no ping is answered."""
        wire, unanswered = self._wire, 0
        while not wire.over:
            await asyncio.sleep(seconds)
            unanswered = unanswered + 1 if wire.network.cut or wire.paused else 0
            if unanswered == 2:
                wire.cut_off()


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
        wire.news.set()
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
        listener: Callable[[], WSListener],
        url: str,
        *,
        extra_headers: dict[str, str],
        websocket_handshake_timeout: float,
        auto_ping_idle_timeout: float,
        **_: Any,
    ) -> tuple[_Transport, WSListener]:
        """Open a connection, as `picows.ws_connect` does."""
        network = self._network()
        wire = _Wire(network)
        network.on_end.append(wire.cut_off)
        async with asyncio.timeout(websocket_handshake_timeout):
            await network.passable()
            await asyncio.sleep(3 * self._conditions.latency())
            serving = outside(self._serve(wire, url, extra_headers))
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
            response = WSUpgradeResponse()
            response.status = HTTPStatus(answer["status"])
            response.headers = CIMultiDict((name.decode(), value.decode()) for name, value in answer["headers"])
            raise WSInvalidStatusError("no WebSocket", None, wire.body, response)
        listening = listener()
        return _Transport(wire, listening, ping_seconds=auto_ping_idle_timeout), listening

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
