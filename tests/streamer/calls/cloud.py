"""The AWS side of a streamer on the emulator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Any

from aiobotocore.session import AioSession

from callscribe.contract.table_keys import call_partition, live_call_key, utterance_range
from callscribe.deepgram.options import TranscriptionOptions
from callscribe.environments.streamer import StreamerEnvironment
from local.access.keys import AccessKey
from streamer.aws import config
from streamer.calls.attributes import from_attributes, to_attributes
from tests.fakes.table import table_definition

KEY = "0123456789abcdef0123456789abcdef01234567"
"""Deepgram's key, as far as anybody here knows."""

ACCESS_KEY = AccessKey.generate()
"""One for every emulator of this process: the session below, of which there is one, reads it once."""

_numbers = count(1)


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table, new for each test.

    Attributes:
        dynamodb: Client of the table.
        table: Name of the table.
    """

    dynamodb: Any
    table: str

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


@dataclass(frozen=True, kw_only=True)
class Cloud(Table):
    """A table, a queue, its dead-letter queue and a secret, new for each test.

    Attributes:
        sqs: Client of the queues.
        queue_url: The queue.
        failed_queue_url: Its dead-letter queue.
        secret_arn: The secret with Deepgram's key.
    """

    sqs: Any
    queue_url: str
    failed_queue_url: str
    secret_arn: str

    def environment(self, **values: Any) -> StreamerEnvironment:
        """Return what a streamer is told that works on it."""
        usual: dict[str, Any] = {
            "aws_region": "us-east-1",
            "table_name": self.table,
            "calls_queue_url": self.queue_url,
            "failed_calls_queue_url": self.failed_queue_url,
            "deepgram_secret_arn": self.secret_arn,
            "deepgram_options": TranscriptionOptions(),
            "vocabulary_path": "/vocabulary/",
            "event_bus_name": "default",
            "flags": "eye-clinic-v1",
            "service_name": "live",
            "slots": 20,
            "lease_seconds": 30,
            "max_call_seconds": 3600,
            "idle_limit_seconds": 120,
            "start_wait_seconds": 60,
            "buffer_seconds": 60,
            "health_port": 0,
        }
        return StreamerEnvironment(**usual | values)

    async def messages(self, queue_url: str) -> dict[str, int]:
        """Return how many messages of a queue are visible and how many are hidden."""
        names = {"visible": "ApproximateNumberOfMessages", "hidden": "ApproximateNumberOfMessagesNotVisible"}
        response = await self.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=list(names.values()))
        return {name: int(response["Attributes"][attribute]) for name, attribute in names.items()}


@cache
def _session() -> Any:
    # One for all tests, because it reads the services' descriptions only once.
    return AioSession()  # type: ignore[no-untyped-call]


@asynccontextmanager
async def new_table() -> AsyncIterator[Table]:
    """Make a table; the environment must point at the emulator."""
    name = f"transcripts-{next(_numbers)}"
    async with _session().create_client("dynamodb", config=config()) as dynamodb:
        await dynamodb.create_table(**table_definition(name))
        yield Table(dynamodb=dynamodb, table=name)


@asynccontextmanager
async def new_cloud() -> AsyncIterator[Cloud]:
    """Make what a streamer works on; the environment must point at the emulator."""
    session = _session()
    number = next(_numbers)
    async with AsyncExitStack() as stack:
        table = await stack.enter_async_context(new_table())
        sqs = await stack.enter_async_context(session.create_client("sqs", config=config(read_timeout=30)))
        urls = [
            (await sqs.create_queue(QueueName=f"{name}-{number}"))["QueueUrl"] for name in ("calls", "failed-calls")
        ]
        secrets = await stack.enter_async_context(session.create_client("secretsmanager", config=config()))
        secret = await secrets.create_secret(Name=f"deepgram-{number}", SecretString=KEY)
        yield Cloud(
            dynamodb=table.dynamodb,
            sqs=sqs,
            table=table.table,
            queue_url=urls[0],
            failed_queue_url=urls[1],
            secret_arn=secret["ARN"],
        )
