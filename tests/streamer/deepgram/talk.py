"""A connection to Deepgram by turns: what comes waits until it is asked for."""

from __future__ import annotations

import asyncio
from collections import deque

from streamer.deepgram.connection import ConnectionLost, open_connection


class Talk:
    """A receiver that keeps what it is told; made by `open_talk`."""

    def __init__(self) -> None:
        self._messages: deque[bytes] = deque()
        self._lost: ConnectionLost | None = None
        self._news = asyncio.Event()

    async def open(self, url: str, *, key: str) -> Talk:
        self._connection = await open_connection(url, key=key)
        self._connection.listen(self)
        return self

    def receive(self, message: bytes) -> None:
        self._messages.append(message)
        self._news.set()

    def lose(self, lost: ConnectionLost) -> None:
        self._lost = lost
        self._news.set()

    def resume(self) -> None:
        self._news.set()

    async def say(self, message: str | bytes) -> None:
        """Send while the network takes it."""
        while not self._connection.writable and self._lost is None:
            await self._wait()
        self._connection.send(message)

    async def next(self) -> bytes:
        """Return the next message; raises how the connection ended when there is none."""
        while not self._messages:
            if self._lost is not None:
                raise self._lost
            await self._wait()
        return self._messages.popleft()

    async def close(self) -> None:
        await self._connection.close()

    def abort(self) -> None:
        self._connection.abort()

    async def _wait(self) -> None:
        self._news.clear()
        await self._news.wait()


async def open_talk(url: str, *, key: str) -> Talk:
    return await Talk().open(url, key=key)
