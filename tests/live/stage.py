"""What a streamer meets, and what happens in a call: in simulated time, or on the wall's (`tests.live.wall_stage`)."""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final, Protocol

from aiobotocore.config import AioConfig

from callscribe.contract.identifiers import feed_channel
from callscribe.contract.table_keys import call_partition, live_call_key, utterance_range
from callscribe.live.call import LiveCall
from local.kinesis_video.streams import Stream, Streams
from operations.verification.fragments import Contact, Fragment
from streamer.calls.attributes import from_attributes, to_attributes
from streamer.calls.ending import EndLimits
from streamer.deepgram.session import SessionLimits
from streamer.service import Service
from streamer.speech import SpeechService
from tests.live.calls import WORD, Transcript, contact
from tests.live.feed import Feed
from tests.simulation.clock import EPOCH
from tests.simulation.live.aws import Session
from tests.simulation.live.network import Network, Trouble
from tests.simulation.live.surroundings import KEYS, Surroundings

CLINIC: Final = "harbour"

# Longest wait of a test for anything, and how often it looks, on the loop's clock.
_PATIENCE_SECONDS: Final = 600.0
_LOOK_SECONDS: Final = 0.25
_PHONE_NUMBER: Final = re.compile(r"\+\d{7,15}\b")
# The most audio that may come beyond 1.25 times real time: what a `Pacer` lets out at once, and a message.
_AHEAD_SECONDS: Final = 4.5

_numbers = count(1)


class Cloud(Protocol):
    """Table and queues."""

    async def live(self, call_id: str) -> dict[str, Any]:
        """Return a call's item."""

    async def change(self, call_id: str, **values: Any) -> None:
        """Set attributes of a call's item, as a Lambda function does."""

    async def utterances(self, call_id: str) -> list[dict[str, Any]]:
        """Return a call's stored utterances in order."""

    async def send(self, body: str) -> None:
        """Send a message to the queue of announced calls."""

    async def waiting(self) -> int:
        """How many messages are in it."""

    async def failed(self) -> list[tuple[str, str]]:
        """Body and error code of every message in the dead-letter queue."""


@dataclass(kw_only=True)
class Stage:
    """What a streamer meets, and what happens in a call.

    Attributes:
        cloud: Table and queues.
        streams: Kinesis video streams.
        feed: AppSync Events.
        started_at_ms: When calls begin.
        call_id: The call of this test.
        log: What streamers log.
    """

    cloud: Cloud
    streams: Streams
    feed: Feed
    started_at_ms: int
    call_id: str = field(default_factory=lambda: f"call-{next(_numbers)}")
    log: io.StringIO = field(default_factory=io.StringIO)
    _played_until: dict[str, int] = field(default_factory=dict)

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
        await self.cloud.send(LiveCall(**values | changes).to_json())

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

    def put(self, played: Contact, *, stream: str = "stream", first: int = 0, until: int | None = None) -> None:
        """Put a contact's fragments into its stream at once, from one index to another: they were spoken before."""
        for fragment in list(played.fragments())[first:until]:
            self.stream(stream).append(fragment)

    async def hang_up(self, call_id: str = "") -> None:
        """Note that a contact is over, when it has said all that was played, as Connect's event does."""
        call_id = call_id or self.call_id
        known = (self._played_until.get(call_id), self._arrived_until(call_id), self.started_at_ms)
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
        return [(json.loads(body)["call_id"], code) for body, code in await self.cloud.failed()]

    def heard(self, call_id: str = "") -> dict[int, dict[str, Any]]:
        """What a subscriber of the feed has: the final events by number."""
        return self.feed.heard(feed_channel(CLINIC, call_id or self.call_id))

    def states(self, call_id: str = "") -> list[str]:
        """The states that the feed was told, in order."""
        return self.feed.states(feed_channel(CLINIC, call_id or self.call_id))

    async def assert_private(self, log: str = "") -> None:
        """No word, number or key is in a log, a metric or a message."""
        told = {"log": self.log.getvalue() + log, "messages": json.dumps(await self.cloud.failed())}
        for where, text in told.items():
            assert WORD.search(text) is None, f"a word in {where}"
            assert not any(key in text for key in KEYS), f"the key in {where}"
            assert _PHONE_NUMBER.search(text) is None, f"a phone number in {where}"

    async def _no_messages(self) -> bool:
        return await self.cloud.waiting() == 0

    def _arrived_until(self, call_id: str) -> int | None:
        """When the last audio of a contact ended, by the fragments in all streams; `None` where it has none."""
        fragments = (stored.fragment for stream in self.streams.matching() for stored in stream)
        return max((one.end_ms for one in fragments if one.tags.get("ContactId") == call_id), default=None)


class _Around(Surroundings):
    """What the stage stands in, with a feed that can be told to fail."""

    def __init__(self) -> None:
        super().__init__(0)
        self.feed = Feed()

    async def publish(self, request: dict[str, Any], streamer: str) -> tuple[int, Any]:
        """Answer a request to the live feed."""
        return await self.feed.publish(request)


