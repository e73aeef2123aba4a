"""Deepgram's stream as a script has it, which may be one that Deepgram was never seen to send.

What Deepgram promises is the matter of the local server (`local.speech.live`); this one is told what to send instead.
Each 20 ms frame of its audio carries a number, and each number becomes a word.

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
from random import Random
from typing import Any
from unittest.mock import patch

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from local.speech.app import SERVER_OPTIONS
from local.speech.engines.frames import FRAME_SAMPLES, FrameReader
from local.speech.faulty_answers import transport_of
from streamer.deepgram.encoding import ENCODINGS
from tests.fakes.serving import serving
from tests.simulation.live.deepgram import Sockets
from tests.simulation.live.network import Conditions, Network

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
    transport_of(stream.socket).abort()


async def go_mute(stream: "Stream") -> None:
    stream.mute = True


async def go_dead(stream: "Stream") -> None:
    """Neither read nor answer, as when the network in between forgets the connection."""
    transport_of(stream.socket).pause_reading()
    stream.mute = True


@dataclass
class Stream:
    """One connection as the server saw it."""

    socket: WebSocket
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
            while True:
                message = await self.socket.receive()
                if message["type"] == "websocket.disconnect":
                    self.closed_with = message["code"]
                    return
                if message.get("bytes") is None:
                    await self._text(json.loads(message["text"]))
                else:
                    await self._audio(message["bytes"])
        except (WebSocketDisconnect, RuntimeError):
            pass  # what it had still to say or to hear
        finally:
            posting.cancel()
            await asyncio.wait({posting})

    async def say(self, message: str | bytes) -> None:
        """Send a message as it is."""
        await (self.socket.send_text(message) if isinstance(message, str) else self.socket.send_bytes(message))

    async def _post(self) -> None:
        """Send what waits, in order and not before its time; `None` closes."""
        while True:
            due, message = await self.outbox.get()
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
            with suppress(WebSocketDisconnect, RuntimeError):
                await (self.socket.close(1000) if message is None else self.say(message))

    async def _audio(self, audio: bytes) -> None:
        assert audio
        pcm = ENCODINGS[dict(self.query)["encoding"]].read(audio)  # type: ignore[index]
        assert len(pcm) % 4 == 0
        self.received += len(pcm) // 4
        now = asyncio.get_running_loop().time()
        self.busy_until = max(now, self.busy_until) + len(pcm) / 4 / RATE / self.behaviour.pace
        self.largest = max(self.largest, len(audio))
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
            await self.say(message)


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
        self._wrong: list[AssertionError] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator["FakeDeepgram"]:
        """Answer in this process and in simulated time."""
        network = Network()
        conditions = Conditions(rng=Random(0), now=asyncio.get_running_loop().time)
        sockets = Sockets(self, conditions, lambda: network)
        with patch("streamer.deepgram.connection.ws_connect", sockets.connect):
            yield self._at("ws://deepgram.invalid")
            self._abort()
            await sockets.close()
        self._raise()

    @asynccontextmanager
    async def served(self) -> AsyncIterator["FakeDeepgram"]:
        """Answer on a port of the loopback address."""
        app = Starlette(routes=[WebSocketRoute("/v1/listen", self.listen)])
        async with serving(app, **SERVER_OPTIONS | {"ws_ping_interval": None}) as url:
            yield self._at(url.replace("http", "ws", 1))
            self._abort()
        self._raise()

    async def listen(self, socket: WebSocket) -> None:
        """Serve one stream."""
        self.handshakes.append((asyncio.get_running_loop().time(), socket.headers))
        behaviour = self._behaviours.pop(0) if self._behaviours else Behaviour()
        if behaviour.silent_handshake:
            await asyncio.sleep(60)
        if behaviour.refuse is not None:
            status, headers = behaviour.refuse
            await socket.send_denial_response(Response(b"", status, headers))
            return
        await socket.accept()
        stream = Stream(socket, behaviour, socket.query_params.multi_items())
        self.streams.append(stream)
        try:
            await stream.talk()
        except AssertionError as wrong:
            self._wrong.append(wrong)
            raise

    def _at(self, url: str) -> "FakeDeepgram":
        self.url = f"{url}/v1/listen?model=nova-3&multichannel=true&encoding=mulaw"
        return self

    def _abort(self) -> None:
        for stream in self.streams:
            transport_of(stream.socket).abort()

    def _raise(self) -> None:
        """Fail a test whose streamer has sent what none may."""
        if self._wrong:
            raise self._wrong[0]
