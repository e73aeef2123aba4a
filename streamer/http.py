"""Requests over kept connections, each answered at once and by little: those that calls make all the time.

An HTTP library for everything takes several times the CPU of what it is used for here (docs/decisions/0089): no
redirections, cookies, compression or answers that last. GetMedia, whose answer does, shares what both need.
Source: RFC 9112, "HTTP/1.1".
"""

from __future__ import annotations

import asyncio
import ssl
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from os import environ
from types import TracebackType
from typing import Any, Final, NamedTuple, Self
from urllib.parse import SplitResult, urlsplit

import aiofastnet
import httptools

CONNECT_SECONDS: Final = 3.0
MAX_HEAD_BYTES: Final = 65_536
"""Longest head of an answer."""

_MAX_BODY_BYTES: Final = 16 << 20
"""Longest body: a page of a query is a megabyte before it is written as JSON."""
_IDLE_SECONDS: Final = 15.0
"""How long a connection is kept without a request; services close theirs later."""


class Answer(NamedTuple):
    """What a service answers.

    Attributes:
        status: HTTP status.
        content: The body.
        date: `Date` of it; `None` where it has none.
    """

    status: int
    content: bytes
    date: str | None


class HttpClient:
    """Sends requests, for all calls of a process.

    Args:
        connections: At once to one service; further requests wait for one.
    """

    def __init__(self, *, connections: int = 50) -> None:
        self._rooms: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(connections))
        self._idle: defaultdict[str, list[_Connection]] = defaultdict(list)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for idle in self._idle.values():
            while idle:
                idle.pop().close()

    async def send(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes, seconds: float) -> Answer:
        """Send a request, and return its answer.

        Args:
            method: For example "POST".
            url: Where to.
            headers: With `Host`, or it is that of the URL.
            body: What it carries.
            seconds: How long it may take in all.

        Raises:
            TimeoutError: It takes longer.
            OSError: There is no connection, or it broke; the request may have been carried out.
        """
        place = urlsplit(url)
        origin = f"{place.scheme}://{place.netloc}"
        async with asyncio.timeout(seconds), self._rooms[origin]:
            connection = self._kept(origin) or await _connect(place)
            try:
                answer = await connection.ask(request_bytes(method, place, headers, body))
            except BaseException:
                connection.close()
                raise
            if connection.is_open:
                self._idle[origin].append(connection)
            return answer

    def _kept(self, origin: str) -> _Connection | None:
        """Return the connection that was used last, and close those that have not been for long."""
        idle, now = self._idle[origin], asyncio.get_running_loop().time()
        while idle and (not idle[0].is_open or now - idle[0].used_at > _IDLE_SECONDS):
            idle.pop(0).close()
        while idle:
            connection = idle.pop()
            if connection.is_open:
                return connection
        return None


class _Connection(asyncio.Protocol):
    """One connection, for one request after the other.

    Attributes:
        is_open: Whether another request may follow.
        used_at: When the last one was answered, by the event loop's time.
    """

    def __init__(self) -> None:
        self.is_open = True
        self._loop = asyncio.get_running_loop()
        self.used_at = self._loop.time()
        self._transport: Any = None
        self._answer: asyncio.Future[Answer] | None = None

    async def ask(self, request: bytes) -> Answer:
        self._parser = httptools.HttpResponseParser(self)
        self._parts: list[bytes] = []
        self._date: str | None = None
        self._head_is_here, self._size = False, 0
        self._answer = self._loop.create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    # What the connection tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():
            self.close()  # nobody has asked for this
            return
        self._size += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail("the answer is not HTTP")
            return
        if self._size > (_MAX_BODY_BYTES if self._head_is_here else MAX_HEAD_BYTES) and not self._answer.done():
            self._fail("the answer is too long")

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        self._fail("the connection ended")

    def _fail(self, why: str) -> None:
        self.close()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError(why))

    # What the parser tells.

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"date":
            self._date = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._head_is_here, self._size = True, 0

    def on_body(self, data: bytes) -> None:
        self._parts.append(data)

    def on_message_complete(self) -> None:
        self.is_open = self.is_open and self._parser.should_keep_alive()
        self.used_at = self._loop.time()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(Answer(self._parser.get_status_code(), b"".join(self._parts), self._date))
        if not self.is_open:
            self.close()


def request_bytes(method: str, place: SplitResult, headers: Mapping[str, str], body: bytes) -> bytes:
    """Write a request.

    Args:
        method: For example "POST".
        place: Where to.
        headers: With `Host`, or it is that of the place.
        body: What it carries.
    """
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    host = "" if "Host" in headers else f"Host: {place.netloc}\r\n"
    path = f"{place.path or '/'}?{place.query}" if place.query else place.path or "/"
    return f"{method} {path} HTTP/1.1\r\n{host}{head}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body


async def connect(protocol: asyncio.Protocol, place: SplitResult) -> None:
    """Open a connection to where a request goes.

    Args:
        protocol: Is told what comes of it.
        place: Where to.

    Raises:
        TimeoutError: It takes longer than `CONNECT_SECONDS`.
        OSError: There is none.
    """
    secure = place.scheme == "https"
    async with asyncio.timeout(CONNECT_SECONDS):
        await aiofastnet.create_connection(
            asyncio.get_running_loop(),
            lambda: protocol,
            place.hostname,
            place.port or (443 if secure else 80),
            ssl=_tls() if secure else None,
        )


async def _connect(place: SplitResult) -> _Connection:
    connection = _Connection()
    await connect(connection, place)
    return connection


@cache
def _tls() -> ssl.SSLContext:
    # Trusting whom botocore trusts. One for all: with the authorities' certificates each takes 27 ms of CPU and 1 MB.
    return ssl.create_default_context(cafile=environ.get("AWS_CA_BUNDLE"))
