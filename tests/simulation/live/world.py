"""Everything around the streamers of a history, and the history itself, in simulated time."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import logging
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from unittest.mock import patch
from uuid import UUID

import aiohttp

from callscribe.deepgram.options import TranscriptionOptions
from callscribe.environments.streamer import StreamerEnvironment
from callscribe.recordings.clinics import ClinicRules
from lambdas.common import observability
from lambdas.common.clinics import Clinics
from lambdas.common.contact_flow import ContactFlowEvent
from lambdas.end_live_call.hints import EndHints
from lambdas.start_live_call.announcement import Announcer
from local.kinesis_video.fragments import Fragment, fragment_number
from local.kinesis_video.get_media import Sessions
from local.kinesis_video.streams import Settings as StreamSettings
from local.kinesis_video.streams import Stream, Streams
from local.speech.engines.frames import FramesEngine
from local.speech.live.service import LiveService
from streamer import logs
from streamer.service import Service
from tests.fakes.contact_flow import audio, contact_flow_event
from tests.simulation.clock import PROCESS, Process, SimulatedTimeLoop
from tests.simulation.live.aws import Account, Session, Signal
from tests.simulation.live.deepgram import Sockets
from tests.simulation.live.histories import EPOCH, Call, Fault, History
from tests.simulation.live.network import Conditions, Network
from tests.simulation.queues import Held, Queue
from tests.simulation.table import Resource, Table

FEED_URL: Final = "https://feed.invalid/event"
ECS_URL: Final = "http://ecs.invalid"
KEYS: Final = ("0123456789abcdef0123456789abcdef01234567", "fedcba9876543210fedcba9876543210fedcba98")
TERMINAL: Final = ("completed", "failed")

_LONGEST: Final = 7200.0
"""Seconds after the last disturbance within which every call must have ended: each patience of the product's, twice."""

_RETENTION_HOURS: Final = 24
_LOOK: Final = 1.0
_QUIET: Final = 10.0


@dataclass(eq=False, kw_only=True)
class Streamer:
    """A streamer of the history.

    Attributes:
        name: Its name.
        process: What is frozen.
        network: What is cut.
        service: The product.
        running: Ends with it.
        metrics: What it wrote.
        gone: Whether it was killed.
    """

    name: str
    process: Process
    network: Network
    service: Service
    running: asyncio.Task[None]
    metrics: io.StringIO
    gone: bool = False


@dataclass(eq=False)
class Feed:
    """AppSync Events.

    Attributes:
        events: What was published, by channel, in order.
    """

    events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


