"""The server as an ASGI application."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp

from local.access.guard import guarded
from local.speech.authentication import authenticate
from local.speech.engines.frames import FramesEngine
from local.speech.errors import ListenError
from local.speech.faults import Faults, InvalidFault, OrderBook
from local.speech.faulty_answers import FaultyProtocol
from local.speech.journal import Journal
from local.speech.live.service import LiveService
from local.speech.remote import Remote
from local.speech.rest import ListenService

Handler = Callable[[Request], Awaitable[Response]]

MAX_FRAMES_BYTES = 16 * 1024 * 1024
# Of uvicorn, beside the port. Deepgram's streams are not compressed.
SERVER_OPTIONS: dict[str, Any] = {
    "http": FaultyProtocol,
    "ws": "websockets-sansio",
    "ws_per_message_deflate": False,
    "ws_max_size": 2 * 1024 * 1024,
    "ws_ping_interval": 20.0,
    "ws_ping_timeout": 20.0,
}


def create_app(service: ListenService, live: LiveService) -> ASGIApp:
    """Return the application: Deepgram's API, ``/health``, and below ``/_local/`` what tests steer it with.

    Everything but ``/health`` needs the key. It has to be served with `SERVER_OPTIONS`.

    =============================== =================================================================================
    ``GET /health``                 The engine's name.
    ``GET /_local/requests``        Every request, and the most in progress at once (`local.speech.journal`).
    ``DELETE /_local/requests``     Forgets them, and every failure ordered for requests.
    ``POST /_local/faults``         Orders failures of requests (`local.speech.faults`).
    ``GET /_local/streams``         Every stream, and the most open at once (`local.speech.live.journal`).
    ``DELETE /_local/streams``      Forgets them, and every failure ordered for streams.
    ``POST /_local/streams/faults`` Orders failures of streams (`local.speech.live.faults`).
    =============================== =================================================================================
    """

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok", "engine": service.engine.name})

    async def requests(request: Request) -> Response:
        if request.method == "DELETE":
            service.journal.reset()
            service.faults.reset()
            return Response(status_code=204)
        return JSONResponse(service.journal.report())

    async def streams(request: Request) -> Response:
        if request.method == "DELETE":
            live.journal.reset()
            live.faults.reset()
            return Response(status_code=204)
        return JSONResponse(live.journal.report())

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        engines = list({id(engine): engine for engine in (service.engine, live.engine) if engine is not None}.values())
        for engine in engines:
            await engine.start()
        yield
        await service.close()
        for engine in engines:
            await engine.close()

    def steering(path: str, handler: Handler, *methods: str) -> Route:
        return Route(path, _for_the_key(service.key, handler), methods=list(methods))

    application = Starlette(
        routes=[
            Route("/v1/listen", service.listen, methods=["POST"]),
            WebSocketRoute("/v1/listen", live.listen),
            Route("/health", health),
            # By which a client asks whether a key is good (Deepgram, page "authenticating").
            steering("/v1/auth/token", health, "GET"),
            steering("/_local/requests", requests, "GET", "DELETE"),
            steering("/_local/faults", _taking_orders(service.faults), "POST"),
            steering("/_local/streams", streams, "GET", "DELETE"),
            steering("/_local/streams/faults", _taking_orders(live.faults), "POST"),
        ],
        lifespan=lifespan,
    )
    return guarded(application)


def _for_the_key(key: str, handler: Handler) -> Handler:
    async def answer(request: Request) -> Response:
        try:
            authenticate(request.headers.get("authorization", ""), key)
        except ListenError as error:
            return error.response(str(uuid.uuid4()))
        return await handler(request)

    return answer


def _taking_orders(orders: OrderBook[Any]) -> Handler:
    async def take(request: Request) -> Response:
        try:
            orders.add(await request.json())
        except ValueError as problem:
            reason = str(problem) if isinstance(problem, InvalidFault) else "not JSON"
            return JSONResponse({"error": reason}, 400)
        return Response(status_code=204)

    return take


def create_frames_app(live: LiveService) -> ASGIApp:
    """Return the application with the engine `local.speech.engines.frames`, as tests of what streams to it need it.

    Args:
        live: Serves the streams; its key is that of the whole application.
    """
    service = ListenService(
        engine=FramesEngine(),
        journal=Journal(),
        faults=Faults(),
        remote=Remote(max_bytes=MAX_FRAMES_BYTES),
        max_bytes=MAX_FRAMES_BYTES,
        key=live.key,
    )
    return create_app(service, live)
