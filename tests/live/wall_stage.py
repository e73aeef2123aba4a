"""The stage on the wall's clock, for streamers in processes of their own: AWS is the emulator, the rest is served."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from aiobotocore.session import AioSession

from callscribe.contract.table_keys import call_partition, live_call_key, utterance_range
from callscribe.environments.streamer import StreamerEnvironment
from local.access.keys import AccessKey
from local.emulator.process import Emulator
from local.kinesis_video.admission import Admission
from local.kinesis_video.app import create_app as create_streams_app
from local.kinesis_video.streams import Settings as StreamSettings
from local.kinesis_video.streams import Streams
from local.speech.app import SERVER_OPTIONS, create_frames_app
from local.speech.engines.frames import FramesEngine
from local.speech.live.service import LiveService
from streamer.aws import config
from streamer.calls.attributes import from_attributes, to_attributes
from tests.fakes.serving import serving
from tests.fakes.table import table_definition
from tests.live.feed import Feed
from tests.live.stage import Stage
from tests.simulation.live.surroundings import KEYS, streamer_environment

ACCESS_KEY: Final = AccessKey.generate()
"""The emulator's."""

_REGION: Final = "us-east-1"
_numbers = count(1)


@dataclass(frozen=True, kw_only=True)
class Emulated:
    """A table, a queue, its dead-letter queue and a secret on the emulator, new for each test.

    Attributes:
        dynamodb: Client of the table.
        sqs: Client of the queues.
        table: Name of the table.
        queue_url: The queue.
        failed_queue_url: Its dead-letter queue.
        secret_arn: The secret with Deepgram's key.
    """

    dynamodb: Any
    sqs: Any
    table: str
    queue_url: str
    failed_queue_url: str
    secret_arn: str

    async def live(self, call_id: str) -> dict[str, Any]:
        """Return a call's item."""
        key = to_attributes(live_call_key(call_id).primary())
        response = await self.dynamodb.get_item(TableName=self.table, Key=key, ConsistentRead=True)
        return from_attributes(response.get("Item", {}))

    async def change(self, call_id: str, **values: Any) -> None:
        """Set attributes of a call's item, as a Lambda function does."""
        await self.dynamodb.update_item(
            TableName=self.table,
            Key=to_attributes(live_call_key(call_id).primary()),
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
            ExpressionAttributeNames={f"#{name}": name for name in values},
            ExpressionAttributeValues=to_attributes({f":{name}": value for name, value in values.items()}),
        )

    async def utterances(self, call_id: str) -> list[dict[str, Any]]:
        """Return a call's stored utterances in order."""
        response = await self.dynamodb.query(
            TableName=self.table,
            KeyConditionExpression="PK = :pk AND begins_with(SK, :sk)",
            ExpressionAttributeValues=to_attributes({":pk": call_partition(call_id), ":sk": utterance_range()}),
        )
        return [from_attributes(item) for item in response["Items"]]

    async def send(self, body: str) -> None:
        """Send a message to the queue of announced calls."""
        await self.sqs.send_message(QueueUrl=self.queue_url, MessageBody=body)

    async def waiting(self) -> int:
        """How many messages are in it, visible or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        response = await self.sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=names)
        return sum(int(response["Attributes"][name]) for name in names)

    async def failed(self) -> list[tuple[str, str]]:
        """Body and error code of every message in the dead-letter queue."""
        response = await self.sqs.receive_message(
            QueueUrl=self.failed_queue_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        return [
            (message["Body"], message["MessageAttributes"]["error_code"]["StringValue"])
            for message in response.get("Messages", [])
        ]


@asynccontextmanager
async def _emulated(emulator: Emulator) -> AsyncIterator[Emulated]:
    session: Any = AioSession()  # type: ignore[no-untyped-call]
    session.set_credentials(emulator.key.access_key_id, emulator.key.secret_access_key)
    reach = {"region_name": _REGION, "endpoint_url": emulator.url}
    number = next(_numbers)
    async with (
        session.create_client("dynamodb", config=config(), **reach) as dynamodb,
        session.create_client("sqs", config=config(read_timeout=30), **reach) as sqs,
        session.create_client("secretsmanager", config=config(), **reach) as secrets,
    ):
        table = f"transcripts-{number}"
        await dynamodb.create_table(**table_definition(table))
        urls = [
            (await sqs.create_queue(QueueName=f"{name}-{number}"))["QueueUrl"] for name in ("calls", "failed-calls")
        ]
        secret = await secrets.create_secret(Name=f"deepgram-{number}", SecretString=KEYS[0])
        yield Emulated(
            dynamodb=dynamodb,
            sqs=sqs,
            table=table,
            queue_url=urls[0],
            failed_queue_url=urls[1],
            secret_arn=secret["ARN"],
        )


@dataclass(kw_only=True)
class WallStage(Stage):
    """On the wall's clock.

    Attributes:
        emulator: AWS.
        emulated: What is on it.
        streams_url: Kinesis video streams.
        deepgram_url: Deepgram's streaming API.
        feed_url: The feed's endpoint.
    """

    emulator: Emulator
    emulated: Emulated
    streams_url: str
    deepgram_url: str
    feed_url: str

    def environment(self, **settings: Any) -> StreamerEnvironment:
        """Return what a streamer is told."""
        here = {
            "aws_region": _REGION,
            "table_name": self.emulated.table,
            "calls_queue_url": self.emulated.queue_url,
            "failed_calls_queue_url": self.emulated.failed_queue_url,
            "deepgram_secret_arn": self.emulated.secret_arn,
            "deepgram_stream_url": self.deepgram_url,
            "feed_url": self.feed_url,
            "event_bus_name": "default",
        }
        return streamer_environment(**here | settings)


@asynccontextmanager
async def new_wall_stage(emulator: Emulator) -> AsyncIterator[WallStage]:
    """Set the stage."""
    streams, feed = Streams(StreamSettings()), Feed()
    deepgram = LiveService(engine=FramesEngine(), key=KEYS[0])
    async with AsyncExitStack() as stack:
        urls = [
            await stack.enter_async_context(serving(app, timeout_keep_alive=3600, **options))
            for app, options in (
                (create_streams_app(streams, Admission(emulator.key)), {}),
                (create_frames_app(deepgram), SERVER_OPTIONS),
                (feed.app(), {}),
            )
        ]
        emulated = await stack.enter_async_context(_emulated(emulator))
        yield WallStage(
            cloud=emulated,
            streams=streams,
            feed=feed,
            started_at_ms=round(time.time() * 1000) - 60_000,
            emulator=emulator,
            emulated=emulated,
            streams_url=urls[0],
            deepgram_url=urls[1].replace("http", "ws", 1),
            feed_url=f"{urls[2]}/event",
        )
