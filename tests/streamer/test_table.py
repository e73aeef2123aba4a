from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiobotocore.session import AioSession
from botocore.exceptions import BotoCoreError, ClientError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from streamer.aws import Signer, cancellation_codes, config, is_transient
from streamer.http import HttpClient
from streamer.table import TableRequests
from tests.fakes.serving import serving

_ITEM = {"PK": {"S": "call#7"}, "words": {"L": [{"M": {"text": {"S": "ça va"}, "start": {"N": "0.5"}}}]}}
_KEY = {"PK": {"S": "call#7"}}
_PUTS = [{"Put": {"TableName": "t", "Item": _ITEM}}]


_EXPIRED = b'{"__type": "com.amazon.coral.service#InvalidSignatureException", "message": "Signature expired"}'


@dataclass
class DynamoDb:
    """Answers as it is told, and remembers what it was asked."""

    status: int = 200
    body: bytes = b"{}"
    checks_time: bool = False
    asked: list[tuple[str, str, Any]] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        headers = request.headers
        if self.checks_time:
            signed = datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            if abs(signed - datetime.now(UTC)) > timedelta(minutes=5):
                return Response(_EXPIRED, 400, media_type="application/x-amz-json-1.0")
        self.asked.append((headers["x-amz-target"], headers["authorization"], await request.json()))
        return Response(self.body, self.status, media_type="application/x-amz-json-1.0")


@dataclass
class Clients:
    """Ours and botocore's, of the same service."""

    service: DynamoDb
    ours: Any
    botocores: Any


@pytest.fixture
async def clients() -> AsyncIterator[Clients]:
    service = DynamoDb()
    session: Any = AioSession()  # type: ignore[no-untyped-call]
    session.set_credentials("AKIDEXAMPLE", "secret", "token")
    app = Starlette(routes=[Route("/", service.answer, methods=["POST"])])
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serving(app))
        http = await stack.enter_async_context(HttpClient())
        client = await stack.enter_async_context(
            session.create_client("dynamodb", region_name="eu-central-1", endpoint_url=url, config=config(attempts=1))
        )
        yield Clients(service, TableRequests(client, signer=Signer(session, region="eu-central-1"), http=http), client)


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        (
            "transact_write_items",
            {"TransactItems": _PUTS, "ClientRequestToken": "1"},
        ),
        ("update_item", {"TableName": "t", "Key": _KEY, "UpdateExpression": "SET a = :a"}),
        ("get_item", {"TableName": "t", "Key": _KEY, "ConsistentRead": True}),
        ("query", {"TableName": "t", "KeyConditionExpression": "PK = :pk"}),
    ],
)
async def test_a_request_is_the_one_that_botocore_sends(clients: Clients, name: str, request_: dict[str, Any]) -> None:
    for client in (clients.ours, clients.botocores):
        assert (await getattr(client, name)(**request_)).get("Item") is None
    (target, authorization, body), (usual_target, usual_authorization, usual_body) = clients.service.asked
    assert (target, body) == (usual_target, usual_body)
    scope = "/eu-central-1/dynamodb/aws4_request"
    assert scope in authorization
    assert scope in usual_authorization


async def test_an_answer_is_returned_as_it_is(clients: Clients) -> None:
    clients.service.body = b'{"Item": {"PK": {"S": "call#7"}, "n": {"NS": ["1", "2"]}}}'
    assert await clients.ours.get_item(TableName="t", Key=_KEY) == {
        "Item": {"PK": {"S": "call#7"}, "n": {"NS": ["1", "2"]}}
    }


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b'{"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException", "message": "no"}'),
        (400, b'{"__type": "com.amazon.coral.service#ThrottlingException", "Message": "slow down"}'),
        (
            400,
            b"""{"__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException", "Message": "cancelled",
            "CancellationReasons": [{"Code": "None"}, {"Code": "ConditionalCheckFailed", "Message": "no"}]}""",
        ),
        (500, b'{"__type": "com.amazonaws.dynamodb.v20120810#InternalServerError", "message": "oh"}'),
        (503, b"{}"),
        (500, b""),
        (502, b"<html>bad gateway</html>"),
    ],
)
async def test_a_refusal_is_the_error_that_botocore_raises(clients: Clients, status: int, body: bytes) -> None:
    clients.service.status, clients.service.body = status, body
    told = []
    for client in (clients.ours, clients.botocores):
        with pytest.raises(ClientError) as refused:
            await client.transact_write_items(TransactItems=[])
        error = refused.value
        told.append(
            (is_transient(error), cancellation_codes(error), error.response["ResponseMetadata"]["HTTPStatusCode"])
        )
    assert told[0] == told[1]


async def test_what_is_refused_for_a_wrong_clock_is_asked_again_by_the_services(clients: Clients) -> None:
    clients.service.checks_time = True
    clients.ours._signer._clock = lambda: time.time() - 86_400
    for asked in (5, 10):
        await asyncio.gather(*(clients.ours.get_item(TableName="t", Key=_KEY) for _ in range(5)))
        assert len(clients.service.asked) == asked


async def test_what_is_refused_whatever_the_time_is_asked_twice_at_most(clients: Clients) -> None:
    clients.service.status, clients.service.body = 400, _EXPIRED
    clients.ours._signer._clock = lambda: time.time() - 86_400
    for asked in (2, 3):
        with pytest.raises(ClientError):
            await clients.ours.get_item(TableName="t", Key=_KEY)
        assert len(clients.service.asked) == asked


async def test_what_cannot_be_reached_or_understood_may_be_asked_again(clients: Clients) -> None:
    clients.service.body = b"half an ans"
    for _ in range(2):
        with pytest.raises(BotoCoreError) as failed:
            await clients.ours.get_item(TableName="t", Key=_KEY)
        assert is_transient(failed.value)
        clients.ours._url = "http://127.0.0.1:9/"


async def test_a_silent_table_is_given_up(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    monkeypatch.setattr("streamer.table._SECONDS", 0.05)
    clients.ours._url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    with pytest.raises(BotoCoreError) as failed:
        await clients.ours.get_item(TableName="t", Key=_KEY)
    assert is_transient(failed.value)
    server.close()
