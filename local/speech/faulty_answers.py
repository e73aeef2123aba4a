"""Carrying out ordered failures on the wire."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from uvicorn.protocols.http.h11_impl import H11Protocol

from local.speech.errors import ListenError
from local.speech.faults import MAX_DELAY, Fault

_TRANSPORT = "transport"


class FaultyProtocol(H11Protocol):
    """uvicorn's HTTP protocol, with the connection within reach of a request, so that it can be broken."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Keep the connection in the state that every request of it carries."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, _TRANSPORT: transport}


class _NoAnswer(Response):
    """Stands for the answer that a client does not get."""

    async def __call__(self, *_: object) -> None:
        """Send nothing: the connection is gone."""


class _CutOff(StreamingResponse):
    """Begins an answer and breaks the connection within it."""

    def __init__(self, request: Request) -> None:
        super().__init__(self._half(request), media_type="application/json", headers={"content-length": "4096"})

    @staticmethod
    async def _half(request: Request) -> AsyncIterator[bytes]:
        yield b'{"metadata": {'
        # The client is to see the beginning before the end.
        await asyncio.sleep(0.05)
        reset(transport_of(request))


def transport_of(connection: HTTPConnection) -> asyncio.Transport:
    """Return the TCP connection below a request or a WebSocket."""
    transport: asyncio.Transport = connection.scope["state"][_TRANSPORT]
    return transport


def reset(transport: asyncio.Transport) -> None:
    """Break a connection so that the client sees a reset, not an orderly end."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _until_the_client_leaves(request: Request) -> None:
    async with asyncio.timeout(MAX_DELAY):
        while (await request.receive())["type"] != "http.disconnect":
            continue


async def carry_out(fault: Fault, request: Request, request_id: str) -> Response | None:
    """Return the answer that a failure makes; `None` for the real one.

    Raises:
        ListenError: For failures that are plain Deepgram errors.
    """
    await asyncio.sleep(fault.delay)
    match fault.action:
        case "status":
            return _status(fault, request_id)
        case "reset":
            reset(transport_of(request))
            return _NoAnswer()
        case "reset-mid-body":
            return _CutOff(request)
        case "hang":
            await _until_the_client_leaves(request)
            return _NoAnswer()
        case "empty-object":
            return JSONResponse({})
        case "malformed-json":
            return Response('{"metadata": {"request_id": ', media_type="application/json")
        case "error-json":
            return JSONResponse(ListenError.documented(400).body(request_id))
        case "accepted":
            return JSONResponse({"request_id": request_id})
        case _:
            return None


def _status(fault: Fault, request_id: str) -> Response:
    body: Any = fault.body
    if fault.text is not None:
        return Response(fault.text, fault.status, fault.headers, "application/json")
    if body is None:
        body = ListenError.documented(fault.status).body(request_id)
    return Response(json.dumps(body), fault.status, fault.headers, "application/json")