class World:
    """The world of one history."""

    def __init__(self, history: History) -> None:
        self.history = history
        self._began = asyncio.get_running_loop().time()
        self.rng = random.Random(f"world {history.seed}")
        self.conditions = Conditions(rng=self.rng, now=self.now, troubles=list(history.troubles))
        visible = Signal()
        failed = Queue("failed-calls", self.now)
        streams = Streams(StreamSettings(region="eu-central-1"), clock=self.epoch)
        self.account = Account(
            table=Table(clock=self.now),
            calls=Queue("calls", self.epoch, dead_letters=failed, changed=visible.give, order=self._order),
            failed=failed,
            visible=visible,
            streams=streams,
            bodies=Sessions(streams.settings),
            parameters={"/vocabulary/harbour": '["latanoprost"]'},
            secret=KEYS[0],
        )
        self.deepgram = LiveService(engine=FramesEngine(), key=KEYS[0])
        self.feed = Feed()
        self.protected: dict[str, bool] = {}
        self.log = io.StringIO()
        self.streamers: list[Streamer] = []
        self.failed_once: set[str] = set()
        self._names = 0
        resource = Resource(self.account.table)
        self._clinics = Clinics(table=resource, retention=None)  # type: ignore[arg-type]
        self._hints = EndHints(table=resource, clock=self._datetime)  # type: ignore[arg-type]
        self._announcer = Announcer(
            table=resource,  # type: ignore[arg-type]
            sqs=_Sender(self.account),  # type: ignore[arg-type]
            queue_url=self.account.calls.name,
            clinics=self._clinics,
            rules=ClinicRules(),
            retention=None,
        )

    # Time.

    def now(self) -> float:
        """Seconds since the history began."""
        return asyncio.get_running_loop().time() - self._began

    def epoch(self) -> float:
        """Seconds since 1970, by the clock of AWS."""
        return EPOCH + self.now()

    def _datetime(self) -> datetime:
        return datetime.fromtimestamp(self.epoch(), UTC)

    async def _until(self, second: float) -> None:
        await asyncio.sleep(max(0.0, second - self.now()))

    def _order(self, messages: list[Held]) -> list[Held]:
        return self.rng.sample(messages, len(messages)) if self.rng.random() < 0.2 else list(messages)

    # The history.

    async def run(self) -> None:
        """Let the history happen, until everything is over and quiet again."""
        history = self.history
        for skew in history.skews:
            self.start_streamer(skew)
        async with asyncio.TaskGroup() as tasks:
            for call in history.calls:
                self._call(call, tasks)
            for fault in history.faults:
                tasks.create_task(self._fault(fault))
        await self._until(history.over + 1)
        self.deepgram.faults.reset()
        self.account.bodies.faults.reset()
        if not self.running:
            self.start_streamer(0.0)
        await self._quiet()

    async def redrive(self) -> None:
        """Repeat every call that failed, as the operator does when the causes are gone."""
        for message in list(self.account.failed.messages):
            self.account.failed.messages.remove(message)
            self.failed_once.add(json.loads(message.body)["call_id"])
            self.account.calls.send(message.body)
        await self._quiet()

    async def end(self) -> None:
        """Stop everything."""
        for streamer in self.streamers:
            streamer.network.end()
            if streamer.process.frozen:
                streamer.process.thaw()
            streamer.running.cancel()
        await asyncio.wait([streamer.running for streamer in self.streamers])
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedTimeLoop)
        await loop.end_others()

    async def _quiet(self) -> None:
        """Wait until no call is under way and no message in the queue, for a while."""
        limit, since = self.now() + _LONGEST, None
        while self.now() < limit:
            if not self._is_quiet():
                since = None
            elif since is None:
                since = self.now()
            elif self.now() - since >= _QUIET:
                return
            await asyncio.sleep(_LOOK)

    def _is_quiet(self) -> bool:
        working = [one.service for one in self.running if one.service.ready.is_set()]
        if self.account.calls.messages or any(service.intake.slots_used for service in working):
            return False
        return all(item["status"]["S"] in TERMINAL for item in self.live_items())

    def live_items(self) -> Iterator[dict[str, Any]]:
        """The items of live calls, as the table has them."""
        return (item for item in self.account.table if item.get("type", {}).get("S") == "live-call")

    # Calls.

    def _call(self, call: Call, tasks: asyncio.TaskGroup) -> None:
        first = 0
        for number, contact in enumerate(call.contacts):
            fragments = list(contact.fragments())
            tasks.create_task(self._play(call, number, fragments, first))
            first += len(fragments)
        if call.followed:
            over = round((EPOCH + call.ends) * 1000) + call.ends_late_ms
            for delay in call.hung_up:
                tasks.create_task(self._hang_up(call, over, call.ends + call.ends_late_ms / 1000 + delay))

    async def _play(self, call: Call, number: int, fragments: list[Fragment], first: int) -> None:
        """Speak a piece into its stream; the flow's functions run when it begins and when it was stopped."""
        piece, begins = call.pieces[number], call.piece_begins(number)
        await self._until(begins)
        stream = self._stream(piece.stream)
        start_fragment = fragment_number(stream.next_serial)
        if call.followed:
            for told, delay in enumerate(piece.told):
                asyncio.get_running_loop().call_later(delay, self._announce, call, number, told, start_fragment)
        for index, fragment in enumerate(fragments, first):
            await self._until(begins + (fragment.end_ms - fragments[0].start_ms) / 1000 + call.upload)
            if index not in call.lost:
                stream.append(fragment, seconds=(fragment.end_ms - fragment.start_ms) / 1000)
        stopped_ms = round((EPOCH + begins + piece.seconds) * 1000)
        for delay in piece.stopped:
            asyncio.get_running_loop().call_later(
                delay, self._note_stop, call, fragment_number(stream.next_serial - 1), stopped_ms
            )

    def _stream(self, name: str) -> Stream:
        streams = self.account.streams
        known = {stream.name: stream for stream in streams.matching(name)}
        return known.get(name) or streams.create(name, _RETENTION_HOURS)

    def _announce(self, call: Call, number: int, told: int, start_fragment: str) -> None:
        piece = call.pieces[number]
        media = audio(
            StreamARN=self._stream(piece.stream).arn,
            StartTimestamp=str(round((EPOCH + call.piece_begins(number)) * 1000)),
            StartFragmentNumber=start_fragment if call.knows_fragment else None,
        )
        later = number or told
        event = contact_flow_event(
            Attributes={"clinic_id": call.other_clinic if later else call.clinic},
            ContactId=call.call_id,
            MediaStreams={"Customer": {"Audio": media}},
        )
        self._announcer.announce(ContactFlowEvent.model_validate(event), now=self._datetime())

    def _note_stop(self, call: Call, fragment: str, stopped_ms: int) -> None:
        self._hints.stopped(call.call_id, fragment=fragment, at_ms=stopped_ms)

    async def _hang_up(self, call: Call, over_ms: int, second: float) -> None:
        await self._until(second)
        self._hints.disconnected(call.call_id, at=datetime.fromtimestamp(over_ms / 1000, UTC), agent_joined_at=None)

    # Faults.

    @property
    def running(self) -> list[Streamer]:
        """The streamers that are there."""
        return [streamer for streamer in self.streamers if not streamer.gone and not streamer.running.done()]

    async def _fault(self, fault: Fault) -> None:
        await self._until(fault.at)
        running = self.running
        ordered = fault.order.get("action") or fault.order.get("status") or ""
        self.conditions.count(f"{fault.kind} {ordered}".strip())
        match fault.kind:
            case "vendor":
                self.deepgram.faults.add({"match": "", "then": [dict(fault.order)]})
            case "stream":
                self.account.bodies.faults.add({"match": "", "then": [dict(fault.order)]})
            case "rotate":
                self.account.secret = self.deepgram.key = KEYS[1]
            case "repeat":
                for message in self.rng.sample(self.account.calls.messages, min(1, len(self.account.calls.messages))):
                    message.visible_at = self.epoch()
                    self.account.visible.give()
            case _ if running:
                await self._disturb(running[fault.target % len(running)], fault)

    async def _disturb(self, streamer: Streamer, fault: Fault) -> None:
        match fault.kind:
            case "freeze":
                streamer.process.freeze()
                await asyncio.sleep(fault.seconds)
                if not streamer.gone:
                    streamer.process.thaw()
            case "cut":
                streamer.network.break_off()
                await asyncio.sleep(fault.seconds)
                streamer.network.mend()
            case "kill":
                self.kill(streamer)
                await asyncio.sleep(fault.seconds)
                self._start_another()
            case "drain":
                self._start_another()
                await asyncio.sleep(fault.seconds)
                streamer.service.drain()

    def kill(self, streamer: Streamer) -> None:
        """Stop a streamer as SIGKILL does: nothing of it runs any more, and its connections break."""
        streamer.gone = True
        streamer.process.freeze()
        streamer.network.end()

    def _start_another(self) -> None:
        skews = self.history.skews
        self.start_streamer(skews[len(self.streamers) % len(skews)])

    def start_streamer(self, skew: float) -> None:
        """Start a streamer whose clock goes wrong by so many seconds."""
        self._names += 1
        process, network = Process(f"streamer-{self._names}"), Network()
        metrics = io.StringIO()

        async def serve() -> None:
            await streamer.service.run()

        streamer = Streamer(
            name=process.name,
            process=process,
            network=network,
            service=Service(
                self._environment(),
                ecs_agent_uri=ECS_URL,
                session=Session(self.account, self.conditions, network, process.name),  # type: ignore[arg-type]
                http=_Http(self, network, process.name),  # type: ignore[arg-type]
                metrics_stream=metrics,
                clock=lambda: self.epoch() + skew,
            ),
            running=None,  # type: ignore[arg-type]
            metrics=metrics,
        )
        self.streamers.append(streamer)
        streamer.running = process.start(serve())

    def _environment(self) -> StreamerEnvironment:
        return StreamerEnvironment(
            aws_region="eu-central-1",
            table_name="transcripts",
            calls_queue_url=self.account.calls.name,
            failed_calls_queue_url=self.account.failed.name,
            deepgram_secret_arn="arn:aws:secretsmanager:eu-central-1:000000000000:secret:deepgram",
            deepgram_options=TranscriptionOptions(),
            deepgram_stream_url="wss://deepgram.invalid",
            vocabulary_path="/vocabulary/",
            feed_url=FEED_URL,
            event_bus_name="calls",
            flags="eye-clinic-v1",
            service_name="live",
            slots=self.history.slots,
            lease_seconds=self.history.lease,
            max_call_seconds=3600,
            idle_limit_seconds=120,
            start_wait_seconds=60,
            buffer_seconds=60,
            log_level="DEBUG",
            health_port=0,
        )

    def network(self) -> Network:
        """The way of the streamer that the running code belongs to."""
        process = PROCESS.get()
        return next(streamer.network for streamer in self.streamers if streamer.process is process)

    # What came of it.

    def digest(self) -> str:
        """Tell one course of events from another: every effect in its order, and all that is stored."""
        told = [
            *self.account.trace,
            json.dumps(sorted(json.dumps(item, sort_keys=True) for item in self.account.table)),
            json.dumps(self.account.events),
            json.dumps(self.feed.events),
            *(streamer.metrics.getvalue() for streamer in self.streamers),
        ]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()


