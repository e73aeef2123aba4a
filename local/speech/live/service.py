"""``/v1/listen`` over WebSocket: the handshake."""

from __future__ import annotations

import asyncio
import json
import uuid
from contextlib import ExitStack
from dataclasses import dataclass, field

from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from local.speech.authentication import authenticate
from local.speech.engines import StreamEngine, StreamRequest
from local.speech.errors import ListenError, bad_request
from local.speech.faults import MAX_DELAY
from local.speech.live.connection import Connection, StreamLimits
from local.speech.live.faults import StreamFault, StreamFaults
from local.speech.live.journal import StreamEntry, StreamJournal
from local.speech.live.messages import Messages
from local.speech.live.options import DEFAULT_ENDPOINTING, StreamOptions, parse_stream_options


@dataclass
class LiveService:
    """What one server works with for streams.

    Attributes:
        engine: Recognises streams; `None` refuses every one.
        key: The one API key that is accepted.
    """

    engine: StreamEngine | None
    key: str
    journal: StreamJournal = field(default_factory=StreamJournal)
    faults: StreamFaults = field(default_factory=StreamFaults)
    limits: StreamLimits = field(default_factory=StreamLimits)

    async def listen(self, socket: WebSocket) -> None:
        """Serve one stream, or refuse it as Deepgram would.

        A refusal has its message in the header ``dg-error`` and in the body, and every answer a ``dg-request-id``
        (page "STT Troubleshooting WebSocket, NET, and DATA Errors").
        """
        request_id = str(uuid.uuid4())
        query = socket.query_params.multi_items()
        entry = self.journal.open(request_id, query)
        with ExitStack() as end:
            end.callback(entry.finish)
            try:
                options, engine = self._check(socket, query)
                entry.parallel = self.journal.slots.with_next
                end.enter_context(self.journal.slots.take())
            except ListenError as error:
                await _refuse(socket, entry, error.response(request_id), error.message)
                return
            faults = self.faults.take(query)
            if any(fault.action in {"status", "hang"} for fault in faults):
                await _fail_handshake(socket, entry, faults)
                return
            await self._serve(socket, entry, options, engine, faults)

    def _check(self, socket: WebSocket, query: list[tuple[str, str]]) -> tuple[StreamOptions, StreamEngine]:
        # Browsers cannot send the header and give "token" and the key as sub-protocols instead.
        given = socket.headers.get("authorization") or " ".join(socket.scope["subprotocols"])
        authenticate(given, self.key)
        if self.engine is None:
            raise bad_request("The engine of this local server does not transcribe streams.")
        return parse_stream_options(query, self.engine.languages), self.engine

    async def _serve(
        self,
        socket: WebSocket,
        entry: StreamEntry,
        options: StreamOptions,
        engine: StreamEngine,
        faults: list[StreamFault],
    ) -> None:
        asked = StreamRequest(
            rate=options.sample_rate,
            interim=options.interim_results,
            endpointing=DEFAULT_ENDPOINTING if options.endpointing is None else options.endpointing,
            vocabulary=options.listen.keyterms,
        )
        channels = options.channels if options.listen.multichannel else 1
        news = asyncio.Event()
        entry.channels = [engine.open_stream(asked, news.set) for _ in range(channels)]
        entry.status = 101
        await socket.accept(
            subprotocol=next(iter(socket.scope["subprotocols"]), None),
            headers=[(b"dg-request-id", entry.request_id.encode())],
        )
        messages = Messages(engine, options, entry.request_id)
        await Connection(socket, entry.channels, news, options, messages, faults, entry, self.limits).run()


async def _fail_handshake(socket: WebSocket, entry: StreamEntry, faults: list[StreamFault]) -> None:
    for fault in faults:
        entry.faults.append(fault.label)
        if fault.action == "hang":
            await _until_the_client_leaves(socket)
            return
        if fault.action == "status":
            await asyncio.sleep(fault.seconds or 0.0)
            await _refuse(socket, entry, *_ordered(fault, entry.request_id))
            return


async def _until_the_client_leaves(socket: WebSocket) -> None:
    async with asyncio.timeout(MAX_DELAY):
        while (await socket.receive())["type"] != "websocket.disconnect":
            continue


def _ordered(fault: StreamFault, request_id: str) -> tuple[Response, str]:
    """Return the answer of an ordered refusal and its message."""
    documented = ListenError.documented(fault.status)
    if fault.text is not None:
        return Response(fault.text, fault.status, fault.headers, "text/plain"), documented.message
    body = documented.body(request_id) if fault.body is None else fault.body
    message = body.get("err_msg") if isinstance(body, dict) else None
    answer = Response(json.dumps(body), fault.status, fault.headers, "application/json")
    return answer, str(message or documented.message)


async def _refuse(socket: WebSocket, entry: StreamEntry, answer: Response, message: str) -> None:
    entry.status = answer.status_code
    answer.headers.setdefault("dg-error", message)
    answer.headers.setdefault("dg-request-id", entry.request_id)
    try:
        await socket.send_denial_response(answer)
    except WebSocketDisconnect as left:
        entry.end("client", left.code, left.reason)
