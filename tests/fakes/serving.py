"""Serve an ASGI application on a free port of the loopback address, inside the test's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Generator
from typing import Any

import uvicorn
from starlette.types import ASGIApp

HOST = "127.0.0.1"
# How long a connection that does not end by itself is waited for.
_GRACE_SECONDS = 10.0


class _Server(uvicorn.Server):
    """Ends as soon as it may: uvicorn's own looks every tenth of a second whether it should, and what is left."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()
        self.over = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self.over.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for response in self.server_state.tasks:
            response.cancel()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_SECONDS):
                while self.server_state.connections or self.server_state.tasks:
                    await asyncio.sleep(0.001)
        await self.lifespan.shutdown()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield  # signals belong to the test run


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, **options: Any) -> AsyncIterator[str]:
    """Serve `app` until the context ends; connections still open then are cut.

    Args:
        app: What to serve. Its lifespan runs.
        options: Of `uvicorn.Config`, for example ``ws`` or ``ssl_certfile``.

    Yields:
        The base URL, without a slash at its end.

    Raises:
        RuntimeError: The application did not start.
    """
    defaults = {"ws": "none", "log_level": "warning", "access_log": False}
    config = uvicorn.Config(app, **{**defaults, **options})
    server = _Server(config)
    # Of the protocol by its name: else asyncio leaves small answers waiting for each other (TCP_NODELAY), 40 ms each.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind((HOST, 0))
        listener.listen(1024)
        running = asyncio.create_task(server.serve([listener]), name="serving")
        ready = asyncio.create_task(server.ready.wait())
        await asyncio.wait((running, ready), return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if not server.started:
            await running
            raise RuntimeError("the application did not start")
        try:
            yield f"{'https' if config.is_ssl else 'http'}://{HOST}:{listener.getsockname()[1]}"
        finally:
            server.over.set()
            await running
