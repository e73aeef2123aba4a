"""The stage on the wall's clock, for streamers in processes of their own: AWS is the emulator, the rest is served."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from callscribe.environments.streamer import StreamerEnvironment
from local.emulator.process import Emulator
from local.kinesis_video.admission import Admission
from local.kinesis_video.app import create_app as create_streams_app
from local.kinesis_video.streams import Settings as StreamSettings
from local.kinesis_video.streams import Streams
from local.speech.app import SERVER_OPTIONS, create_frames_app
from local.speech.engines.frames import FramesEngine
from local.speech.live.service import LiveService
from tests.fakes.serving import serving
from tests.live.feed import Feed
from tests.live.stage import Stage
from tests.streamer.calls.cloud import KEY, Cloud, new_cloud


@dataclass(frozen=True)
class _Emulated:
    """Table and queues on the emulator."""

    of: Cloud

    async def live(self, call_id: str) -> dict[str, Any]:
        return await self.of.live(call_id)

    async def change(self, call_id: str, **values: Any) -> None:
        await self.of.change(call_id, **values)

    async def utterances(self, call_id: str) -> list[dict[str, Any]]:
        return await self.of.utterances(call_id)

    async def send(self, body: str) -> None:
        await self.of.sqs.send_message(QueueUrl=self.of.queue_url, MessageBody=body)

    async def waiting(self) -> int:
        return sum((await self.of.messages(self.of.queue_url)).values())

    async def failed(self) -> list[tuple[str, str]]:
        response = await self.of.sqs.receive_message(
            QueueUrl=self.of.failed_queue_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        return [
            (message["Body"], message["MessageAttributes"]["error_code"]["StringValue"])
            for message in response.get("Messages", [])
        ]


@dataclass(kw_only=True)
class WallStage(Stage):
    """On the wall's clock.

    Attributes:
        emulator: AWS.
        table: What is on it.
        streams_url: Kinesis video streams.
        deepgram_url: Deepgram's streaming API.
        feed_url: The feed's endpoint.
    """

    emulator: Emulator
    table: Cloud
    streams_url: str
    deepgram_url: str
    feed_url: str

    def environment(self, **changes: Any) -> StreamerEnvironment:
        """Return what a streamer is told."""
        own = {"deepgram_stream_url": self.deepgram_url, "feed_url": self.feed_url, "log_level": "DEBUG"}
        return self.table.environment(**own | changes)


@asynccontextmanager
async def new_wall_stage(emulator: Emulator) -> AsyncIterator[WallStage]:
    """Set the stage; the environment must point at the emulator."""
    streams, feed = Streams(StreamSettings()), Feed()
    deepgram = LiveService(engine=FramesEngine(), key=KEY)
    async with AsyncExitStack() as stack:
        urls = [
            await stack.enter_async_context(serving(app, timeout_keep_alive=3600, **options))
            for app, options in (
                (create_streams_app(streams, Admission(emulator.key)), {}),
                (create_frames_app(deepgram), SERVER_OPTIONS),
                (feed.app(), {}),
            )
        ]
        table = await stack.enter_async_context(new_cloud())
        yield WallStage(
            cloud=_Emulated(table),
            streams=streams,
            feed=feed,
            started_at_ms=round(time.time() * 1000) - 60_000,
            emulator=emulator,
            table=table,
            streams_url=urls[0],
            deepgram_url=urls[1].replace("http", "ws", 1),
            feed_url=f"{urls[2]}/event",
        )
