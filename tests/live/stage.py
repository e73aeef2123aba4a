"""Everything around a streamer: AWS on the emulator, Kinesis video streams, Deepgram and the feed."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence, Set
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from itertools import count
from typing import Any, Final

import httpx
from aiobotocore.config import AioConfig
from aiobotocore.httpsession import AIOHTTPSession
from aiobotocore.session import AioSession
from botocore.exceptions import ConnectTimeoutError

from callscribe.contract.identifiers import feed_channel
from callscribe.environments.streamer import StreamerEnvironment
from callscribe.live.call import LiveCall
from local.emulator.process import Emulator
from local.kinesis_video.admission import Admission
from local.kinesis_video.app import create_app as create_streams_app
from local.kinesis_video.fragments import Contact, Fragment
from local.kinesis_video.streams import Settings as StreamSettings
from local.kinesis_video.streams import Stream, Streams
from local.speech.app import SERVER_OPTIONS, create_frames_app
from local.speech.engines.frames import FramesEngine
from local.speech.live.service import LiveService
from streamer import logs
from streamer.aws import config
from streamer.calls.ending import EndLimits
from streamer.deepgram.session import SessionLimits
from streamer.service import Service
from tests.fakes.serving import serving
from tests.fakes.signing import SigV4
from tests.live.calls import WORD, Transcript, contact
from tests.live.fast_loop import at_wall_speed
from tests.live.feed import Feed
from tests.streamer.calls.cloud import KEY, Cloud
from tests.streamer.calls.stage import ended_ms

CLINIC: Final = "harbour"

# Longest wait of a test for anything, and how often it looks, on the loop's clock.
_PATIENCE_SECONDS: Final = 600.0
_LOOK_SECONDS: Final = 0.25
_PHONE_NUMBER: Final = re.compile(r"\+\d{7,15}\b")
_AWS: Final = frozenset({"dynamodb", "sqs", "secretsmanager", "ssm", "events"})
# The most audio that may come beyond 1.25 times real time: what a `Pacer` lets out at once, and a busy machine adds.
_AHEAD_SECONDS: Final = 6.0

_numbers = count(1)


@cache
def _descriptions() -> Any:
    """The services' descriptions, which take long to read."""
    return AioSession().get_component("data_loader")  # type: ignore[no-untyped-call]


class Network:
    """A streamer's way to the emulator, which can be cut."""

    def __init__(self) -> None:
        self.cut = False


class Session(AioSession):
    """aiobotocore's session: the emulator, which knows no fast clock, has the time on the wall that AWS would have.

    Args:
        network: The way to the emulator.
        streams_url: Kinesis video streams.
        stalled: Operations that are left unheard, as requests name them: for those nobody has to wait.
    """

    def __init__(self, network: Network, streams_url: str, stalled: Set[bytes] = frozenset()) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.register_component("data_loader", _descriptions())
        self._network = network
        self._streams_url = streams_url
        self._http = _http_session(stalled)

    def create_client(self, service_name: str, *, config: AioConfig, **options: Any) -> Any:  # type: ignore[override]
        """Return a client, as `AioSession` does."""
        if service_name == "kinesisvideo":
            options["endpoint_url"] = self._streams_url
        elif service_name in _AWS:
            config = config.merge(AioConfig(http_session_cls=self._http))  # type: ignore[no-untyped-call]
        return self._client(super().create_client(service_name, config=config, **options))  # type: ignore[no-untyped-call]

    @asynccontextmanager
    async def _client(self, creator: Any) -> AsyncIterator[Any]:
        async with creator as client:
            client.meta.events.register("before-send", self._before_send)
            if client.meta.service_model.service_name == "sqs":
                client.receive_message = _long_poll(client.receive_message)
            yield client

    def _before_send(self, request: Any, **_: Any) -> None:
        if self._network.cut:
            raise ConnectTimeoutError(endpoint_url=request.url)


def _http_session(stalled: Set[bytes]) -> type[AIOHTTPSession]:
    class HttpSession(AIOHTTPSession):
        async def send(self, request: Any) -> Any:
            heard = request.headers.get("X-Amz-Target") not in stalled
            with at_wall_speed() if heard else nullcontext():
                return await super().send(request)  # type: ignore[no-untyped-call]

    return HttpSession


