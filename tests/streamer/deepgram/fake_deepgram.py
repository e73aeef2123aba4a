"""Deepgram's stream for tests: each 20 ms frame of its audio carries a number, and each number becomes a word.

Where results begin and end follows from the audio alone, so that a piece heard over a second connection has the results
it had on the first: after every frame whose number is one below a multiple of 25, after 0.3 s of silence, and every
second of longer silence.
"""

import asyncio
import json
import math
from array import array
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from local.speech.engines.frames import FRAME_SAMPLES, FrameReader

RATE = 8000
GROUP = 25
PAUSE = 2400

Message = dict[str, Any]
Sent = Message | str | bytes


class Recogniser:
    """One channel of one connection."""

    def __init__(self, channel: int) -> None:
        self.channel = channel
        self.heard: list[tuple[int, int]] = []
        self._reader = FrameReader()
        self._words: list[tuple[int, int]] = []
        self._final_until = 0
        self._received = 0
        self._interim_at = 0

    def feed(self, pcm: bytes) -> list[Message]:
        self._received += len(pcm) // 2
        results: list[Message] = []
        for number, position in self._reader.feed(pcm):
            results += self._silence(position)
            self.heard.append((number, position))
            self._words.append((number, position))
            if number % GROUP == GROUP - 1:
                results.append(self._result(position + FRAME_SAMPLES))
        results += self._silence(self._reader.position)
        if self._words and self._received - self._interim_at >= RATE // 2:
            self._interim_at = self._received
            results.append(self._result(self._reader.position, final=False))
        return results

    def flush(self, *, everything: bool) -> list[Message]:
        end = self._received if everything else self._reader.position
        return [self._result(end, from_finalize=not everything)] if end > self._final_until else []

    def _silence(self, until: int) -> list[Message]:
        results: list[Message] = []
        if self._words and until - (self._words[-1][1] + FRAME_SAMPLES) >= PAUSE:
            results.append(self._result(self._words[-1][1] + FRAME_SAMPLES + PAUSE, speech_final=True))
        while not self._words and until - self._final_until >= RATE:
            results.append(self._result(self._final_until + RATE))
        return results

    def _result(
        self, end: int, *, final: bool = True, speech_final: bool = False, from_finalize: bool = False
    ) -> Message:
        start, words = self._final_until, self._words
        if final:
            self._final_until, self._words = end, []
        return {
            "type": "Results",
            "channel_index": [self.channel, 2],
            "start": seconds(start),
            "duration": seconds(end - start),
            "is_final": final,
            "speech_final": speech_final,
            "from_finalize": from_finalize,
            "channel": {
                "alternatives": [
                    {
                        "transcript": " ".join(f"f{number}" for number, _ in words),
                        "confidence": 0.5 if words else 0.0,
                        "words": [
                            {
                                "word": f"f{number}",
                                "punctuated_word": f"f{number}",
                                "start": seconds(position),
                                "end": seconds(position + FRAME_SAMPLES),
                                "confidence": 0.5,
                            }
                            for number, position in words
                        ],
                    }
                ]
            },
            "metadata": {
                "request_id": "r",
                "model_uuid": "m",
                "model_info": {"name": "n", "version": "v", "arch": "a"},
            },
        }


def seconds(samples: int) -> float:
    return round(samples / RATE, 7)


@dataclass
class Behaviour:
    """What one connection does otherwise than usual.

    Attributes:
        refuse: status and headers of the answer to the handshake.
        silent_handshake: never answer the handshake.
        after: samples of audio from which on `then` happens.
        then: what happens.
        edit: what is sent in place of each result.
        finalizes: whether Finalize is answered.
        delay: seconds after which everything is sent.
        pace: seconds of audio that it takes in a second.
        at_close: what happens at CloseStream instead of the usual.
    """

    refuse: tuple[int, dict[str, str]] | None = None
    silent_handshake: bool = False
    after: int = 0
    then: Callable[["Stream"], Any] | None = None
    edit: Callable[[Message], list[Sent]] = lambda message: [message]
    finalizes: bool = True
    delay: float = 0.0
    pace: float = math.inf
    at_close: Callable[["Stream"], Any] | None = None


def close(code: int, reason: str = "") -> Callable[["Stream"], Any]:
    return lambda stream: stream.socket.close(code, reason)


async def reset(stream: "Stream") -> None:
    stream.socket.transport.abort()


async def go_mute(stream: "Stream") -> None:
    stream.mute = True


async def go_dead(stream: "Stream") -> None:
    """Neither read nor answer, as when the network in between forgets the connection."""
    stream.socket.transport.pause_reading()
    stream.mute = True


