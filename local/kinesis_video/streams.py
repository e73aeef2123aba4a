"""Streams and the fragments they keep."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from local.kinesis_video.errors import ServiceError
from operations.verification.fragments import Fragment, fragment_number

_HOST_BUFFER_SECONDS = 300
_HOST_BUFFER_BYTES = 200_000_000


def now() -> float:
    """Seconds on the clock by which the service waits, which never goes back."""
    return asyncio.get_running_loop().time()


@dataclass(kw_only=True)
class Settings:
    """How the service behaves. Limits are those of the Kinesis Video Streams Developer Guide, "Quotas".

    Attributes:
        region: Region in the ARNs of streams.
        idle_seconds: A body of GetMedia ends after so long without a new fragment.
        session_seconds: A body of GetMedia ends after so long in any case.
        connections: Bodies of GetMedia open on a stream at once; the one too many is refused.
        requests_per_second: GetMedia requests on a stream within a second; what is too many is refused.
        fragments_per_second: How fast a body catches up; with a call that is played faster, so much faster.
        delivery: ``bursts`` sends a fragment as soon as it is complete; ``blocks`` spreads the newest one over the
            time that it took to produce, a block at a time.
        inclusive_tokens: Whether reading from a continuation token begins with its fragment, not with the next. The
            documentation says either.
    """

    region: str = "us-east-1"
    idle_seconds: float = 3.0
    session_seconds: float = 45 * 60.0
    connections: int = 3
    requests_per_second: int = 5
    fragments_per_second: float = 5.0
    delivery: str = "bursts"
    inclusive_tokens: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFragment:
    """A fragment of a stream.

    Attributes:
        serial: Its place in the stream.
        fragment: What the producer sent.
        server_ms: When it was complete, milliseconds since 1970.
        seconds: How long it took to produce; 0 where nobody said.
    """

    serial: int
    fragment: Fragment
    server_ms: int
    seconds: float

    @property
    def number(self) -> str:
        """Its fragment number."""
        return fragment_number(self.serial)

    @property
    def size(self) -> int:
        """Bytes of its audio."""
        return sum(len(block.pcm) for block in self.fragment.blocks)


@dataclass(kw_only=True)
class Stream:
    """A Kinesis video stream. Without retention it keeps what the host buffer holds: five minutes or 200 MB."""

    name: str
    arn: str
    retention_hours: int
    created: float
    clock: Callable[[], float] = time.time
    readers: int = 0
    next_serial: int = 1
    _fragments: deque[StoredFragment] = field(default_factory=deque)
    _bytes: int = 0
    _requests: deque[float] = field(default_factory=deque)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def __iter__(self) -> Iterator[StoredFragment]:
        return iter(self._fragments)

    def append(self, fragment: Fragment, *, seconds: float = 0.0) -> StoredFragment:
        """Store a complete fragment and wake who waits for it."""
        stored = StoredFragment(
            serial=self.next_serial, fragment=fragment, server_ms=round(self.clock() * 1000), seconds=seconds
        )
        self.next_serial += 1
        self._fragments.append(stored)
        self._bytes += stored.size
        self._expire(stored.server_ms)
        news, self._news = self._news, asyncio.Event()
        news.set()
        return stored

    async def wait_for(self, serial: int, seconds: float) -> StoredFragment | None:
        """Return the fragment at `serial`, or the first one kept after it, once there is one; `None` in time."""
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                while self.next_serial <= serial or not self._fragments:
                    await self._news.wait()
        except TimeoutError:
            return None
        return self._fragments[max(0, serial - self._fragments[0].serial)]

    def admit_request(self, limit: int) -> None:
        """Count a GetMedia request.

        Raises:
            ServiceError: There were too many within a second.
        """
        at = now()
        while self._requests and at - self._requests[0] >= 1:
            self._requests.popleft()
        if len(self._requests) >= limit:
            raise ServiceError("ClientLimitExceededException", "Rate of GetMedia requests exceeded")
        self._requests.append(at)

    def description(self) -> dict[str, Any]:
        """What DescribeStream and ListStreams say."""
        return {
            "StreamName": self.name,
            "StreamARN": self.arn,
            "MediaType": "audio/L16",
            "KmsKeyId": f"{self.arn.rsplit(':', 1)[0].replace(':kinesisvideo:', ':kms:')}:alias/aws/kinesisvideo",
            "Version": "1",
            "Status": "ACTIVE",
            "CreationTime": self.created,
            "DataRetentionInHours": self.retention_hours,
        }

    def _expire(self, now_ms: int) -> None:
        keep_ms = (self.retention_hours * 3_600 or _HOST_BUFFER_SECONDS) * 1_000
        oldest = self._fragments[0]
        while oldest.server_ms < now_ms - keep_ms or (not self.retention_hours and self._bytes > _HOST_BUFFER_BYTES):
            self._bytes -= self._fragments.popleft().size
            oldest = self._fragments[0]


class Streams:
    """All streams of the account.

    Args:
        settings: How the service behaves.
        clock: Returns seconds since 1970.
    """

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self._clock = clock
        self._streams: dict[str, Stream] = {}
        self._ids = count(round(clock() * 1000))

    def create(self, name: str, retention_hours: int = 0) -> Stream:
        """Create a stream.

        Raises:
            ServiceError: There is one with this name.
        """
        if name in self._streams:
            raise ServiceError("ResourceInUseException", f"Stream {name} exists already")
        arn = self._arn(name, next(self._ids))
        stream = self._streams[name] = Stream(
            name=name, arn=arn, retention_hours=retention_hours, created=self._clock(), clock=self._clock
        )
        return stream

    def find(self, name: str | None = None, arn: str | None = None) -> Stream:
        """Return a stream by its name or its ARN.

        Raises:
            ServiceError: There is none, or the request names none.
        """
        if not name and not arn:
            raise ServiceError("InvalidArgumentException", "Either StreamName or StreamARN must be given")
        stream = next((s for s in self._streams.values() if (s.arn == arn if arn else s.name == name)), None)
        if stream is None:
            raise ServiceError("ResourceNotFoundException", "The requested stream is not found or not active")
        return stream

    def resource(self, name: object, arn: object) -> str:
        """ARN by which policies know what a request names, whether there is such a stream or not."""
        if arn:
            return str(arn)
        stream = self._streams.get(str(name))
        if stream is not None:
            return stream.arn
        return self._arn(str(name), 0) if name else "*"

    def _arn(self, name: str, number: int) -> str:
        return f"arn:aws:kinesisvideo:{self.settings.region}:000000000000:stream/{name}/{number}"

    def ensure(self, name: str) -> Stream:
        """Return the stream with this name, and create it if there is none."""
        return self._streams.get(name) or self.create(name)

    def delete(self, arn: str) -> None:
        """Delete a stream.

        Raises:
            ServiceError: There is none.
        """
        del self._streams[self.find(arn=arn).name]

    def matching(self, prefix: str = "") -> list[Stream]:
        """Return the streams whose names begin so."""
        return [stream for name, stream in sorted(self._streams.items()) if name.startswith(prefix)]