class _Cloud:
    """Table and queues in simulated time."""

    def __init__(self, around: Surroundings) -> None:
        self._account = around.account

    async def live(self, call_id: str) -> dict[str, Any]:
        """Return a call's item."""
        key = to_attributes(live_call_key(call_id).primary())
        return from_attributes(self._account.table.get_item(Key=key).get("Item", {}))

    async def change(self, call_id: str, **values: Any) -> None:
        """Set attributes of a call's item, as a Lambda function does."""
        self._account.table.update_item(
            Key=to_attributes(live_call_key(call_id).primary()),
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
            ExpressionAttributeNames={f"#{name}": name for name in values},
            ExpressionAttributeValues=to_attributes({f":{name}": value for name, value in values.items()}),
        )

    async def utterances(self, call_id: str) -> list[dict[str, Any]]:
        """Return a call's stored utterances in order."""
        items = [item for item in self._account.table if item["PK"]["S"] == call_partition(call_id)]
        found = [from_attributes(item) for item in items if item["SK"]["S"].startswith(utterance_range())]
        return sorted(found, key=lambda item: item["SK"])

    async def send(self, body: str) -> None:
        """Send a message to the queue of announced calls."""
        self._account.calls.send(body)

    async def waiting(self) -> int:
        """How many messages are in it."""
        return len(self._account.calls.messages)

    async def failed(self) -> list[tuple[str, str]]:
        """Body and error code of every message in the dead-letter queue."""
        return [
            (message.body, message.attributes["error_code"]["StringValue"]) for message in self._account.failed.messages
        ]


@dataclass(kw_only=True)
class SimulatedStage(Stage):
    """In simulated time, where anything can be disturbed.

    Attributes:
        around: What the streamers meet.
    """

    around: Surroundings
    _running: dict[Service, asyncio.Task[None]] = field(default_factory=dict)

    def client(self, service: str, config: AioConfig) -> AbstractAsyncContextManager[Any]:
        """Return a client as a streamer has it, for tests of a part of one."""
        session = Session(self.around.account, self.around.conditions, Network(), "part")
        return session.create_client(service, config=config)

    @contextmanager
    def stall(self, operation: str) -> Iterator[Callable[[], int]]:
        """Leave requests to the table for an operation unheard; yields what counts them."""
        conditions = self.around.conditions
        trouble = Trouble(service="dynamodb", kind="unheard", since=0, until=float("inf"), operation=operation)
        conditions.troubles.append(trouble)
        try:
            yield lambda: conditions.met.get("dynamodb unheard", 0)
        finally:
            conditions.troubles.remove(trouble)

    def deepgram_fails(self, *then: dict[str, Any]) -> None:
        """Order failures of Deepgram's (`local.speech.live.faults`)."""
        self.around.deepgram.faults.add({"match": "", "then": list(then)})

    def streams_fail(self, *then: dict[str, Any]) -> None:
        """Order failures of GetMedia (`local.kinesis_video.faults`)."""
        self.around.account.bodies.faults.add({"match": "", "then": list(then)})

    def bodies(self) -> list[dict[str, Any]]:
        """Every GetMedia request so far."""
        return self.around.account.bodies.report()

    def connections(self) -> list[dict[str, Any]]:
        """Every handshake with Deepgram so far."""
        streams: list[dict[str, Any]] = self.around.deepgram.journal.report()["streams"]
        return streams

    def counted(self, name: str) -> float:
        """Return the sum of a metric, as far as it has been written."""
        return float(sum(json.loads(line).get(name, 0) for line in self._metrics().splitlines()))

    def assert_paced(self) -> None:
        """Nothing was sent to Deepgram faster than it takes it."""
        assert all(stream["ahead_seconds"] < _AHEAD_SECONDS for stream in self.connections())

    async def assert_private(self, log: str = "") -> None:
        """No word, number or key is in a log, a metric, a message or an event."""
        await super().assert_private(log + self._metrics() + json.dumps(self.around.account.events))

    @asynccontextmanager
    async def streamer(
        self,
        *,
        network: Network | None = None,
        end_limits: EndLimits | None = None,
        session_limits: SessionLimits | None = None,
        speech: SpeechService | None = None,
        **settings: Any,
    ) -> AsyncIterator[Service]:
        """Run a streamer; at the end it is stopped as by a crash, unless it has ended."""
        streamer = self.around.start(
            network=network, end_limits=end_limits, session_limits=session_limits, speech=speech, **settings
        )
        self._running[streamer.service] = streamer.running
        ready = asyncio.create_task(streamer.service.ready.wait())
        await asyncio.wait((streamer.running, ready), return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        try:
            yield streamer.service
        finally:
            streamer.running.cancel()
            await asyncio.wait({streamer.running})

    async def until_messages(self, *, visible: int, hidden: int) -> None:
        """Wait until the queue of announced calls has so many messages that are delivered, and that are hidden."""
        queue = self.around.account.calls

        async def reached() -> bool:
            now = queue.clock()
            shown = sum(message.visible_at <= now for message in queue.messages)
            return (shown, len(queue.messages) - shown) == (visible, hidden)

        await self.wait(reached)

    async def until_failed(self) -> tuple[str, str]:
        """Wait until a message is in the dead-letter queue, and return its body and error code."""

        async def there() -> bool:
            return bool(await self.cloud.failed())

        await self.wait(there)
        (failed,) = await self.cloud.failed()
        return failed

    async def hand_over(self, service: Service) -> None:
        """Stop a streamer in order, and wait until it has ended."""
        service.drain()
        await self._running[service]

    def _metrics(self) -> str:
        return "".join(streamer.metrics.getvalue() for streamer in self.around.streamers)


@asynccontextmanager
async def new_stage() -> AsyncIterator[SimulatedStage]:
    """Set the stage."""
    around = _Around()
    with around.around():
        yield SimulatedStage(
            cloud=_Cloud(around),
            streams=around.account.streams,
            feed=around.feed,
            started_at_ms=round(EPOCH * 1000) - 60_000,
            log=around.log,
            around=around,
        )
        await around.end()
