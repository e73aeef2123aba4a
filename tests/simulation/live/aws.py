"""AWS as one streamer meets it: clients with the methods it calls, over services in this process.

The clients time out, retry and fail as botocore's do, with its own errors.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    HTTPClientError,
    ReadTimeoutError,
)

from callscribe.aws_refusals import is_transient
from local.kinesis_video.errors import ServiceError
from streamer.aws import config
from tests.simulation.clock import outside
from tests.simulation.table import refused

if TYPE_CHECKING:
    from local.kinesis_video.get_media import Delivery, Sessions
    from local.kinesis_video.streams import Streams
    from streamer.aws import Signer
    from streamer.get_media import Take
    from tests.simulation.live.network import Conditions, Network
    from tests.simulation.queues import Queue
    from tests.simulation.table import Table

_REFUSALS: Final[dict[str, dict[str, tuple[str, int]]]] = {
    "dynamodb": {"throttled": ("ThrottlingException", 400), "failing": ("InternalServerError", 500)},
    "sqs": {"throttled": ("RequestThrottled", 403), "failing": ("ServiceUnavailable", 503)},
    "kinesisvideo": {"throttled": ("ClientLimitExceededException", 400), "failing": ("InternalFailure", 500)},
    "kinesis-video-media": {"throttled": ("ClientLimitExceededException", 400), "failing": ("InternalFailure", 500)},
}
_REFUSED: Final = {
    "throttled": ("ThrottlingException", 400),
    "failing": ("InternalServiceError", 500),
    "refused": ("AccessDeniedException", 400),
}
_PERIOD: Final = 0.5
_BUFFERED: Final = 1 << 20


class Signal:
    """Wakes everybody who waits."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def give(self) -> None:
        """Wake them."""
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Wait, at most so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()


@dataclass(kw_only=True)
class Account:
    """What all streamers share.

    Attributes:
        table: DynamoDB.
        calls: The queue of announced calls.
        failed: Its dead-letter queue.
        visible: Given whenever a message may have become visible.
        streams: Kinesis video streams.
        bodies: GetMedia.
        parameters: Parameter Store.
        secret: Deepgram's key.
        events: What the event bus took.
        trace: Every effect, in order.
        owners: Which streamer took a call last, by the call's partition.
        strays: Words that another streamer wrote than the one that had taken the call last.
    """

    table: Table
    calls: Queue
    failed: Queue
    visible: Signal
    streams: Streams
    bodies: Sessions
    parameters: dict[str, str]
    secret: str
    events: list[dict[str, Any]] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)
    owners: dict[str, str] = field(default_factory=dict)
    strays: list[str] = field(default_factory=list)


class _Credentials:
    async def get_frozen_credentials(self) -> ReadOnlyCredentials:
        return ReadOnlyCredentials("AKIASIMULATEDSIMULAT", "simulated", "token")


class Session:
    """aiobotocore's session, as far as a streamer uses it.

    Args:
        account: The services.
        conditions: What is wrong with them.
        network: The way there.
        streamer: Name of the streamer.
    """

    def __init__(self, account: Account, conditions: Conditions, network: Network, streamer: str) -> None:
        self._account = account
        self._conditions = conditions
        self._network = network
        self._streamer = streamer

    @asynccontextmanager
    async def create_client(self, name: str, *, config: Any, **_: Any) -> AsyncIterator[Any]:
        """Yield a client."""
        yield _CLIENTS[name](name, config, self._account, self._conditions, self._network, self._streamer)

    async def get_credentials(self) -> _Credentials:
        """Return the task role's credentials."""
        return _Credentials()


