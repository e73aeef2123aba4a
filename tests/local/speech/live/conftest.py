"""A running server for streams and a plain WebSocket client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from local.speech.app import SERVER_OPTIONS, create_frames_app
from local.speech.engines.frames import FramesEngine
from local.speech.live.connection import StreamLimits
from local.speech.live.journal import StreamJournal
from local.speech.live.service import LiveService
from tests.fakes.serving import serving
from tests.patience import PATIENCE_SECONDS

STEREO = {
    "model": "nova-3",
    "encoding": "linear16",
    "sample_rate": "8000",
    "channels": "2",
    "multichannel": "true",
    "interim_results": "true",
    "endpointing": "300",
}
MONO = STEREO | {"channels": "1", "multichannel": "false"}
Json = dict[str, Any]


@dataclass
class Streams:
    """A running server with the frames engine, as a client and as a test see it."""

    url: str
    live: LiveService

    def connect(
        self,
        parameters: dict[str, Any] = STEREO,
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> connect:
        """Open a stream."""
        query = urlencode(parameters, doseq=True)
        headers = {"Authorization": "Token any"} if headers is None else headers
        return connect(
            f"{self.url.replace('http', 'ws', 1)}/v1/listen?{query}",
            additional_headers=headers,
            compression=None,
            open_timeout=PATIENCE_SECONDS,
            proxy=None,
            **{"close_timeout": PATIENCE_SECONDS, **options},
        )

    def client(self) -> httpx.AsyncClient:
        """Return a client that steers the server."""
        return httpx.AsyncClient(
            base_url=self.url, timeout=PATIENCE_SECONDS, trust_env=False, headers={"Authorization": "Token any"}
        )

    async def order(self, match: str, *then: Json) -> None:
        """Order failures of streams."""
        async with self.client() as http:
            answer = await http.post("/_local/streams/faults", json={"match": match, "then": list(then)})
        assert answer.status_code == 204, answer.text

    async def journal(self) -> list[Json]:
        """Return the recorded streams once none is open any more."""
        async with asyncio.timeout(PATIENCE_SECONDS), self.client() as http:
            while (report := (await http.get("/_local/streams")).json())["running"]:
                await asyncio.sleep(0.01)
        streams: list[Json] = report["streams"]
        return streams


@asynccontextmanager
async def serving_frames() -> AsyncIterator[Streams]:
    """Run a server with the frames engine."""
    live = LiveService(engine=FramesEngine(), key="any")
    async with serving(create_frames_app(live), **SERVER_OPTIONS) as url:
        yield Streams(url, live)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def _server() -> AsyncIterator[Streams]:
    async with serving_frames() as streams:
        yield streams


@pytest.fixture
def streams(_server: Streams) -> Streams:
    """A server with the frames engine and three streams at once."""
    live = _server.live
    live.engine, live.journal = FramesEngine(), StreamJournal(3)
    live.faults.reset()
    live.limits = StreamLimits()
    return _server


async def send_audio(socket: ClientConnection, pcm: bytes, size: int = 2048) -> None:
    """Send audio as fast as it is taken."""
    for start in range(0, len(pcm), size):
        await socket.send(pcm[start : start + size])


async def until_closed(socket: ClientConnection) -> list[Any]:
    """Return every message until the connection ends; what is not JSON as text."""
    messages: list[Any] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        with suppress(ConnectionClosed):
            while True:
                message = await socket.recv()
                try:
                    messages.append(json.loads(message))
                except ValueError:
                    messages.append(message)
    return messages


async def until(socket: ClientConnection, kind: str) -> Json:
    """Return the next message of a type."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (message := json.loads(await socket.recv()))["type"] != kind:
            continue
    found: Json = message
    return found


def finals(messages: Iterable[Any], channel: int = 0) -> list[str]:
    """Return the transcripts of a channel's final results with words."""
    return [
        text
        for message in messages
        if isinstance(message, dict) and message["type"] == "Results" and message["channel_index"][0] == channel
        if message["is_final"] is True and (text := message["channel"]["alternatives"][0]["transcript"])
    ]
