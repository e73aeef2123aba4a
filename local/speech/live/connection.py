"""One open stream: audio and control messages in, results out."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from local.speech.engines import ChannelStream, Passage
from local.speech.faults import MAX_DELAY
from local.speech.faulty_answers import reset, transport_of
from local.speech.live.controls import NotUnderstood, read_control
from local.speech.live.faults import OF_FINALS, StreamFault
from local.speech.live.journal import StreamEntry
from local.speech.live.messages import Json, Messages, schema_error
from local.speech.live.options import StreamOptions
from local.speech.live.outbox import Outbox
from local.speech.live.pace import PaceMeter
from local.speech.live.samples import SampleDecoder, Undecodable

log = logging.getLogger(__name__)

# Close codes and reasons (page "STT Troubleshooting WebSocket, NET, and DATA Errors"); the reason of NET-0001 is what
# the service says.
DATA_0000 = (1008, "DATA-0000")
NET_0000 = (1011, "NET-0000")
NET_0001 = (
    1011,
    "Deepgram did not receive audio data or a text message within the timeout window. See https://dpgr.am/net0001",
)
TOO_FAST = (1008, "The local server was told to take audio no faster than Deepgram does.")
UNKNOWN_MESSAGE: Json = {"type": "Annotation", "note": "of a type that no client knows yet"}
ERROR_MESSAGE: Json = {"type": "Error", "variant": "InternalError", "description": "An ordered failure."}
MALFORMED = '{"type": "Results", "channel_index": [0,'
WRONG_TYPES: Json = {
    "type": "Results",
    "channel_index": "0",
    "start": "soon",
    "duration": None,
    "is_final": "yes",
    "channel": {"alternatives": {}},
}


@dataclass(frozen=True, kw_only=True)
class StreamLimits:
    """What a stream must keep to.

    Attributes:
        idle_seconds: Seconds without audio or a text message after which a stream is closed, and within which the first
            audio must come (page "Audio Keep Alive").
        max_ahead: Seconds of audio beyond the pace that Deepgram takes for which a stream is closed; `None` only notes
            it in the journal.
    """

    idle_seconds: float = 10.0
    max_ahead: float | None = None


class _Over(Exception):
    """The server ends the stream with a close frame; without a code the connection is already gone."""

    def __init__(self, code: int | None = None, reason: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.reason = reason


class Connection:
    """An accepted WebSocket.

    Args:
        socket: Accepted.
        streams: One for each channel that is recognised; released at the end.
        news: Set when a stream has something to say although no audio came.
        options: What the stream asks for.
        messages: Writes its messages.
        faults: Ordered failures that it meets.
        entry: Its entry in the journal.
        limits: What it must keep to.
    """

    def __init__(
        self,
        socket: WebSocket,
        streams: Sequence[ChannelStream],
        news: asyncio.Event,
        options: StreamOptions,
        messages: Messages,
        faults: Sequence[StreamFault],
        entry: StreamEntry,
        limits: StreamLimits,
    ) -> None:
        self._socket = socket
        self._streams = list(streams)
        self._news = news
        self._receiving: asyncio.Task[Message] | None = None
        self._options = options
        self._messages = messages
        self._faults = list(faults)
        self._entry = entry
        self._limits = limits
        self._decoder = SampleDecoder(options)
        self._pace = PaceMeter(clock=asyncio.get_running_loop().time)
        self._digest = hashlib.sha256()
        self._finals = 0
        self._outbox = Outbox(socket.send_text, WebSocketDisconnect)

    @property
    def _seconds(self) -> float:
        return self._decoder.samples / self._options.sample_rate

    async def run(self) -> None:
        """Serve the stream until one side ends it."""
        try:
            await self._fire(lambda fault: fault.after is None and fault.at_final is None)
            await self._take_messages()
            await self._finish()
        except _Over as over:
            await self._close(over)
        except WebSocketDisconnect as left:
            self._entry.end("client", left.code, left.reason)
        except Exception:
            await self._close(_Over(*NET_0000))
            raise
        finally:
            await self._outbox.close()
            if self._receiving is not None:
                self._receiving.cancel()
            for stream in self._streams:
                await stream.release()

    async def _take_messages(self) -> None:
        """Take messages until the client asks for the end.

        Raises:
            _Over: The stream ends in another way.
            WebSocketDisconnect: The client has gone.
        """
        clock = asyncio.get_running_loop()
        idle = self._limits.idle_seconds
        deadline = clock.time() + idle
        try:
            async with asyncio.timeout(None) as limit:
                while True:
                    limit.reschedule(deadline)
                    arrived = await self._message_or_news()
                    limit.reschedule(None)
                    if not arrived:
                        await self._say_news()
                        continue
                    message = await self._receive()
                    if isinstance(message, str):
                        if not await self._control(message):
                            return
                    elif not message:
                        return
                    else:
                        await self._audio(message)
                    # Messages alone do not make up for audio that has never come.
                    if self._decoder.samples:
                        deadline = clock.time() + idle
        except TimeoutError:
            raise _Over(*NET_0001) from None

    async def _message_or_news(self) -> bool:
        """Wait until there is a message, or something to say; return whether it is a message."""
        if self._receiving is None:
            self._receiving = asyncio.create_task(self._socket.receive())
        news = asyncio.create_task(self._news.wait())
        try:
            await asyncio.wait((self._receiving, news), return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
        return self._receiving.done()

    async def _receive(self) -> str | bytes:
        receiving, self._receiving = self._receiving, None
        message = await (receiving or self._socket.receive())
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message["code"], message.get("reason"))
        data: bytes | None = message.get("bytes")
        text: str = message.get("text") or ""
        return text if data is None else data

    async def _audio(self, message: bytes) -> None:
        try:
            audio = self._decoder.feed(message)
        except Undecodable:
            raise _Over(*DATA_0000) from None
        self._digest.update(message)
        self._pace.take(self._seconds - self._entry.audio_seconds)
        self._entry.ahead_seconds = round(self._pace.ahead, 6)
        self._entry.heard(self._seconds)
        if self._limits.max_ahead is not None and self._pace.ahead > self._limits.max_ahead:
            raise _Over(*TOO_FAST)
        if self._faults:
            await self._fire(lambda fault: fault.after is not None and self._seconds >= fault.after)
        for index, pcm in enumerate(audio):
            await self._say(index, await self._streams[index].feed(pcm))

    async def _control(self, text: str) -> bool:
        """Obey a control message; return whether the stream goes on."""
        try:
            control = read_control(text)
        except NotUnderstood as problem:
            self._entry.controls.append("(invalid)")
            await self._send(schema_error(str(problem), text))
            return True
        if control.kind == "KeepAlive":
            self._entry.keepalives += 1
            return True
        self._entry.controls.append(control.kind)
        if control.kind == "Finalize":
            for index, stream in enumerate(self._streams):
                if control.channel in {None, index}:
                    await self._say(index, await stream.finalize())
        return control.kind != "CloseStream"

    async def _say_news(self) -> None:
        self._news.clear()
        for index, stream in enumerate(self._streams):
            await self._say(index, await stream.feed(b""))

    async def _finish(self) -> None:
        """Say the rest, then close the stream in order."""
        for index, stream in enumerate(self._streams):
            await self._say(index, await stream.finish())
        if any(fault.action == "no-metadata" for fault in self._faults):
            self._entry.faults.append("no-metadata")
        else:
            await self._send(self._messages.metadata(sha256=self._digest.hexdigest(), duration=self._seconds))
        raise _Over(1000)

    async def _say(self, index: int, heard: Sequence[Passage]) -> None:
        """Send what an engine has heard in a channel."""
        for passage in heard:
            await self._send_passage(index, passage)

    async def _send_passage(self, index: int, passage: Passage) -> None:
        if not passage.final and not self._options.interim_results:
            return
        message = self._messages.results(index, passage)
        if not (passage.final and passage.words):
            self._entry.count("final" if passage.final else "interim")
            await self._send(message)
            return
        self._finals += 1
        self._entry.count("final", "words")
        spoiled = await self._fire(lambda fault: fault.at_final == self._finals)
        match next((fault.action for fault in spoiled), None):
            case "malformed-json":
                await self._outbox.put(MALFORMED)
            case "wrong-types":
                await self._outbox.put(WRONG_TYPES)
            case "duplicate":
                await self._send(message)
                await self._send(message)
            case _:
                await self._send(message)

    async def _send(self, message: Json) -> None:
        self._entry.count(message["type"])
        await self._outbox.put(message)

    async def _fire(self, due: Callable[[StreamFault], bool]) -> list[StreamFault]:
        """Let the failures happen whose time has come; return those that concern the message to be sent.

        Raises:
            _Over: One of them ends the stream.
        """
        happening = [fault for fault in self._faults if fault.action != "no-metadata" and due(fault)]
        for fault in happening:
            self._faults.remove(fault)
            self._entry.faults.append(fault.label)
            match fault.action:
                case "close":
                    raise _Over(fault.code, fault.reason)
                case "reset":
                    reset(transport_of(self._socket))
                    raise _Over
                case "half-open":
                    await self._leave_half_open()
                case "stall":
                    self._outbox.stall(fault.seconds)
                case "late":
                    self._outbox.lateness = fault.seconds or 0.0
                case "unknown-message":
                    await self._outbox.put(UNKNOWN_MESSAGE)
                case "error-message":
                    await self._send(ERROR_MESSAGE)
        return [fault for fault in happening if fault.action in OF_FINALS]

    async def _leave_half_open(self) -> None:
        """Neither read nor write nor answer, and let the connection be.

        Raises:
            _Over: After a time in which every client must have given up.
        """
        self._entry.end("server", 1006, "half-open")
        transport = transport_of(self._socket)
        protocol = transport.get_protocol()
        if isinstance(protocol, WebSocketsSansIOProtocol):
            protocol.stop_keepalive()
        transport.pause_reading()
        await asyncio.sleep(MAX_DELAY)
        reset(transport)
        raise _Over

    async def _close(self, over: _Over) -> None:
        if over.code is None:
            self._entry.end("server", 1006, "reset")
            return
        if self._outbox.silenced:
            # Nothing is said any more, not even goodbye: the client has to go.
            try:
                async with asyncio.timeout(MAX_DELAY):
                    while True:
                        await self._receive()
            except WebSocketDisconnect as left:
                self._entry.end("client", left.code, left.reason)
            return
        await self._outbox.drain()
        self._entry.end("server", over.code, over.reason)
        try:
            await self._socket.close(over.code, over.reason)
        except WebSocketDisconnect as left:
            log.debug("the client had left with %s", left.code)
