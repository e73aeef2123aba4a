"""Everything around a streamer, in one process: AWS on the emulator, the streams, and Deepgram.

Streams carry numbered frames (`local.speech.engines.frames`), and Deepgram hears frame 17 as the word ``f17``.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from callscribe.environments.streamer import StreamerEnvironment
from callscribe.live.call import LiveCall
from local.access.keys import AccessKey
from local.kinesis_video.admission import Admission
from local.kinesis_video.app import create_app as create_streams_app
from local.kinesis_video.streams import Settings as StreamSettings
from local.kinesis_video.streams import Stream, Streams
from local.speech.app import SERVER_OPTIONS, create_frames_app
from local.speech.engines.frames import FramesEngine, encode_frame
from local.speech.live.service import LiveService
from operations.verification.fragments import AGENT_TRACK, CUSTOMER_TRACK, Contact, Fragment, from_pcm
from streamer.calls.ending import EndLimits
from streamer.deepgram.session import SessionLimits
from streamer.service import Service
from streamer.speech import SpeechService
from tests.fakes.serving import serving
from tests.fakes.signing import SigV4
from tests.patience import PATIENCE_SECONDS
from tests.streamer.calls.cloud import KEY, Cloud

_FRAMES_PER_SECOND = 50
_SILENCE = bytes(16_000)


def speech(first: int, seconds: float, *, pause: float = 1.0) -> bytes:
    """Frames from number *first* on, then silence; 16-bit PCM."""
    numbers = range(first, first + round(seconds * _FRAMES_PER_SECOND))
    return b"".join(encode_frame(number) for number in numbers) + _SILENCE * round(pause)


def contact(call_id: str, customer: bytes, agent: bytes = b"", *, start_ms: int, **options: Any) -> Contact:
    """A contact with this audio."""
    length = max(len(customer), len(agent))
    sources = {
        CUSTOMER_TRACK: from_pcm(customer.ljust(length, b"\0")),
        AGENT_TRACK: from_pcm(agent.ljust(length, b"\0")),
    }
    return Contact(contact_id=call_id, sources=sources, start_ms=start_ms, **options)


@dataclass
class Feed:
    """The publishing side of an AppSync Events API.

    Attributes:
        url: Its endpoint.
        events: What was published, in order.
        channels: Where.
    """

    url: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    channels: set[str] = field(default_factory=set)

    async def publish(self, request: Request) -> Response:
        body = await request.json()
        self.channels.add(body["channel"])
        self.events += [json.loads(event) for event in body["events"]]
        return JSONResponse({"failed": [], "successful": []})


@dataclass(frozen=True, kw_only=True)
class Streamer:
    """A streamer that runs in this process.

    Attributes:
        service: The streamer.
        running: Ends with it.
    """

    service: Service
    running: asyncio.Task[None]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until *condition* holds; it is asked whenever a message or call comes or goes."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.service.intake.wait_until(condition)

    async def until_idle(self) -> None:
        """Wait until it has no call."""
        await self.until(lambda: not self.service.intake.slots_used)

    async def drain(self) -> None:
        """Have it hand over its calls, as ECS does with SIGTERM, and wait for its end."""
        self.service.drain()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.running


@dataclass(kw_only=True)
class Stage:
    """What a streamer meets.

    Attributes:
        cloud: Table and queues.
        streams: Kinesis video streams.
        streams_url: Their service.
        deepgram_url: Deepgram.
        started_at_ms: When the calls begin.
        log: Metrics of all streamers.
    """

    cloud: Cloud
    streams: Streams
    streams_url: str
    deepgram_url: str
    started_at_ms: int = field(default_factory=lambda: round(time.time() * 1000) - 60_000)
    log: io.StringIO = field(default_factory=io.StringIO)

    async def hang_up(self, call_id: str, *, after: float = 0.0) -> None:
        """Note that a contact is over, as Connect's event does.

        Args:
            call_id: The contact.
            after: Seconds from the end of what it said until its end.
        """
        heard_ms = ended_ms(self.streams, call_id)
        over_ms = (self.started_at_ms if heard_ms is None else heard_ms) + round(after * 1000)
        over = datetime.fromtimestamp(over_ms / 1000, UTC)
        await self.cloud.change(call_id, disconnected_at=over.isoformat(timespec="milliseconds"))

    def stream(self, name: str = "stream") -> Stream:
        """Return a stream, new the first time."""
        return self.streams.ensure(name)

    async def streams_fail(self, *then: dict[str, Any]) -> None:
        """Order failures of GetMedia (`local.kinesis_video.faults`)."""
        async with httpx.AsyncClient(timeout=PATIENCE_SECONDS, auth=SigV4(_key_in_use())) as http:
            order = {"match": "", "then": list(then)}
            (await http.post(f"{self.streams_url}/_local/faults", json=order)).raise_for_status()

    def play(self, stream: Stream, played: Contact, *, first: int = 0, until: int | None = None) -> list[Fragment]:
        """Put a contact's fragments into the stream, from one index to another."""
        fragments = list(played.fragments())[first:until]
        for fragment in fragments:
            stream.append(fragment)
        return fragments

    def call(self, stream: Stream, call_id: str = "call-7", **changes: Any) -> LiveCall:
        """Return the announcement of a call."""
        values: dict[str, Any] = {
            "call_id": call_id,
            "clinic_id": "harbour",
            "stream_arn": stream.arn,
            "start_fragment": "",
            "started_at_ms": self.started_at_ms,
        }
        return LiveCall(**values | changes)

    async def announce(self, call: LiveCall) -> None:
        """Send the announcement."""
        await self.cloud.sqs.send_message(QueueUrl=self.cloud.queue_url, MessageBody=call.to_json())

    def environment(self, **changes: Any) -> StreamerEnvironment:
        """Return what a streamer is told."""
        own = {"deepgram_stream_url": self.deepgram_url}
        return self.cloud.environment(**own | changes)

    @asynccontextmanager
    async def streamer(
        self,
        *,
        end_limits: EndLimits | None = None,
        session_limits: SessionLimits | None = None,
        speech: SpeechService | None = None,
        **changes: Any,
    ) -> AsyncIterator[Streamer]:
        """Run a streamer; at the end it is stopped as by a crash, unless it has ended."""
        service = Service(
            self.environment(**changes),
            session=self.cloud.session,
            end_limits=end_limits or EndLimits(settle=0.5),
            session_limits=session_limits,
            speech=speech,
            metrics_stream=self.log,
        )
        running = asyncio.create_task(service.run())
        ready = asyncio.create_task(service.ready.wait())
        await asyncio.wait((running, ready), return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        try:
            yield Streamer(service=service, running=running)
        finally:
            running.cancel()
            await asyncio.wait({running})

    @asynccontextmanager
    async def feed(self) -> AsyncIterator[Feed]:
        """Run a live feed that keeps what is published."""
        feed = Feed()
        async with serving(Starlette(routes=[Route("/event", feed.publish, methods=["POST"])])) as url:
            feed.url = f"{url}/event"
            yield feed

    async def until(self, call_id: str, **wanted: Any) -> dict[str, Any]:
        """Wait until a call's item has these values, and return it."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                item = await self.cloud.live(call_id)
                if all(item.get(name) == value for name, value in wanted.items()):
                    return item
                await asyncio.sleep(0.05)

    async def until_renewed(self, call_id: str, lease_until: float) -> None:
        """Wait until a call's lease lasts until this time."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await self.cloud.live(call_id))["lease_until"] < lease_until:
                await asyncio.sleep(0.05)

    async def until_words(self, call_id: str, count: int) -> None:
        """Wait until so many utterances of a call are stored."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(await self.cloud.utterances(call_id)) < count:
                await asyncio.sleep(0.05)

    async def until_messages(self, queue_url: str, **wanted: int) -> None:
        """Wait until a queue has so many messages `visible` or `hidden`."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not wanted.items() <= (await self.cloud.messages(queue_url)).items():
                await asyncio.sleep(0.05)

    async def frames(self, call_id: str, channel: int = 0) -> list[int]:
        """Return the numbers of the frames that are stored as words of a channel, in order."""
        texts = [item["text"] for item in await self.cloud.utterances(call_id) if item["channel"] == channel]
        return [int(number) for text in texts for number in re.findall(r"\bf(\d+)\b", text, re.IGNORECASE)]

    def counted(self, name: str) -> float:
        """Return the sum of a metric, as far as it has been written."""
        values: list[float] = [json.loads(line).get(name, 0) for line in self.log.getvalue().splitlines()]
        return sum(values)


@asynccontextmanager
async def new_stage(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    """Set the stage."""
    streams = Streams(StreamSettings(idle_seconds=0.3, fragments_per_second=50, requests_per_second=50))
    deepgram = LiveService(engine=FramesEngine(), key=KEY)
    async with AsyncExitStack() as stack:
        streams_url = await stack.enter_async_context(serving(create_streams_app(streams, Admission(_key_in_use()))))
        speech_url = await stack.enter_async_context(serving(create_frames_app(deepgram), **SERVER_OPTIONS))
        monkeypatch.setenv("AWS_ENDPOINT_URL_KINESIS_VIDEO", streams_url)
        yield Stage(
            cloud=cloud,
            streams=streams,
            streams_url=streams_url,
            deepgram_url=speech_url.replace("http", "ws", 1),
        )


def _key_in_use() -> AccessKey:
    """The key that the streamer signs with."""
    return AccessKey(
        access_key_id=os.environ["AWS_ACCESS_KEY_ID"], secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"]
    )


def ended_ms(streams: Streams, call_id: str) -> int | None:
    """Return when the last audio of a contact ended, by the fragments in all streams; `None` where it has none."""
    fragments = (stored.fragment for stream in streams.matching() for stored in stream)
    return max((one.end_ms for one in fragments if one.tags.get("ContactId") == call_id), default=None)


def numbers(first: int, seconds: float) -> list[int]:
    """Return the numbers of the frames of `speech`."""
    return list(range(first, first + round(seconds * _FRAMES_PER_SECOND)))
