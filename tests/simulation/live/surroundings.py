"""What streamers meet in simulated time: AWS, Deepgram, the live feed, and the way there."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import random
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch
from uuid import UUID

from callscribe.deepgram.options import TranscriptionOptions
from callscribe.environments.streamer import StreamerEnvironment
from lambdas.common import observability
from local.kinesis_video.get_media import Sessions
from local.kinesis_video.streams import Settings as StreamSettings
from local.kinesis_video.streams import Stream, Streams
from local.speech.engines.frames import FramesEngine
from local.speech.live.service import LiveService
from streamer import logs
from streamer.http import Answer
from streamer.service import Service
from tests.simulation.clock import EPOCH, PROCESS, Process, SimulatedTimeLoop
from tests.simulation.live.aws import Account, Session, Signal, get_media
from tests.simulation.live.deepgram import Sockets
from tests.simulation.live.network import Conditions, Network, Trouble
from tests.simulation.queues import Held, Queue
from tests.simulation.table import Table

if TYPE_CHECKING:
    from streamer.calls.ending import EndLimits
    from streamer.deepgram.session import SessionLimits
    from streamer.speech import SpeechService

FEED_URL: Final = "https://feed.invalid/event"
ECS_URL: Final = "http://ecs.invalid"
KEYS: Final = ("0123456789abcdef0123456789abcdef01234567", "fedcba9876543210fedcba9876543210fedcba98")

_RETENTION_HOURS: Final = 24


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


class Surroundings:
    """What streamers meet.

    Args:
        seed: Of all chance.
        troubles: What goes wrong for a while.
    """

    def __init__(self, seed: int, *, troubles: Iterable[Trouble] = ()) -> None:
        self._began = asyncio.get_running_loop().time()
        self.seed = seed
        self.rng = random.Random(f"world {seed}")
        self.conditions = Conditions(rng=self.rng, now=self.now, troubles=list(troubles))
        visible = Signal()
        failed = Queue("failed-calls", self.epoch)
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
        self.protected: dict[str, bool] = {}
        self.log = io.StringIO()
        self.streamers: list[Streamer] = []

    def now(self) -> float:
        """Seconds since the history began."""
        return asyncio.get_running_loop().time() - self._began

    def epoch(self) -> float:
        """Seconds since 1970, by the clock of AWS."""
        return EPOCH + self.now()

    def _order(self, messages: list[Held]) -> list[Held]:
        return self.rng.sample(messages, len(messages)) if self.rng.random() < 0.2 else list(messages)

    def stream(self, name: str) -> Stream:
        """Return a stream, new the first time."""
        streams = self.account.streams
        known = {stream.name: stream for stream in streams.matching(name)}
        return known.get(name) or streams.create(name, _RETENTION_HOURS)

    def live_items(self) -> Iterator[dict[str, Any]]:
        """The items of live calls, as the table has them."""
        return (item for item in self.account.table if item.get("type", {}).get("S") == "live-call")

    async def publish(self, request: dict[str, Any], streamer: str) -> tuple[int, Any]:
        """Answer a request to the live feed: status and body."""
        raise NotImplementedError

    # Streamers.

    @property
    def running(self) -> list[Streamer]:
        """The streamers that are there."""
        return [streamer for streamer in self.streamers if not streamer.gone and not streamer.running.done()]

    def start(
        self,
        *,
        skew: float = 0.0,
        network: Network | None = None,
        end_limits: EndLimits | None = None,
        session_limits: SessionLimits | None = None,
        speech: SpeechService | None = None,
        **settings: Any,
    ) -> Streamer:
        """Start a streamer.

        Args:
            skew: By how many seconds its clock is ahead.
            network: Its way to everything.
            end_limits: Of the service.
            session_limits: Of the service.
            speech: Of the service.
            settings: Of what it is told.
        """
        process = Process(f"streamer-{len(self.streamers) + 1}")
        network, metrics = network or Network(), io.StringIO()
        service = Service(
            streamer_environment(**_simulated(self.account) | settings),
            ecs_agent_uri=ECS_URL,
            session=Session(self.account, self.conditions, network, process.name),  # type: ignore[arg-type]
            http=_Http(self, network, process.name),  # type: ignore[arg-type]
            end_limits=end_limits,
            session_limits=session_limits,
            speech=speech,
            metrics_stream=metrics,
            clock=lambda: self.epoch() + skew,
        )
        # Its process is known before anything of it runs.
        streamer = Streamer(
            name=process.name,
            process=process,
            network=network,
            service=service,
            running=process.start(service.run()),
            metrics=metrics,
        )
        self.streamers.append(streamer)
        return streamer

    def kill(self, streamer: Streamer) -> None:
        """Stop a streamer as SIGKILL does: nothing of it runs any more, and its connections break."""
        streamer.gone = True
        streamer.process.freeze()
        streamer.network.end()

    def _network(self) -> Network:
        """The way of the streamer that the running code belongs to."""
        process = PROCESS.get()
        return next(streamer.network for streamer in self.streamers if streamer.process is process)

    async def end(self) -> None:
        """Stop everything."""
        for streamer in self.streamers:
            streamer.network.end()
            if streamer.process.frozen:
                streamer.process.thaw()
            streamer.running.cancel()
        if self.streamers:
            await asyncio.wait([streamer.running for streamer in self.streamers])
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedTimeLoop)
        await loop.end_others()

    @contextmanager
    def around(self) -> Iterator[None]:
        """Lead here what the product reaches by itself: chance, WebSockets, the health check's port, logs."""
        sockets = Sockets(self.deepgram, self.conditions, self._network)
        random.seed(self.seed)
        names = random.Random(f"names {self.seed}")
        root, own = logging.getLogger(), logging.getLogger("streamer")
        before = root.handlers[:], root.level, own.level
        logs.configure(service="live", level="DEBUG", stream=self.log)
        functions: Any = observability.logger.registered_handler
        stream, functions.stream = functions.stream, self.log
        try:
            with (
                patch("streamer.deepgram.connection.ws_connect", sockets.connect),
                patch("streamer.service.TableRequests", lambda client, **_: client),
                patch("streamer.kinesis_video.get_media", get_media),
                patch("streamer.calls.store.uuid4", lambda: UUID(int=names.getrandbits(128), version=4)),
                patch("streamer.liveness.Health.serve", _listening),
            ):
                yield
        finally:
            functions.stream = stream
            observability.metrics.clear_metrics()
            root.handlers[:], root.level, own.level = before


