"""A history as it happens, and what is left of it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from callscribe.recordings.clinics import ClinicRules
from lambdas.common.clinics import Clinics
from lambdas.common.contact_flow import ContactFlowEvent
from lambdas.end_live_call.hints import EndHints
from lambdas.start_live_call.announcement import Announcer
from operations.verification.fragments import Fragment, fragment_number
from tests.fakes.contact_flow import audio, contact_flow_event
from tests.simulation.clock import EPOCH
from tests.simulation.live.aws import Account
from tests.simulation.live.histories import Call, Fault, History
from tests.simulation.live.surroundings import KEYS, Streamer, Surroundings
from tests.simulation.table import Resource

TERMINAL: Final = ("completed", "failed")

_LONGEST: Final = 7200.0
"""Seconds after the last disturbance within which every call must have ended: each patience of the product's, twice."""

_LOOK: Final = 1.0
_QUIET: Final = 10.0


@dataclass(eq=False)
class Feed:
    """AppSync Events.

    Attributes:
        events: What was published, by channel, in order.
        early: Final words that were published before they were stored.
    """

    events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    early: list[str] = field(default_factory=list)


class World(Surroundings):
    """The world of one history."""

    def __init__(self, history: History) -> None:
        super().__init__(history.seed, troubles=history.troubles)
        self.history = history
        self.feed = Feed()
        self.failed_once: set[str] = set()
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

    def _datetime(self) -> datetime:
        return datetime.fromtimestamp(self.epoch(), UTC)

    async def _until(self, second: float) -> None:
        await asyncio.sleep(max(0.0, second - self.now()))

    # The history.

    async def run(self) -> None:
        """Let the history happen, until everything is over and quiet again."""
        history = self.history
        for skew in history.skews:
            self._start_streamer(skew)
        async with asyncio.TaskGroup() as tasks:
            for call in history.calls:
                self._call(call, tasks)
            for fault in history.faults:
                tasks.create_task(self._fault(fault))
        await self._until(history.over + 1)
        self.deepgram.faults.reset()
        self.account.bodies.faults.reset()
        if not self.running:
            self._start_streamer(0.0)
        await self._quiet()

    async def redrive(self) -> None:
        """Repeat every call that failed, as the operator does when the causes are gone."""
        for message in list(self.account.failed.messages):
            self.account.failed.messages.remove(message)
            self.failed_once.add(json.loads(message.body)["call_id"])
            self.account.calls.send(message.body)
        await self._quiet()

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
        # Who was stopped, and then cut off, for long is heard of again once its last request is over.
        if any(service.health.status == "dead" for service in working):
            return False
        if self.account.calls.messages or any(service.intake.slots_used for service in working):
            return False
        return all(item["status"]["S"] in TERMINAL for item in self.live_items())

    # Calls.

    def _call(self, call: Call, tasks: asyncio.TaskGroup) -> None:
        first = 0
        for number, contact in enumerate(call.contacts):
            fragments = list(contact.fragments())
            tasks.create_task(self._play(call, number, fragments, first))
            first += len(fragments)
        if call.followed:
            # In whole seconds, as Connect's contact events tell it.
            over = (round((EPOCH + call.ends) * 1000) + call.ends_late_ms) // 1000 * 1000
            for delay in call.hung_up:
                tasks.create_task(self._hang_up(call, over, call.ends + call.ends_late_ms / 1000 + delay))

    async def _play(self, call: Call, number: int, fragments: list[Fragment], first: int) -> None:
        """Speak a piece into its stream; the flow's functions run when it begins and when it was stopped."""
        piece, begins = call.pieces[number], call.piece_begins(number)
        await self._until(begins)
        stream = self.stream(piece.stream)
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

    def _announce(self, call: Call, number: int, told: int, start_fragment: str) -> None:
        piece = call.pieces[number]
        media = audio(
            StreamARN=self.stream(piece.stream).arn,
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

    def _start_another(self) -> None:
        skews = self.history.skews
        self._start_streamer(skews[len(self.streamers) % len(skews)])

    def _start_streamer(self, skew: float) -> None:
        self.start(skew=skew, slots=self.history.slots, lease_seconds=self.history.lease)

    async def publish(self, request: dict[str, Any], streamer: str) -> tuple[int, Any]:
        """Answer a request to the live feed, if it gets an answer."""
        conditions = self.conditions
        await asyncio.sleep(conditions.latency())
        trouble = conditions.trouble("feed", "publish", streamer)
        kind = "" if trouble is None else trouble.kind
        if kind in ("throttled", "failing"):
            return 429 if kind == "throttled" else 503, {"errors": []}
        if kind == "unheard":
            await asyncio.sleep(60)
        if trouble is not None and kind == "slow":
            await asyncio.sleep(trouble.seconds)
        events = [json.loads(event) for event in request["events"]]
        failed = []
        if kind == "partly":
            events, failed = events[1:], [{"index": 0}]
        self.feed.events.setdefault(request["channel"], []).extend(events)
        self._note_early(request["channel"], events)
        if kind == "unanswered":
            await asyncio.sleep(60)
        await asyncio.sleep(conditions.latency())
        return 200, {"failed": failed, "successful": []}

    def _note_early(self, channel: str, events: list[dict[str, Any]]) -> None:
        call_id = channel.rpartition("/")[2]
        stored = {
            item["seq"]["N"]
            for item in self.account.table
            if item["PK"]["S"] == f"CALL#{call_id}" and item["type"]["S"] == "live-utterance"
        }
        told = [event["seq"] for event in events if event["type"] == "final" and str(event["seq"]) not in stored]
        self.feed.early += [f"{call_id} {seq}" for seq in told]

    # What came of it.

    def digest(self) -> str:
        """Tell one course of events from another: every effect in its order, and all that is stored."""
        told = [
            *self.account.trace,
            *self.account.table.dump(),
            json.dumps(self.account.events),
            json.dumps(self.feed.events),
            *(streamer.metrics.getvalue() for streamer in self.streamers),
        ]
        # Owners of leases tell the process that runs the histories.
        whole = "\n".join(told).replace(f"{socket.gethostname()}-{os.getpid()}", "host")
        return hashlib.sha256(whole.encode()).hexdigest()


class _Sender:
    """SQS as the function that announces calls meets it."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def send_message(self, *, QueueUrl: str, MessageBody: str) -> None:
        assert QueueUrl == self._account.calls.name
        self._account.calls.send(MessageBody)