def _long_poll(receive: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Wait for messages by the loop's clock, where the emulator would by its own."""

    async def receive_message(*, WaitTimeSeconds: int = 0, **options: Any) -> Any:  # noqa: N803
        loop = asyncio.get_running_loop()
        until = loop.time() + WaitTimeSeconds
        while True:
            response = await receive(**options)
            if response.get("Messages") or loop.time() >= until:
                return response
            await asyncio.sleep(_LOOK_SECONDS)

    return receive_message


@dataclass(kw_only=True)
class Stage:
    """What a streamer meets.

    Attributes:
        cloud: Table and queues.
        emulator: Where they are.
        streams: Kinesis video streams.
        streams_url: Their service.
        deepgram: Deepgram.
        deepgram_url: Its streaming API.
        feed: AppSync Events.
        feed_url: Its endpoint.
        call_id: The call of this test.
        started_at_ms: When calls begin.
        log: What streamers log.
        metrics: What they write as metrics.
    """

    cloud: Cloud
    emulator: Emulator
    streams: Streams
    streams_url: str
    deepgram: LiveService
    deepgram_url: str
    feed: Feed
    feed_url: str
    call_id: str = field(default_factory=lambda: f"call-{next(_numbers)}")
    started_at_ms: int = field(default_factory=lambda: round(time.time() * 1000) - 60_000)
    log: io.StringIO = field(default_factory=io.StringIO)
    metrics: io.StringIO = field(default_factory=io.StringIO)
    _running: dict[Service, asyncio.Task[None]] = field(default_factory=dict)
    _played_until: dict[str, int] = field(default_factory=dict)
    _received: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    _stalled: set[bytes] = field(default_factory=set)

    # What is disturbed.

    @contextmanager
    def stall(self, operation: str) -> Iterator[Callable[[], int]]:
        """Leave requests of an operation unheard (`Emulator.stall`), by streamers of this process."""
        self._stalled.add(operation.encode())
        try:
            with self.emulator.stall(operation) as waiting:
                yield waiting
        finally:
            self._stalled.remove(operation.encode())

    def deepgram_fails(self, *then: dict[str, Any]) -> None:
        """Order failures of Deepgram's (`local.speech.live.faults`)."""
        self.deepgram.faults.add({"match": "", "then": list(then)})

    async def streams_fail(self, *then: dict[str, Any]) -> None:
        """Order failures of GetMedia (`local.kinesis_video.faults`)."""
        order = {"match": "", "then": list(then)}
        async with self._http() as http:
            (await http.post(f"{self.streams_url}/_local/faults", json=order)).raise_for_status()

    async def bodies(self) -> list[dict[str, Any]]:
        """Every GetMedia request so far."""
        async with self._http() as http:
            sessions: list[dict[str, Any]] = (await http.get(f"{self.streams_url}/_local/sessions")).json()["sessions"]
        return sessions

    # What happens in a call.

    def contact(self, call_id: str = "", **options: Any) -> Contact:
        """Return a contact that begins now."""
        return contact(call_id or self.call_id, **{"start_ms": self.started_at_ms, **options})

    def stream(self, name: str = "stream") -> Stream:
        """Return a stream, new the first time."""
        return self.streams.ensure(name)

    async def announce(self, call_id: str = "", *, stream: str = "stream", **changes: Any) -> None:
        """Announce a call, as the contact flow's function does."""
        values: dict[str, Any] = {
            "call_id": call_id or self.call_id,
            "clinic_id": CLINIC,
            "stream_arn": self.stream(stream).arn,
            "start_fragment": "",
            "started_at_ms": self.started_at_ms,
        }
        message = LiveCall(**values | changes).to_json()
        await self.cloud.sqs.send_message(QueueUrl=self.cloud.queue_url, MessageBody=message)

    async def play(
        self,
        played: Contact,
        *,
        stream: str = "stream",
        first: int = 0,
        until: int | None = None,
        lost: Sequence[int] = (),
        pace: float = 1.0,
        change: Callable[[int, Fragment], Fragment] = lambda _, fragment: fragment,
    ) -> None:
        """Speak a contact into its stream, as fast as it would be spoken.

        Args:
            played: The contact.
            stream: Name of its stream.
            first: Index of the first fragment.
            until: Index of the first fragment that is not spoken.
            lost: Indices of fragments that never arrive.
            pace: How much faster than speech.
            change: Returns what arrives of a fragment, given its index.
        """
        loop = asyncio.get_running_loop()
        fragments: list[Fragment] = list(played.fragments())[first:until]
        began = loop.time()
        if fragments:
            self._played_until[played.contact_id] = fragments[-1].end_ms
        for index, fragment in enumerate(fragments, first):
            await asyncio.sleep(began + (fragment.end_ms - fragments[0].start_ms) / 1000 / pace - loop.time())
            if index not in lost:
                seconds = (fragment.end_ms - fragment.start_ms) / 1000 / pace
                self.stream(stream).append(change(index, fragment), seconds=seconds)

    async def hang_up(self, call_id: str = "") -> None:
        """Note that a contact is over, when it has said all that was played, as Connect's event does."""
        call_id = call_id or self.call_id
        known = (self._played_until.get(call_id), ended_ms(self.streams, call_id), self.started_at_ms)
        over = datetime.fromtimestamp(max(ms for ms in known if ms is not None) / 1000, UTC)
        await self.cloud.change(call_id, disconnected_at=over.isoformat(timespec="milliseconds"))

    async def follow(self, played: Contact | None = None, **options: Any) -> dict[str, Any]:
        """Let a call happen, from its announcement to its end, and return its item.

        Args:
            played: The contact; by default the one that all tests compare with.
            options: Of `play`.
        """
        played = played or self.contact()
        await self.announce(played.contact_id)
        await self.play(played, **options)
        await self.until(played.contact_id, lambda item: "epoch" in item)
        await self.hang_up(played.contact_id)
        return await self.ended(played.contact_id)

    async def ended(self, call_id: str = "") -> dict[str, Any]:
        """Wait until a call is over and its message gone, and return its item."""
        item = await self.until(call_id, lambda item: item.get("status") in ("completed", "failed"))
        if item["status"] == "completed":
            item = await self.until(call_id, announced=True)
        await self.wait(self._no_messages)
        return item

    # What becomes of it.

    async def until(
        self, call_id: str = "", condition: Callable[[dict[str, Any]], bool] = lambda _: True, **wanted: Any
    ) -> dict[str, Any]:
        """Wait until a call's item meets a condition and has these values, and return it."""
        found: dict[str, Any] = {}

        async def reached() -> bool:
            nonlocal found
            found = await self.cloud.live(call_id or self.call_id)
            return condition(found) and all(found.get(name) == value for name, value in wanted.items())

        await self.wait(reached)
        return found

    async def words(self, utterances: int, call_id: str = "") -> None:
        """Wait until so many utterances are stored."""
        await self.until(call_id, lambda item: item.get("next_seq", 1) > utterances)

    async def wait(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Wait until a condition holds."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while not await condition():
                await asyncio.sleep(_LOOK_SECONDS)

    async def transcript(self, call_id: str = "") -> Transcript:
        """Return what is stored of a call."""
        return Transcript.of(await self.cloud.utterances(call_id or self.call_id))

    async def failed_calls(self) -> list[tuple[str, str]]:
        """Call and error code of every message in the dead-letter queue."""
        return [
            (json.loads(message["Body"])["call_id"], message["MessageAttributes"]["error_code"]["StringValue"])
            for message in await self._messages(self.cloud.failed_queue_url)
        ]

    def counted(self, name: str) -> float:
        """Return the sum of a metric, as far as it has been written."""
        return float(sum(json.loads(line).get(name, 0) for line in self.metrics.getvalue().splitlines()))

    def heard(self, call_id: str = "") -> dict[int, dict[str, Any]]:
        """What a subscriber of the feed has: the final events by number."""
        return self.feed.heard(feed_channel(CLINIC, call_id or self.call_id))

    def states(self, call_id: str = "") -> list[str]:
        """The states that the feed was told, in order."""
        return self.feed.states(feed_channel(CLINIC, call_id or self.call_id))

    def connections(self) -> list[dict[str, Any]]:
        """Every handshake with Deepgram so far."""
        streams: list[dict[str, Any]] = self.deepgram.journal.report()["streams"]
        return streams

    def assert_paced(self) -> None:
        """Nothing was sent to Deepgram faster than it takes it."""
        assert all(stream["ahead_seconds"] < _AHEAD_SECONDS for stream in self.connections())

    async def assert_private(self, log: str = "") -> None:
        """No word, number or key is in a log, a metric or a message."""
        queues = (self.cloud.queue_url, self.cloud.failed_queue_url)
        messages = json.dumps([await self._messages(url) for url in queues])
        told = {"log": self.log.getvalue() + log, "metrics": self.metrics.getvalue(), "messages": messages}
        for where, text in told.items():
            assert WORD.search(text) is None, f"a word in {where}"
            assert KEY not in text, f"the key in {where}"
            assert _PHONE_NUMBER.search(text) is None, f"a phone number in {where}"

    # Streamers.

    def environment(self, **changes: Any) -> StreamerEnvironment:
        """Return what a streamer is told."""
        own = {"deepgram_stream_url": self.deepgram_url, "feed_url": self.feed_url, "log_level": "DEBUG"}
        return self.cloud.environment(**own | changes)

    @asynccontextmanager
    async def streamer(
        self,
        *,
        network: Network | None = None,
        end_limits: EndLimits | None = None,
        session_limits: SessionLimits | None = None,
        **changes: Any,
    ) -> AsyncIterator[Service]:
        """Run a streamer; at the end it is stopped as by a crash, unless it has ended."""
        service = Service(
            self.environment(**changes),
            session=Session(network or Network(), self.streams_url, self._stalled),
            end_limits=end_limits,
            session_limits=session_limits,
            metrics_stream=self.metrics,
        )
        running = self._running[service] = asyncio.create_task(service.run())
        ready = asyncio.create_task(service.ready.wait())
        await asyncio.wait((running, ready), return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        try:
            yield service
        finally:
            running.cancel()
            await asyncio.wait({running})

    async def hand_over(self, service: Service) -> None:
        """Stop a streamer in order, and wait until it has ended."""
        service.drain()
        await self._running[service]

    def _http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(timeout=None, auth=SigV4(self.emulator.key))

    async def _no_messages(self) -> bool:
        return set((await self.cloud.messages(self.cloud.queue_url)).values()) == {0}

    async def _messages(self, queue_url: str) -> list[dict[str, Any]]:
        """Every message that was ever to be received from a queue."""
        received = self._received.setdefault(queue_url, [])
        while True:
            response = await self.cloud.sqs.receive_message(
                QueueUrl=queue_url, MaxNumberOfMessages=10, VisibilityTimeout=600, MessageAttributeNames=["All"]
            )
            if not response.get("Messages"):
                return received
            received += response["Messages"]


@asynccontextmanager
async def new_stage(emulator: Emulator, table: Cloud) -> AsyncIterator[Stage]:
    """Set the stage.

    Args:
        emulator: AWS.
        table: What calls share there; queues are new for each stage.
    """
    streams, feed, log = Streams(StreamSettings()), Feed(), io.StringIO()
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
        session = Session(Network(), urls[0])
        dynamodb, sqs = [
            await stack.enter_async_context(session.create_client(name, config=config()))
            for name in ("dynamodb", "sqs")
        ]
        queues = [
            (await sqs.create_queue(QueueName=f"live-{name}-{next(_numbers)}"))["QueueUrl"]
            for name in ("calls", "failed")
        ]
        cloud = replace(
            table, session=session, dynamodb=dynamodb, sqs=sqs, queue_url=queues[0], failed_queue_url=queues[1]
        )
        stack.enter_context(_logged(log))
        yield Stage(
            cloud=cloud,
            emulator=emulator,
            streams=streams,
            streams_url=urls[0],
            deepgram=deepgram,
            deepgram_url=urls[1].replace("http", "ws", 1),
            feed=feed,
            feed_url=f"{urls[2]}/event",
            log=log,
        )


@contextmanager
def _logged(stream: io.StringIO) -> Iterator[None]:
    """Write what is logged as a streamer does that was told to log all."""
    root, own = logging.getLogger(), logging.getLogger("streamer")
    before = root.handlers[:], root.level, own.level
    logs.configure(service="live", level="DEBUG", stream=stream)
    try:
        yield
    finally:
        root.handlers[:], root.level, own.level = before
