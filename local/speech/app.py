"""The server as an ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.speech.faults import InvalidFault
from local.speech.rest import ListenService


def create_app(service: ListenService) -> Starlette:
    """Return the application: Deepgram's API, ``/health``, and below ``/_local/`` what tests steer it with.

    ====================== =====================================================================================
    ``GET /health``        The engine's name.
    ``GET /_local/requests``    Every request, and the most that were in progress at once (`local.speech.journal`).
    ``DELETE /_local/requests`` Forgets them, and every ordered failure.
    ``POST /_local/faults``     Orders failures (`local.speech.faults`).
    ====================== =====================================================================================
    """

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok", "engine": service.engine.name})

    async def requests(request: Request) -> Response:
        if request.method == "DELETE":
            service.journal.reset()
            service.faults.reset()
            return Response(status_code=204)
        return JSONResponse(service.journal.report())

    async def faults(request: Request) -> Response:
        try:
            service.faults.add(await request.json())
        except ValueError as problem:
            reason = str(problem) if isinstance(problem, InvalidFault) else "not JSON"
            return JSONResponse({"error": reason}, 400)
        return Response(status_code=204)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await service.engine.start()
        yield
        await service.close()

    return Starlette(
        routes=[
            Route("/v1/listen", service.listen, methods=["POST"]),
            Route("/health", health),
            Route("/_local/requests", requests, methods=["GET", "DELETE"]),
            Route("/_local/faults", faults, methods=["POST"]),
        ],
        lifespan=lifespan,
    )
