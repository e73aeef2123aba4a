"""What the doubles of simulated time promise is so on the emulator: the same scenarios, with the same assertions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

import pytest
from aiobotocore.session import AioSession

from streamer.aws import Signer, config
from streamer.http import HttpClient
from streamer.table import TableRequests
from tests.emulator.deployment import Deployment, new_call, recording
from tests.fakes.table import table_definition
from tests.patience import eventually
from tests.simulation.batch.contracts import SCENARIOS, WHOLE, Place, Stage
from tests.simulation.live.contracts.calls import CALLS, Calls

pytestmark = pytest.mark.emulator

MOST_RECEIVES = 3


class Deployed:
    """One call of the deployed environment."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._call = new_call("contract")
        self._content = cache(lambda _number: recording())
        self._puts: dict[str, tuple[str, int]] = {}
        self._started: list[str] = []

    def put(self, content: int) -> str:
        body = self._content(content)
        put = self._deployment.put(self._call, body)
        self._puts[put["VersionId"]] = put["ETag"], len(body)
        return str(put["VersionId"])

    def announce(self, version: str, *, times: int) -> None:
        etag, size = self._puts[version]
        event = self._deployment.event(self._call, etag=etag, version_id=version, size=size)
        self._started += [self._deployment.start(event) for _ in range(times)]

    def refuse(self, status: int) -> None:
        self._deployment.fail(self._call, {"status": status})

    def settle(self, *, recordings: int) -> None:
        self._deployment.ended(self._call, claims=recordings)
        describe = self._deployment.environment.step_functions().describe_execution
        eventually(lambda: all(describe(executionArn=arn)["status"] != "RUNNING" for arn in self._started))
        if "failed" in self.statuses():
            self._deployment.failed(self._call)

    def redrive(self) -> None:
        self._deployment.redrive()
        self._deployment.repeated(self._call)

    def statuses(self) -> list[str]:
        return [claim["status"] for claim in self._deployment.claims(self._call)]

    def requests(self) -> int:
        return len(self._deployment.requests(self._call))

    def shown(self) -> str | None:
        transcripts = self._deployment.transcripts(self._call)
        return transcripts[0]["version_id"] if transcripts else None

    def announced(self) -> list[str]:
        versions = {claim["recording_id"]: claim["version_id"] for claim in self._deployment.claims(self._call)}
        details = (event["detail"] for event in self._deployment.announced())
        return [versions[detail["recording_id"]] for detail in details if detail.get("recording_id") in versions]

    def failed(self) -> int:
        return sum(body.get("call_id") == self._call.call_id for body in self._deployment.failed_calls())


@pytest.mark.parametrize("scenario", WHOLE, ids=lambda scenario: scenario.__name__)
def test_a_deployment_does_what_it_does_in_simulated_time(
    deployment: Deployment, scenario: Callable[[Stage], None]
) -> None:
    scenario(Deployed(deployment))


@pytest.fixture(scope="module")
def place(deployment: Deployment) -> Place:
    """A table, a bucket and queues of one's own on the emulator."""
    session, url = deployment.environment.session, deployment.environment.endpoint_url
    s3, sqs = deployment.environment.s3(), deployment.environment.sqs()
    table = session.resource("dynamodb", endpoint_url=url).create_table(
        TableName="doubles",
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK")],
        BillingMode="PAY_PER_REQUEST",
    )
    s3.create_bucket(Bucket="doubles")
    s3.put_bucket_versioning(Bucket="doubles", VersioningConfiguration={"Status": "Enabled"})
    letters = sqs.create_queue(QueueName="doubles-letters")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=letters, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": MOST_RECEIVES})
    queue = sqs.create_queue(QueueName="doubles", Attributes={"RedrivePolicy": policy})["QueueUrl"]
    return Place(
        table=table,
        s3=s3,
        bucket="doubles",
        sqs=sqs,
        queue=queue,
        dead_letters=letters,
        most_receives=MOST_RECEIVES,
        name="doubles",
    )


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_the_emulator_does_what_a_double_does(place: Place, scenario: Callable[[Place], None]) -> None:
    scenario(place)


def test_the_emulator_keeps_live_calls_as_a_double_does(deployment: Deployment) -> None:
    """All at once, each with queues of its own, because some wait for messages to be shown again."""
    asyncio.run(_live_calls(deployment))


async def _live_calls(deployment: Deployment) -> None:
    environment = deployment.environment
    key = environment.credentials()
    session: Any = AioSession()  # type: ignore[no-untyped-call]
    session.set_credentials(key.access_key, key.secret_key, key.token)
    reach = {"region_name": environment.session.region_name, "endpoint_url": environment.endpoint_url}
    async with (
        session.create_client("dynamodb", config=config(), **reach) as dynamodb,
        session.create_client("sqs", config=config(read_timeout=30, connections=30), **reach) as sqs,
        HttpClient() as http,
    ):
        await dynamodb.create_table(**table_definition("live-doubles"))
        table = TableRequests(dynamodb, signer=Signer(session, region=str(reach["region_name"])), http=http)

        async def play(scenario: Callable[[Calls], Awaitable[None]]) -> None:
            names = [f"{scenario.__name__}-{suffix}"[-80:] for suffix in ("calls", "failed")]
            queue, failed = [(await sqs.create_queue(QueueName=name))["QueueUrl"] for name in names]
            await scenario(Calls(dynamodb=table, sqs=sqs, table="live-doubles", queue=queue, failed=failed))

        async with asyncio.TaskGroup() as scenarios:
            for scenario in CALLS:
                scenarios.create_task(play(scenario), name=scenario.__name__)
