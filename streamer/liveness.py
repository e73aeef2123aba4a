"""Whether this streamer lives, told over HTTP to the container's health check.

A streamer that drains is healthy: it is on its way out in good order, and must not be killed for it. One whose loops
have stopped turning is dead, whatever its socket answers.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

from aiohttp import web

from streamer.health import PATH

DEAD_SECONDS: Final = 90.0
"""Longest silence of a loop that lives, such as of a long poll that SQS does not answer."""


class Health:
    """What the health check asks.

    Args:
        dead_seconds: How long a loop may be silent.
        clock: Returns seconds that never go back.
    """

    def __init__(self, *, dead_seconds: float = DEAD_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self.draining = False
        self._dead_seconds = dead_seconds
        self._clock = clock
        self._beats: dict[str, float] = {}

    def beat(self, loop: str) -> None:
        """Note that a loop has turned; from its first beat on it is expected to go on."""
        self._beats[loop] = self._clock()

    def ended(self, loop: str) -> None:
        """Note that a loop has ended as it should."""
        self._beats.pop(loop, None)

    @property
    def status(self) -> str:
        """`ok`, `draining` or `dead`."""
        now = self._clock()
        if any(now - beat > self._dead_seconds for beat in self._beats.values()):
            return "dead"
        return "draining" if self.draining else "ok"

    @asynccontextmanager
    async def serve(self, host: str, port: int) -> AsyncIterator[int]:
        """Answer `GET /health`.

        Args:
            host: IP address to listen on.
            port: TCP port; 0 takes a free one.

        Yields:
            The port.
        """

        async def answer(_: web.Request) -> web.Response:
            status = self.status
            code = HTTPStatus.SERVICE_UNAVAILABLE if status == "dead" else HTTPStatus.OK
            return web.json_response({"status": status}, status=code)

        app = web.Application()
        app.router.add_get(PATH, answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            yield runner.addresses[0][1]
        finally:
            await runner.cleanup()