class _Client:
    def __init__(
        self,
        service: str,
        config: Any,
        account: Account,
        conditions: Conditions,
        network: Network,
        streamer: str,
    ) -> None:
        self._service = service
        self._attempts: int = config.retries["total_max_attempts"]
        self._patience: float = config.read_timeout
        self._connect_seconds: float = config.connect_timeout
        self._account = account
        self._conditions = conditions
        self._network = network
        self._streamer = streamer

    async def _call(self, operation: str, effect: Callable[[], Any]) -> Any:
        async def happen() -> Any:
            return effect()

        return await self._request(operation, happen)

    async def _request(self, operation: str, effect: Callable[[], Awaitable[Any]]) -> Any:
        """Send a request, again if botocore would (AWS SDKs and Tools Reference Guide, "Retry behavior")."""
        for attempt in range(self._attempts):
            try:
                return await self._once(operation, effect)
            except (ClientError, HTTPClientError) as error:
                passes = not isinstance(error, ClientError) or is_transient(error.response)
                if attempt + 1 == self._attempts or not passes:
                    raise
            await asyncio.sleep(min(20.0, self._conditions.rng.random() * 2.0**attempt))
        raise AssertionError

    async def _once(self, operation: str, effect: Callable[[], Awaitable[Any]]) -> Any:
        await self._reach()
        conditions = self._conditions
        trouble = conditions.trouble(self._service, operation, self._streamer)
        kind = "" if trouble is None else trouble.kind
        self._refuse(operation, kind)
        if kind == "unheard":
            await self._time_out()
        if trouble is not None and kind == "slow":
            if trouble.seconds >= self._patience:
                # Nobody waits for it any more when it happens.
                self._later(trouble.seconds, operation, effect)
                await self._time_out()
            await asyncio.sleep(trouble.seconds)
        answer = await self._happen(operation, effect)
        if kind == "unanswered":
            await self._time_out()
        await asyncio.sleep(conditions.latency())
        if self._network.cut:
            await self._time_out()
        return answer

    async def _reach(self) -> None:
        """Send a request there, if it gets there."""
        network = self._network
        if network.cut:
            await asyncio.sleep(0 if network.gone else self._connect_seconds)
            raise ConnectTimeoutError(endpoint_url=self._service)
        await asyncio.sleep(self._conditions.latency())
        if network.gone:
            raise ConnectTimeoutError(endpoint_url=self._service)

    def _refuse(self, operation: str, kind: str) -> None:
        if kind in _REFUSED:
            code, status = _REFUSALS.get(self._service, {}).get(kind) or _REFUSED[kind]
            raise refused(code, operation, status=status)
        if kind == "conflicting" and operation == "transact_write_items":
            reasons = [{"Code": "None"}, {"Code": "TransactionConflict"}]
            raise refused("TransactionCanceledException", operation, CancellationReasons=reasons)

    async def _happen(self, operation: str, effect: Callable[[], Awaitable[Any]]) -> Any:
        note = f"{self._conditions.now():.6f} {self._streamer} {self._service} {operation}"
        try:
            answer = await effect()
        except ClientError as error:
            self._account.trace.append(f"{note} {error.response['Error']['Code']}")
            raise
        self._account.trace.append(note)
        return answer

    async def _time_out(self) -> None:
        await asyncio.sleep(self._patience)
        raise ReadTimeoutError(endpoint_url=self._service)

    def _later(self, seconds: float, operation: str, effect: Callable[[], Awaitable[Any]]) -> None:
        async def happen() -> None:
            await asyncio.sleep(seconds)
            with suppress(ClientError):
                await self._happen(f"late {operation}", effect)

        outside(happen())


class _Table(_Client):
    def __getattr__(self, operation: str) -> Callable[..., Awaitable[Any]]:
        if operation not in ("get_item", "put_item", "update_item", "query", "transact_write_items"):
            raise AttributeError(operation)

        async def call(*, TableName: str = "", **request: Any) -> Any:
            def effect() -> Any:
                table = self._account.table
                repeated = table.is_repeated(request.get("ClientRequestToken", ""))
                answer = getattr(table, operation)(**request)
                if not repeated:
                    self._note_owner(request)
                return answer

            return await self._call(operation, effect)

        return call

    def _note_owner(self, request: dict[str, Any]) -> None:
        owners = self._account.owners
        if ":lease_owner" in request.get("ExpressionAttributeValues", {}):
            owners[request["Key"]["PK"]["S"]] = self._streamer
        for write in request.get("TransactItems", ()):
            partition = write.get("Update", {}).get("Key", {}).get("PK", {}).get("S")
            if partition is not None and owners[partition] != self._streamer:
                self._account.strays.append(f"{self._streamer} wrote of {partition}, which {owners[partition]} has")


class _Queues(_Client):
    def _queue(self, url: str) -> Queue:
        account = self._account
        return {account.calls.name: account.calls, account.failed.name: account.failed}[url]

    async def receive_message(
        self,
        *,
        QueueUrl: str,
        MaxNumberOfMessages: int,
        WaitTimeSeconds: int,
        VisibilityTimeout: int,
        **_: Any,
    ) -> Any:
        queue, loop = self._queue(QueueUrl), asyncio.get_running_loop()

        async def poll() -> dict[str, Any]:
            until = loop.time() + WaitTimeSeconds
            while True:
                if self._network.cut:  # the connection is lost, and with it the request
                    return {}
                if messages := queue.receive(MaxNumberOfMessages, hidden=VisibilityTimeout):
                    return {"Messages": messages}
                if loop.time() >= until:
                    return {}
                visible = queue.next_visible()
                due = until if visible is None else min(until, loop.time() + max(0.0, visible - queue.clock()))
                await self._account.visible.wait(max(due - loop.time(), 1e-3))

        return await self._request("receive_message", poll)

    async def send_message(self, *, QueueUrl: str, MessageBody: str, MessageAttributes: Any) -> Any:
        return await self._call(
            "send_message", lambda: {"MessageId": self._queue(QueueUrl).send(MessageBody, MessageAttributes)}
        )

    async def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> Any:
        return await self._call("delete_message", lambda: self._queue(QueueUrl).delete(ReceiptHandle))

    async def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> Any:
        return await self._call(
            "change_message_visibility",
            lambda: self._queue(QueueUrl).hide(ReceiptHandle, seconds=VisibilityTimeout),
        )

    async def change_message_visibility_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> Any:
        def hide() -> dict[str, Any]:
            failed = []
            for entry in Entries:
                try:
                    self._queue(QueueUrl).hide(entry["ReceiptHandle"], seconds=entry["VisibilityTimeout"])
                except ClientError as error:
                    failed.append({"Id": entry["Id"], "Code": error.response["Error"]["Code"]})
            return {"Failed": failed} if failed else {}

        return await self._call("change_message_visibility_batch", hide)