@dataclass
class Stream:
    """One connection as the server saw it."""

    socket: ServerConnection
    behaviour: Behaviour
    query: list[tuple[str, str]]
    channels: list[Recogniser] = field(default_factory=lambda: [Recogniser(0), Recogniser(1)])
    received: int = 0
    arrivals: list[tuple[float, int]] = field(default_factory=list)
    texts: list[tuple[float, str]] = field(default_factory=list)
    finalized: list[int | None] = field(default_factory=list)
    largest: int = 0
    mute: bool = False
    happened: bool = False
    closed_with: int | None = None
    busy_until: float = 0.0
    outbox: asyncio.Queue[tuple[float, str | bytes | None]] = field(default_factory=asyncio.Queue)

    async def talk(self) -> None:
        posting = asyncio.create_task(self._post())
        try:
            async for message in self.socket:
                if isinstance(message, str):
                    await self._text(json.loads(message))
                else:
                    await self._audio(message)
        except ConnectionClosed as closed:
            self.closed_with = closed.rcvd.code if closed.rcvd else None
        finally:
            posting.cancel()
            await asyncio.wait({posting})

    async def _post(self) -> None:
        """Send what waits, in order and not before its time; `None` closes."""
        while True:
            due, message = await self.outbox.get()
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
            with suppress(ConnectionClosed):
                await (self.socket.close(1000) if message is None else self.socket.send(message))

    async def _audio(self, pcm: bytes) -> None:
        assert pcm
        assert len(pcm) % 4 == 0
        self.received += len(pcm) // 4
        now = asyncio.get_running_loop().time()
        self.busy_until = max(now, self.busy_until) + len(pcm) / 4 / RATE / self.behaviour.pace
        self.largest = max(self.largest, len(pcm))
        self.arrivals.append((asyncio.get_running_loop().time(), len(pcm) // 4))
        for channel in self.channels:
            await self._send(channel.feed(array("h", pcm)[channel.channel :: 2].tobytes()))
        if self.behaviour.then is not None and not self.happened and self.received >= self.behaviour.after:
            self.happened = True
            await self.behaviour.then(self)

    async def _text(self, message: Message) -> None:
        kind = message["type"]
        self.texts.append((asyncio.get_running_loop().time(), kind))
        if kind == "Finalize":
            self.finalized.append(message.get("channel"))
        if kind == "Finalize" and self.behaviour.finalizes:
            for channel in self.channels:
                if message.get("channel", channel.channel) == channel.channel:
                    await self._send(channel.flush(everything=False))
        elif kind == "CloseStream":
            if self.behaviour.at_close is not None:
                await self.behaviour.at_close(self)
                return
            for channel in self.channels:
                await self._send(channel.flush(everything=True))
            if not self.mute:
                await self._say({"type": "Metadata", "duration": seconds(self.received)})
                await self._say(None)

    async def _send(self, messages: list[Message]) -> None:
        for message in messages:
            for item in self.behaviour.edit(message):
                if not self.mute:
                    await self._say(item)

    async def _say(self, item: Sent | None) -> None:
        message = json.dumps(item) if isinstance(item, dict) else item
        if self.behaviour.delay or self.behaviour.pace < math.inf:
            due = max(asyncio.get_running_loop().time(), self.busy_until) + self.behaviour.delay
            self.outbox.put_nowait((due, message))
        elif message is None:
            await self.socket.close(1000)
        else:
            await self.socket.send(message)


class FakeDeepgram:
    """The server; each connection takes the next behaviour, and the last ones are usual.

    Attributes:
        streams: the connections accepted.
        handshakes: time and headers of every handshake.
    """

    def __init__(self, *behaviours: Behaviour) -> None:
        self._behaviours = list(behaviours)
        self.streams: list[Stream] = []
        self.handshakes: list[tuple[float, Headers]] = []
        self.url = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator["FakeDeepgram"]:
        async with serve(self._talk, "127.0.0.1", 0, process_request=self._handshake, ping_interval=None) as server:
            port = server.sockets[0].getsockname()[1]
            self.url = f"ws://127.0.0.1:{port}/v1/listen?model=nova-3&multichannel=true"
            try:
                yield self
            finally:
                for stream in self.streams:
                    stream.socket.transport.abort()

    async def _handshake(self, socket: ServerConnection, request: Request) -> Response | None:
        self.handshakes.append((asyncio.get_running_loop().time(), request.headers))
        behaviour = self._behaviours.pop(0) if self._behaviours else Behaviour()
        if behaviour.silent_handshake:
            await asyncio.sleep(60)
        if behaviour.refuse is not None:
            status, headers = behaviour.refuse
            return Response(status, "Refused", Headers(headers), b"")
        self.streams.append(Stream(socket, behaviour, parse_qsl(urlsplit(request.path).query)))
        return None

    async def _talk(self, socket: ServerConnection) -> None:
        await next(stream for stream in self.streams if stream.socket is socket).talk()
