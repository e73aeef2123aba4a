"""A server that answers what a test tells it to, and keeps what it was asked: the base of stand-ins for HTTP APIs."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self
from urllib.parse import parse_qs, urlsplit

from tests.patience import PATIENCE_SECONDS


@dataclass(frozen=True)
class Request:
    """One request, as it came."""

    path: str
    parameters: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What one request gets.

    Args:
        status: HTTP status.
        body: Body; anything but bytes is written as JSON. A function makes it of the request.
        headers: Further headers.
        reset: Break the connection off instead.
        hold: Wait for this first, for a minute at most.
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    reset: bool = False
    hold: threading.Event | None = None


class ScriptedApi:
    """The server, on a port of its own on loopback.

    Attributes:
        url: Base URL.
        requests: The requests so far.
        most_parallel: The most requests that were under way at once.
        headers: Headers of every answer.
    """

    headers: ClassVar[Mapping[str, str]] = {}

    def __init__(self, *, port: int = 0) -> None:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                fake._answer(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.reset()

    def reset(self) -> None:
        """Forget every request and answer."""
        self.requests: list[Request] = []
        self.most_parallel = 0
        self._parallel = 0
        self._answers: deque[Answer] = deque()
        self._usual = self.usual_answer()

    def usual_answer(self) -> Answer:
        """Return what a request gets that no test has an answer for."""
        return Answer()

    def answer(self, *answers: Answer, then: Answer | None = None) -> None:
        """Give the next requests these answers, in order.

        Args:
            answers: One answer for each request.
            then: What every request after them gets. Default: the usual answer.
        """
        self._answers.extend(answers)
        if then is not None:
            self._usual = then

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Serve until the block ends."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        address = urlsplit(handler.path)
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        with self._lock:
            request = Request(
                path=address.path,
                parameters=parse_qs(address.query),
                headers={name.lower(): value for name, value in handler.headers.items()},
                body=json.loads(body),
            )
            self.requests.append(request)
            answer = self._answers.popleft() if self._answers else self._usual
            self._parallel += 1
            self.most_parallel = max(self.most_parallel, self._parallel)
        try:
            if answer.hold is not None:
                answer.hold.wait(PATIENCE_SECONDS)
            _send(handler, answer, request, self.headers)
        except OSError:
            handler.close_connection = True  # the client left
        finally:
            with self._lock:
                self._parallel -= 1


def _send(handler: BaseHTTPRequestHandler, answer: Answer, request: Request, headers: Mapping[str, str]) -> None:
    if answer.reset:
        # Closed without lingering, a connection is reset.
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()
        handler.close_connection = True
        return
    body = answer.body(request) if callable(answer.body) else answer.body
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    handler.send_response(answer.status)
    for name, value in {"Content-Type": "application/json", **headers, **answer.headers}.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)
