"""Requests as they go over the wire, with any header or none, which no client library would send."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from local.server_process import HOST
from tests.patience import PATIENCE_SECONDS

Headers = Sequence[tuple[str, str]]

UPGRADE: Headers = (
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
)


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        status: HTTP status; 101 is an open WebSocket.
        headers: Names in lower case.
        body: As far as it came.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


def send(
    port: int, method: str, target: str, headers: Headers, body: bytes = b"", *, version: str = "HTTP/1.1"
) -> Answer:
    """Send a request on a connection of its own; its length is told unless it is chunked."""
    names = {name.lower() for name, _ in headers}
    length = [] if "transfer-encoding" in names or not body else [("Content-Length", str(len(body)))]
    closing = [] if "connection" in names else [("Connection", "close")]
    head = "".join(f"{name}: {value}\r\n" for name, value in (*headers, *length, *closing))
    with socket.create_connection((HOST, port), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(f"{method} {target} {version}\r\n{head}\r\n".encode("latin-1") + body)
        return _answer(connection)


def chunked(body: bytes) -> bytes:
    """A body in two chunks."""
    half = len(body) // 2
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:half], body[half:], b""))


def _answer(connection: socket.socket) -> Answer:
    received = b""
    while b"\r\n\r\n" not in received and (more := connection.recv(65_536)):
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    status_line, *lines = head.decode("latin-1").split("\r\n")
    status = int(status_line.split()[1]) if status_line else 0
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    # Until all of it is there or the connection is closed, whichever comes first: some servers keep it open.
    length = 0 if status == 101 else int(headers.get("content-length", 2**31))
    while len(body) < length and (more := connection.recv(65_536)):
        body += more
    return Answer(status, headers, body)
