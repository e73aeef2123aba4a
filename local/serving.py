"""Serve an application on loopback until it is interrupted."""

import signal
import socket
import sys
from contextlib import suppress

import uvicorn

from local.server_process import HOST


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: str) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            port = self.servers[0].sockets[0].getsockname()[1]
            sys.stdout.write(f"{self._ready.format(url=f'http://{HOST}:{port}')}\n")
            sys.stdout.flush()


def serve(config: uvicorn.Config, *, ready: str) -> None:
    """Run a server until SIGTERM or Ctrl-C.

    Args:
        config: What is served, and on which port; 0 takes a free one.
        ready: Is printed as soon as it answers; `{url}` becomes its address.
    """
    # uvicorn stops in order at the first signal and then raises it again.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with suppress(KeyboardInterrupt):
        _Server(config, ready).run()