def streamer_environment(**settings: Any) -> StreamerEnvironment:
    """What a streamer is told: where everything is, and whatever is to differ from the usual."""
    usual: dict[str, Any] = {
        "deepgram_options": TranscriptionOptions(),
        "vocabulary_path": "/vocabulary/",
        "flags": "eye-clinic-v1",
        "service_name": "live",
        "slots": 20,
        "lease_seconds": 30,
        "max_call_seconds": 3600,
        "idle_limit_seconds": 120,
        "start_wait_seconds": 60,
        "buffer_seconds": 60,
        "log_level": "DEBUG",
        "health_port": 0,
    }
    return StreamerEnvironment(**usual | settings)


def _simulated(account: Account) -> dict[str, str]:
    return {
        "aws_region": "eu-central-1",
        "table_name": "transcripts",
        "calls_queue_url": account.calls.name,
        "failed_calls_queue_url": account.failed.name,
        "deepgram_secret_arn": "arn:aws:secretsmanager:eu-central-1:000000000000:secret:deepgram",
        "deepgram_stream_url": "wss://deepgram.invalid",
        "feed_url": FEED_URL,
        "event_bus_name": "calls",
    }


class _Http:
    """The streamer's client, as far as the feed and the protection of the task use it."""

    def __init__(self, around: Surroundings, network: Network, streamer: str) -> None:
        self._around = around
        self._network = network
        self._streamer = streamer

    async def send(self, method: str, url: str, *, headers: dict[str, str], body: bytes, seconds: float) -> Answer:
        async with asyncio.timeout(seconds):
            status, answer = await (self._feed if method == "POST" else self._agent)(url, headers, json.loads(body))
        return Answer(status, json.dumps(answer).encode(), None)

    async def _feed(self, url: str, headers: dict[str, str], request: Any) -> tuple[int, Any]:
        assert url == FEED_URL
        assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 ")
        assert len(request["events"]) <= 5
        if self._network.gone:
            raise ConnectionError
        await self._network.passable()
        return await self._around.publish(request, self._streamer)

    async def _agent(self, url: str, _: dict[str, str], request: Any) -> tuple[int, Any]:
        assert url.startswith(ECS_URL)
        await asyncio.sleep(self._around.conditions.latency())
        self._around.protected[self._streamer] = request["ProtectionEnabled"]
        return 200, {"protection": request}


@asynccontextmanager
async def _listening(*_: object) -> AsyncIterator[int]:
    """Stand in for the port of the health check, on which nobody asks."""
    yield 0
