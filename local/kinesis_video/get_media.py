"""GetMedia: the fragments of a stream from a chosen one on, for as long as new ones come.

Where to begin: Amazon Kinesis Video Streams API Reference, "StartSelector". When bodies end and what is refused:
Developer Guide, "Quotas".
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from typing import Any

from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Send

from local.kinesis_video.errors import ServiceError
from local.kinesis_video.faults import Fault
from local.kinesis_video.streams import Settings, StoredFragment, Stream, now
from local.speech.faults import OrderBook
from operations.verification.fragments import error_document

MAX_ENTRIES = 10_000


@dataclass(kw_only=True)
class Session:
    """One GetMedia request.

    Attributes:
        stream: Name of the stream.
        selector: Where it was to begin, as requested.
        status: ``open``, or how it ended: ``idle``, ``session-limit``, ``not-found``, ``client`` (it left),
            ``refused:`` and the error's code, or ``fault:`` and its action.
        first: Number of the first fragment sent.
        last: Number of the last fragment sent whole.
        fragments: How many were sent whole.
        bytes: Length of the body so far.
        started: Seconds on a monotonic clock.
        finished: Seconds on the same clock; `None` while it is open.
    """

    stream: str
    selector: Mapping[str, Any]
    status: str = "open"
    first: str | None = None
    last: str | None = None
    fragments: int = 0
    bytes: int = 0
    started: float = field(default_factory=now)
    finished: float | None = None

    def finish(self, status: str) -> None:
        """Note that it is over."""
        if self.finished is None:
            self.status = status
            self.finished = now()


class Sessions:
    """GetMedia requests, past and present.

    Args:
        settings: How the service behaves.
    """

    def __init__(self, settings: Settings) -> None:
        self.faults: OrderBook[Fault] = OrderBook(Fault.parse)
        self._settings = settings
        self._journal: deque[Session] = deque(maxlen=MAX_ENTRIES)

    def report(self) -> list[dict[str, Any]]:
        """Return all requests in order."""
        return [asdict(session) for session in self._journal]

    def open(self, stream: Stream, selector: Mapping[str, Any]) -> Response:
        """Answer a request.

        Raises:
            ServiceError: It is refused.
        """
        return _Body(self.deliver(stream, selector))

    def deliver(self, stream: Stream, selector: Mapping[str, Any]) -> Delivery:
        """Begin a body without HTTP around it.

        Raises:
            ServiceError: It is refused.
        """
        session = Session(stream=stream.name, selector=selector)
        self._journal.append(session)
        fault = next(self.faults.take_each(stream.name), None)
        try:
            if fault is not None and fault.action == "refuse":
                raise ServiceError(fault.code, "Refused on request")
            stream.admit_request(self._settings.requests_per_second)
            if stream.readers >= self._settings.connections:
                raise ServiceError("ConnectionLimitExceededException", "Too many GetMedia connections on the stream")
            serial = self._first(stream, selector)
        except ServiceError as error:
            session.finish(f"refused:{error.code}")
            raise
        if serial is not None and fault is not None and fault.action == "resend":
            serial, fault = serial - fault.fragments, None
        stream.readers += 1
        return Delivery(stream, session, fault, self._settings, serial)

    def _first(self, stream: Stream, selector: Mapping[str, Any]) -> int | None:
        """Return the serial of the first fragment to send; `None` if the one it is told by does not exist."""
        kind = selector.get("StartSelectorType")
        kept = list(stream)
        match kind:
            case "NOW":
                return max(1, stream.next_serial - 1)
            case "EARLIEST":
                return kept[0].serial if kept else stream.next_serial
            case "FRAGMENT_NUMBER":
                return _after(kept, selector.get("AfterFragmentNumber"), 1)
            case "CONTINUATION_TOKEN":
                return _after(kept, selector.get("ContinuationToken"), 0 if self._settings.inclusive_tokens else 1)
            case "SERVER_TIMESTAMP" | "PRODUCER_TIMESTAMP":
                at_ms = selector.get("StartTimestamp")
                if not isinstance(at_ms, int | float):
                    raise ServiceError("InvalidArgumentException", "StartTimestamp must be given")
                ends = (s.server_ms if kind == "SERVER_TIMESTAMP" else s.fragment.end_ms - 1 for s in kept)
                later = (s.serial for s, end in zip(kept, ends, strict=True) if end >= at_ms * 1_000)
                return next(later, stream.next_serial)
        raise ServiceError("InvalidArgumentException", "Unknown StartSelectorType")


def _after(kept: list[StoredFragment], number: object, offset: int) -> int | None:
    if not isinstance(number, str) or not number:
        raise ServiceError("InvalidArgumentException", "The start selector lacks what it selects by")
    return next((stored.serial + offset for stored in kept if stored.number == number), None)


class Delivery:
    """What one body sends.

    Attributes:
        broken: Whether the connection is to be cut where the body ends.
    """

    def __init__(
        self, stream: Stream, session: Session, fault: Fault | None, settings: Settings, serial: int | None
    ) -> None:
        self.broken = False
        self._stream = stream
        self._session = session
        self._fault = fault
        self._settings = settings
        self._serial = serial
        self._earliest = now()

    async def chunks(self) -> AsyncGenerator[bytes]:
        """Yield the body, piece by piece."""
        try:
            async with aclosing(self._chunks()) as chunks:
                async for chunk in chunks:
                    self._session.bytes += len(chunk)
                    yield chunk
        finally:
            self._session.finish("client")
            self._stream.readers -= 1

    async def _chunks(self) -> AsyncGenerator[bytes]:
        session, serial = self._session, self._serial
        if serial is None:
            session.finish("not-found")
            yield error_document("FRAGMENT_NOT_FOUND", "4000")
            return
        while session.finished is None:
            fault = self._fault if self._fault is not None and session.fragments == self._fault.after else None
            if fault is not None and not fault.bytes:
                yield await self._strike(fault)
            elif (stored := await self._next(serial)) is not None:
                async for chunk in self._send(stored, fault):
                    yield chunk
                serial = stored.serial + 1

    async def _next(self, serial: int) -> StoredFragment | None:
        """Wait for a fragment, as long as the service would, and until it may be sent."""
        left = self._session.started + self._settings.session_seconds - now()
        stored = None
        if left > 0:
            stored = await self._stream.wait_for(serial, min(left, self._settings.idle_seconds))
        if stored is None:
            self._session.finish("idle" if left > self._settings.idle_seconds else "session-limit")
            return None
        await asyncio.sleep(self._earliest - now())
        # What was not used within the last second may be caught up.
        interval = min(1.0, stored.seconds or 1.0) / self._settings.fragments_per_second
        self._earliest = max(self._earliest, now() - 1) + interval
        return stored

    async def _send(self, stored: StoredFragment, fault: Fault | None) -> AsyncGenerator[bytes]:
        session = self._session
        session.first = session.first or stored.number
        pieces = self._pieces(stored)
        if fault is not None:
            whole = b"".join(pieces)
            yield whole[: fault.bytes]
            yield await self._strike(fault)
            if session.finished is not None:
                return
            pieces = [whole[fault.bytes :]]
        for index, piece in enumerate(pieces):
            if index:
                await asyncio.sleep(stored.seconds / len(pieces))
            yield piece
        session.last = stored.number
        session.fragments += 1

    def _pieces(self, stored: StoredFragment) -> list[bytes]:
        """Write a fragment: in one piece, or in blocks if it is the newest and they are to be spread."""
        head, *rest = stored.fragment.pieces(
            number=stored.number,
            token=stored.number,
            server_ms=stored.server_ms,
            behind_ms=max(0, round(self._stream.clock() * 1000) - stored.server_ms),
        )
        newest = stored.serial + 1 == self._stream.next_serial
        if self._settings.delivery == "blocks" and newest and stored.seconds and len(rest) > 1:
            return [head + rest[0], *rest[1:]]
        return [b"".join([head, *rest])]

    async def _strike(self, fault: Fault) -> bytes:
        """Let the ordered failure happen; return what it adds to the body."""
        self._fault = None
        if fault.action == "stall":
            await asyncio.sleep(fault.seconds)
            return b""
        self.broken = fault.action == "break"
        self._session.finish(f"fault:{fault.action}")
        return error_document(fault.code, fault.id) if fault.action == "error" else b""


class _Body(StreamingResponse):
    """A body that gives its connection back however it ends, and that can end without a proper end."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._chunks = delivery.chunks()
        super().__init__(self._chunks, media_type="video/webm")

    async def stream_response(self, send: Send) -> None:
        async def send_unless_broken(message: Message) -> None:
            if message.get("more_body", True) or not self._delivery.broken:
                await send(message)

        async with aclosing(self._chunks):
            await super().stream_response(send_unless_broken)