class _Events(_Client):
    async def put_events(self, *, Entries: list[dict[str, Any]]) -> Any:
        trouble = self._conditions.trouble("events-entries", "put_events", self._streamer)

        def put() -> dict[str, Any]:
            if trouble is not None:
                return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]}
            self._account.events.extend(Entries)
            return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}

        return await self._call("put_events", put)


class _Parameters(_Client):
    async def get_parameter(self, *, Name: str) -> Any:
        def get() -> dict[str, Any]:
            if Name not in self._account.parameters:
                raise refused("ParameterNotFound", "GetParameter")
            return {"Parameter": {"Value": self._account.parameters[Name]}}

        return await self._call("get_parameter", get)


class _Secrets(_Client):
    async def get_secret_value(self, *, SecretId: str) -> Any:
        return await self._call("get_secret_value", lambda: {"SecretString": self._account.secret})


class _Streams(_Client):
    async def get_data_endpoint(self, *, StreamARN: str, APIName: str) -> Any:
        def endpoint() -> dict[str, Any]:
            try:
                self._account.streams.find(arn=StreamARN)
            except ServiceError as error:
                raise refused(error.code, "GetDataEndpoint", status=error.status) from None
            return {"DataEndpoint": "https://media"}

        return await self._call("get_data_endpoint", endpoint)


class _Media(_Client):
    async def get_media(self, *, StreamARN: str, StartSelector: dict[str, Any]) -> Any:
        def open_body() -> _Body:
            try:
                delivery = self._account.bodies.deliver(self._account.streams.find(arn=StreamARN), StartSelector)
            except ServiceError as error:
                raise refused(error.code, "GetMedia", status=error.status) from None
            return _Body(delivery, self._network, self._patience)

        return await self._call("get_media", open_body)


class _Body:
    """A body of GetMedia: sent by the service at its own pace, read by the streamer at its."""

    def __init__(self, delivery: Delivery, network: Network, patience: float) -> None:
        self._network = network
        self._patience = patience
        self._delivery = delivery
        self._data = bytearray()
        self._over = False
        self._news, self._room = asyncio.Event(), asyncio.Event()
        self._room.set()
        self._sending = outside(self._send())

    def close(self) -> None:
        self._sending.cancel()

    async def read(self, take: Take) -> bool:
        """Hand over what arrives, as `streamer.get_media.MediaBody` does."""
        while data := await self._next():
            if not take(data):
                return True
        return False

    async def _next(self) -> bytes:
        """Return what has arrived; nothing at the end."""
        try:
            async with asyncio.timeout(self._patience):
                while not self._data and not self._over:
                    self._news.clear()
                    await self._news.wait()
                if self._network.cut:
                    await asyncio.sleep(self._patience)
        except TimeoutError:
            raise ReadTimeoutError(endpoint_url="kinesis-video-media") from None
        data = bytes(self._data)
        self._data.clear()
        if len(self._data) < _BUFFERED:
            self._room.set()
        if not data and self._delivery.broken:
            raise ConnectionClosedError(endpoint_url="kinesis-video-media")
        return data

    async def _send(self) -> None:
        chunks = self._delivery.chunks()
        try:
            async for chunk in chunks:
                while self._network.cut or not self._room.is_set():
                    await asyncio.sleep(_PERIOD)
                    if self._network.gone:
                        return
                self._data += chunk
                if len(self._data) >= _BUFFERED:
                    self._room.clear()
                self._news.set()
        finally:
            await chunks.aclose()
            self._over = True
            self._news.set()


async def get_media(*, signer: Signer, endpoint: str, request: dict[str, Any]) -> _Body:
    """Open a body, as `streamer.get_media.get_media` does."""
    settings = config(attempts=1, read_timeout=10)
    async with signer._session.create_client("kinesis-video-media", config=settings) as client:
        body: _Body = await client.get_media(**request)
        return body


_CLIENTS: Final[dict[str, Callable[..., _Client]]] = {
    "dynamodb": _Table,
    "sqs": _Queues,
    "events": _Events,
    "ssm": _Parameters,
    "secretsmanager": _Secrets,
    "kinesisvideo": _Streams,
    "kinesis-video-media": _Media,
}