class _Sender:
    """SQS as the function that announces calls meets it."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def send_message(self, *, QueueUrl: str, MessageBody: str) -> None:
        assert QueueUrl == self._account.calls.name
        self._account.calls.send(MessageBody)


class _Answer:
    def __init__(self, status: int, body: Any) -> None:
        self.status = status
        self._body = body

    async def json(self, *, content_type: str | None) -> Any:
        return self._body


class _Http:
    """aiohttp's session, as far as the feed and the protection of the task use it."""

    def __init__(self, world: World, network: Network, streamer: str) -> None:
        self._world = world
        self._network = network
        self._streamer = streamer

    @asynccontextmanager
    async def post(
        self, url: str, *, data: bytes, headers: dict[str, str], timeout: aiohttp.ClientTimeout
    ) -> AsyncIterator[_Answer]:
        assert url == FEED_URL
        assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 ")
        request = json.loads(data)
        assert len(request["events"]) <= 5
        async with asyncio.timeout(timeout.total):
            answer = await self._published(request)
        yield answer

    @asynccontextmanager
    async def put(self, url: str, *, json: Any, timeout: aiohttp.ClientTimeout) -> AsyncIterator[_Answer]:
        assert url.startswith(ECS_URL)
        async with asyncio.timeout(timeout.total):
            await asyncio.sleep(self._world.conditions.latency())
        self._world.protected[self._streamer] = json["ProtectionEnabled"]
        yield _Answer(200, {"protection": json})

    async def _published(self, request: dict[str, Any]) -> _Answer:
        conditions = self._world.conditions
        if self._network.gone:
            raise aiohttp.ClientConnectionError
        await self._network.passable()
        await asyncio.sleep(conditions.latency())
        trouble = conditions.trouble("feed", "publish", self._streamer)
        kind = "" if trouble is None else trouble.kind
        if kind in ("throttled", "failing"):
            return _Answer(429 if kind == "throttled" else 503, {"errors": []})
        if kind == "unheard":
            await asyncio.sleep(60)
        if trouble is not None and kind == "slow":
            await asyncio.sleep(trouble.seconds)
        events = [json.loads(event) for event in request["events"]]
        failed = []
        if kind == "partly":
            events, failed = events[1:], [{"index": 0}]
        self._world.feed.events.setdefault(request["channel"], []).extend(events)
        if kind == "unanswered":
            await asyncio.sleep(60)
        await asyncio.sleep(conditions.latency())
        return _Answer(200, {"failed": failed, "successful": []})


@contextmanager
def in_its_world(world: World) -> Iterator[None]:
    """Lead to the world what the product reaches by itself: chance, WebSockets, the port of the health check, logs."""
    sockets = Sockets(world.deepgram, world.conditions, world.network)
    random.seed(world.history.seed)
    names = random.Random(f"names {world.history.seed}")
    root, own = logging.getLogger(), logging.getLogger("streamer")
    before = root.handlers[:], root.level, own.level
    logs.configure(service="live", level="DEBUG", stream=world.log)
    functions = observability.logger.registered_handler
    stream, functions.stream = functions.stream, world.log  # type: ignore[attr-defined]
    try:
        with (
            patch("streamer.deepgram.connection.connect", sockets.connect),
            patch("streamer.calls.store.uuid4", lambda: UUID(int=names.getrandbits(128), version=4)),
            patch("streamer.liveness.Health.serve", _listening),
        ):
            yield
    finally:
        functions.stream = stream  # type: ignore[attr-defined]
        observability.metrics.clear_metrics()
        root.handlers[:], root.level, own.level = before


@asynccontextmanager
async def _listening(*_: object) -> AsyncIterator[int]:
    """Stand in for the port of the health check, on which nobody asks."""
    yield 0
