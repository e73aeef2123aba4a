"""What a stream still has to say, and when."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

# A stream that has this many messages waiting takes no more audio until the client has read some.
MAX_WAITING = 1_000


class Outbox:
    """Sends messages in order, from a task of its own, so that audio is taken while they wait.

    Args:
        send: Sends one text message; raises once the client has gone.
        gone: What it raises then.

    Attributes:
        lateness: Seconds by which every message is held back.
    """

    def __init__(self, send: Callable[[str], Awaitable[None]], gone: type[Exception]) -> None:
        self.lateness = 0.0
        self._send = send
        self._gone = gone
        self._waiting: asyncio.Queue[tuple[float, str]] = asyncio.Queue(MAX_WAITING)
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._silenced = False
        self._loop = asyncio.get_running_loop()
        self._sending = asyncio.create_task(self._run(), name="outbox")

    async def put(self, message: dict[str, Any] | str) -> None:
        """Add a message; waits while too many are waiting. Text goes out as it is."""
        if self._silenced:
            return
        text = message if isinstance(message, str) else json.dumps(message, separators=(",", ":"))
        await self._waiting.put((self._loop.time() + self.lateness, text))

    def stall(self, seconds: float | None) -> None:
        """Say nothing for a time; `None`: never anything any more."""
        if seconds is None:
            self._silenced = True
            self._flowing.clear()
        elif not self._silenced:
            self._flowing.clear()
            self._loop.call_later(seconds, self._flow)

    @property
    def silenced(self) -> bool:
        """Whether nothing will be said any more."""
        return self._silenced

    async def drain(self) -> None:
        """Wait until everything is said or the client has gone."""
        said = asyncio.create_task(self._waiting.join())
        try:
            await asyncio.wait((said, self._sending), return_when=asyncio.FIRST_COMPLETED)
        finally:
            said.cancel()

    async def close(self) -> None:
        """Forget what is still waiting."""
        self._sending.cancel()
        await asyncio.gather(self._sending, return_exceptions=True)

    def _flow(self) -> None:
        if not self._silenced:
            self._flowing.set()

    async def _run(self) -> None:
        while True:
            due, text = await self._waiting.get()
            try:
                if (wait := due - self._loop.time()) > 0:
                    await asyncio.sleep(wait)
                await self._flowing.wait()
                await self._send(text)
            except self._gone:
                self._silenced = True
            finally:
                self._waiting.task_done()
