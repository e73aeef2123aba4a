"""The state and the words of live calls in the table, each write fenced by its lease.

A lease is the queue's message; its mirror in the table is the fence: `lease_owner` and `epoch` change whenever a call
is taken, and every later write of the earlier owner is refused by its condition. So that a slow or cut-off streamer
cannot write, it need not know that it has lost its lease.
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, TypeVar
from uuid import uuid4

from botocore.exceptions import ClientError

from callscribe.contract.schema import SCHEMA_VERSION
from callscribe.contract.table_keys import EXPIRY, call_partition, live_call_key, utterance_key
from callscribe.failures import SafeError
from callscribe.live.call import LiveCall, LiveStatus, LiveUtterance
from callscribe.serialization import decode, encode
from streamer.aws import cancellation_codes, error_code, persist
from streamer.calls.attributes import from_attributes, to_attributes
from streamer.calls.state import (
    CallState,
    Checkpoint,
    Completion,
    EndHints,
    Lease,
    began_at_ms,
    checkpoint_in,
    hints_in,
    utc_day,
)

_PERSIST_SECONDS: Final = 540.0
"""How long an outage of the table is borne. DynamoDB knows a transaction's token for 10 minutes."""

# A lost conditional write means that somebody else made progress, so a few rounds always suffice.
_MAX_ROUNDS: Final = 5
_FENCE: Final = "lease_owner = :fence_owner AND epoch = :fence_epoch"
_STREAMING: Final = {":streaming": LiveStatus.STREAMING}
_OF_AN_END: Final = (
    *("error_code", "error_message", "ended_at_ms", "end_reason", "duration_seconds", "complete"),
    *("incomplete_reasons", "intervals", "beginning", "end", "announced"),
)

Item = Mapping[str, Any]
_T = TypeVar("_T")

_log = logging.getLogger(__name__)


class LeaseLost(SafeError):
    """Another streamer has the call. Nothing more may be written, or told, of it."""

    def __init__(self) -> None:
        super().__init__("Lease.Lost", "another streamer has taken the call")


class StreamingResumed(SafeError):
    """Streaming was started again while the end of its first part was being settled; the call goes on."""

    def __init__(self) -> None:
        super().__init__("Streaming.Resumed", "streaming of the call was started again")


class LeaseContention(SafeError):
    """Others kept changing the call while it was to be taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The call is ours."""

    lease: Lease
    state: CallState


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """The call has failed under another delivery of this very message, which has put it aside or is about to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyRunning:
    """Another message of the same call is being worked on; this one is not needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotYet:
    """The lease of this very message has not run out.

    Attributes:
        lease_until: When it does, in seconds since 1970.
    """

    lease_until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The call is over and its words are stored.

    Attributes:
        to_announce: The call's item, if the world has not been told.
    """

    to_announce: Item | None


class CallStore:
    """The live calls in one table.

    Args:
        dynamodb: aiobotocore's client of DynamoDB, without retries of its own.
        table: Name of the table.
        streamer: Name of this process, for the operator who reads `lease_owner`.
        lease: How long a call stays with a streamer that has stopped renewing.
        retention: How long states and utterances are kept; `None` keeps them for ever.
        clock: Returns the time (aware, UTC).
        persist_seconds: How long an outage of the table is borne.
    """

    def __init__(
        self,
        *,
        dynamodb: Any,
        table: str,
        streamer: str,
        lease: timedelta,
        retention: timedelta | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        persist_seconds: float = _PERSIST_SECONDS,
    ) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._streamer = streamer
        self._lease = lease
        self._retention = retention
        self._clock = clock
        self._persist_seconds = persist_seconds

    async def take(
        self, call: LiveCall, message_id: str, *, holds: Callable[[], Awaitable[bool]] | None = None
    ) -> Taken | AlreadyRunning | NotYet | Finished | Gone:
        """Take a call, unless somebody works on it or it is over.

        A call that failed, was released, or whose lease has run out is taken over at its checkpoint. A completed one
        is reopened by an announcement of streaming that began after its end.

        Args:
            call: The announced call.
            message_id: The queue's id of the announcement.
            holds: Asks whether the message is still there and in our hands; `None` takes it that it is.

        Raises:
            LeaseContention: Others kept changing the call.
        """
        owner = f"{self._streamer}/{uuid4().hex[:8]}"
        for _ in range(_MAX_ROUNDS):
            item = await self._read(call.call_id)
            if item.get("lease_owner") == owner:  # the answer to our own write got lost
                return Taken(lease=_lease(item), state=_state(item))
            status = LiveStatus(item.get("status", LiveStatus.ANNOUNCED))
            later = call.started_at_ms > began_at_ms(item)
            if status is LiveStatus.COMPLETED and call.started_at_ms <= item["ended_at_ms"]:
                return Finished(to_announce=None if item.get("announced") else item)
            if status is LiveStatus.STREAMING and item["lease_until"] > self._now():
                if item["message_id"] == message_id:
                    return NotYet(lease_until=item["lease_until"])
                if not later or await self._note_resumption(call, item):
                    return AlreadyRunning()
                continue
            failed = status is LiveStatus.FAILED and item.get("message_id") == message_id
            if failed and holds is not None and not await holds():
                return Gone()
            # Also where the announcement of the first start has not been taken up yet: messages come in any order.
            resumed = later and "started_at_ms" in item
            taken = await self._take_over(call, item, owner=owner, message_id=message_id, resumed=resumed)
            if taken is not None:
                return taken
        raise LeaseContention("Lease.Contention", "the call was changed by others all the time")

    async def renew(self, lease: Lease) -> EndHints:
        """Prolong a lease once, and return what Connect has said about the end of the call.

        Raises:
            LeaseLost: The call belongs to another streamer, or to nobody any more.
            ClientError: The table refuses; the lease stays as it is until the next time.
            BotoCoreError: It is out of reach; the same.
        """
        values = {"lease_until": self._lease_until()}
        request = self._update_request(
            lease.call_id, values, where=f"{_FENCE} AND #status = :streaming", given=_fence(lease) | _STREAMING
        )
        return hints_in(await self._update_once(request))

    async def commit(self, lease: Lease, utterances: Sequence[LiveUtterance], checkpoint: Checkpoint) -> None:
        """Store words and the checkpoint that speaks of them, all or nothing.

        Args:
            lease: Our lease.
            utterances: Less than 100, which is what a transaction takes (API reference, "TransactWriteItems").
            checkpoint: Where the call stands with them.

        Raises:
            LeaseLost: The call belongs to another streamer; nothing was stored.
        """
        now = self._clock()
        words = [self._utterance(lease, utterance, now) for utterance in utterances]
        state = self._update_request(
            lease.call_id, checkpoint.attributes() | self._stamp(now), where=_FENCE, given=_fence(lease)
        )
        request = {
            "TransactItems": [
                *({"Put": {"TableName": self._table, "Item": item}} for item in words),
                {"Update": state},
            ],
            # The same request repeated is the same transaction (API reference, "TransactWriteItems").
            "ClientRequestToken": uuid4().hex,
        }
        try:
            await self._persist(lambda: self._dynamodb.transact_write_items(**request), "commit")
        except ClientError as error:
            if "ConditionalCheckFailed" in cancellation_codes(error):
                raise LeaseLost from None
            raise

    async def release(self, lease: Lease, checkpoint: Checkpoint) -> None:
        """Give the call back, to be taken by anybody at once.

        Raises:
            LeaseLost: The call belongs to another streamer.
        """
        await self._change(
            lease, checkpoint.notes() | {"status": LiveStatus.RELEASED, "lease_until": 0}, what="release"
        )

    async def complete(self, lease: Lease, checkpoint: Checkpoint, completion: Completion) -> Item:
        """Note that the call is over and return its item.

        Args:
            lease: Our lease.
            checkpoint: Where its transcription stands, everything stored.
            completion: How it ended.

        Raises:
            LeaseLost: The call belongs to another streamer.
            StreamingResumed: Streaming was started again after that end.
        """
        ended = {
            "status": LiveStatus.COMPLETED,
            "lease_until": 0,
            "ended_at_ms": completion.ended_at_ms,
            "end_reason": completion.end_reason,
            "duration_seconds": completion.duration_seconds,
            "complete": completion.complete,
            "incomplete_reasons": list(completion.incomplete_reasons),
            "intervals": encode(completion.intervals),
            "beginning": encode(completion.beginning),
            "end": encode(completion.end),
            "announced": False,
        }
        try:
            return await self._change(
                lease,
                checkpoint.attributes() | ended,
                # Only once: a request that was given up and is carried out late must not undo `mark_announced`.
                where=f"{_FENCE} AND #status = :streaming"
                " AND (attribute_not_exists(resumed_at_ms) OR resumed_at_ms <= :ended_at_ms)",
                given=_STREAMING,
                what="complete",
            )
        except LeaseLost:
            item = await self._read(lease.call_id)
            if item.get("lease_owner") != lease.owner or item.get("epoch") != lease.epoch:
                raise
            if item["status"] == LiveStatus.COMPLETED:  # the answer to our own write got lost
                return item
            raise StreamingResumed from None

    async def fail(self, lease: Lease, checkpoint: Checkpoint, error: SafeError) -> None:
        """Note that the call cannot be followed, and why.

        Raises:
            LeaseLost: The call belongs to another streamer.
        """
        failed = {
            "status": LiveStatus.FAILED,
            "lease_until": 0,
            "error_code": error.code,
            "error_message": error.message,
        }
        await self._change(lease, checkpoint.notes() | failed, what="fail")

    async def mark_announced(self, item: Item) -> None:
        """Note that the world knows of a completed call; nothing, if it has been reopened since."""
        values = {"announced": True, "updated_at": self._clock().isoformat()}
        with contextlib.suppress(LeaseLost):
            await self._update(
                item["call_id"], values, where="epoch = :seen", given={":seen": item["epoch"]}, what="mark announced"
            )

    async def hints(self, call_id: str) -> EndHints:
        """Return what Connect has said about the end of a call until now."""
        return hints_in(await self._read(call_id))

    async def utterances(self, call_id: str, *, after: int, before: int) -> list[LiveUtterance]:
        """Return the utterances of a call between two numbers, in order."""
        first, last = utterance_key(call_id, after + 1).sk, utterance_key(call_id, before - 1).sk
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "PK = :pk AND SK BETWEEN :first AND :last",
            "ExpressionAttributeValues": to_attributes(
                {":pk": call_partition(call_id), ":first": first, ":last": last}
            ),
            "ConsistentRead": True,
        }
        found: list[LiveUtterance] = []
        while True:
            page = await self._persist(lambda: self._dynamodb.query(**request), "read utterances")
            found += [decode(LiveUtterance, from_attributes(item), "utterance") for item in page["Items"]]
            if "LastEvaluatedKey" not in page:
                return found
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    async def _take_over(
        self, call: LiveCall, item: Item, *, owner: str, message_id: str, resumed: bool
    ) -> Taken | None:
        """Write our lease, unless the item has changed since it was read."""
        now = self._clock()
        day = item.get("day") or utc_day(call.started_at_ms)
        # Whose call it is was decided once; an announcement sent before that may say otherwise.
        clinic_id = item.get("clinic_id") or call.clinic_id
        key = live_call_key(call.call_id, clinic_id=clinic_id, day=day)
        epoch = item.get("epoch", 0) + 1
        values = {
            **{name: value for name, value in key.attributes().items() if name not in key.primary()},
            "type": "live-call",
            "schema_version": SCHEMA_VERSION,
            "status": LiveStatus.STREAMING,
            "call_id": call.call_id,
            "clinic_id": clinic_id,
            "day": day,
            # Streaming that was started again may use another stream, whichever announcement brings us here.
            "stream_arn": call.stream_arn if call.started_at_ms >= began_at_ms(item) else item["stream_arn"],
            # Something of it may still be to be read when streaming is started again in another one.
            "first_stream_arn": item.get("first_stream_arn") or item.get("stream_arn") or call.stream_arn,
            "start_fragment": item.get("start_fragment") or call.start_fragment,
            "started_at_ms": item.get("started_at_ms") or call.started_at_ms,
            "announced_at": item.get("announced_at") or now.isoformat(),
            "handovers": item.get("handovers", -1) + 1,
            "lease_owner": owner,
            "epoch": epoch,
            "lease_until": self._lease_until(),
            "message_id": message_id,
            **({"resumed_at_ms": call.started_at_ms} if resumed else {}),
            **self._stamp(now),
        }
        unchanged, seen = "attribute_not_exists(epoch)", {}
        if "epoch" in item:
            unchanged = "epoch = :seen AND lease_until = :until"
            seen = {":seen": item["epoch"], ":until": item["lease_until"]}
        try:
            taken = await self._update(
                call.call_id,
                values,
                where=unchanged,
                given=seen,
                remove=_OF_AN_END,
                add=_start(call),
                what="take",
            )
        except LeaseLost:
            return None
        return Taken(lease=_lease(taken), state=_state(taken))

    async def _note_resumption(self, call: LiveCall, item: Item) -> bool:
        """Tell the streamer that has the call that streaming was started again, unless the item has changed."""
        try:
            await self._update(
                call.call_id,
                {"resumed_at_ms": call.started_at_ms, "stream_arn": call.stream_arn},
                # A request that was given up and is carried out late must not undo a later start.
                where="epoch = :seen AND #status = :streaming"
                " AND (attribute_not_exists(resumed_at_ms) OR resumed_at_ms < :resumed_at_ms)",
                given={":seen": item["epoch"]} | _STREAMING,
                add=_start(call),
                what="note resumption",
            )
        except LeaseLost:
            return False
        return True

    async def _change(
        self,
        lease: Lease,
        values: Mapping[str, Any],
        *,
        where: str = _FENCE,
        given: Mapping[str, Any] = MappingProxyType({}),
        what: str,
    ) -> Item:
        return await self._update(
            lease.call_id,
            {**values, **self._stamp(self._clock())},
            where=where,
            given={**_fence(lease), **given},
            what=what,
        )

    async def _update(
        self,
        call_id: str,
        values: Mapping[str, Any],
        *,
        where: str,
        given: Mapping[str, Any],
        remove: Sequence[str] = (),
        add: Mapping[str, frozenset[int]] = MappingProxyType({}),
        what: str,
    ) -> Item:
        request = self._update_request(call_id, values, where=where, given=given, remove=remove, add=add)
        return await self._persist(lambda: self._update_once(request), what)

    async def _update_once(self, request: Mapping[str, Any]) -> Item:
        try:
            response = await self._dynamodb.update_item(ReturnValues="ALL_NEW", **request)
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                raise LeaseLost from None
            raise
        return from_attributes(response["Attributes"])

    def _update_request(
        self,
        call_id: str,
        values: Mapping[str, Any],
        *,
        where: str,
        given: Mapping[str, Any],
        remove: Sequence[str] = (),
        add: Mapping[str, frozenset[int]] = MappingProxyType({}),
    ) -> dict[str, Any]:
        """Write an update; names are replaced because several are reserved words of DynamoDB."""
        expression = "SET " + ", ".join(f"#{name} = :{name}" for name in values)
        if remove:
            expression += " REMOVE " + ", ".join(f"#{name}" for name in remove)
        if add:
            expression += " ADD " + ", ".join(f"#{name} :{name}" for name in add)
        names = [*values, *remove, *add, *(["status"] if "#status" in where else [])]
        return {
            "TableName": self._table,
            "Key": to_attributes(live_call_key(call_id).primary()),
            "UpdateExpression": expression,
            "ConditionExpression": where,
            "ExpressionAttributeNames": {f"#{name}": name for name in names},
            "ExpressionAttributeValues": to_attributes(
                {f":{name}": value for name, value in (*values.items(), *add.items())} | dict(given)
            ),
        }

    async def _read(self, call_id: str) -> Item:
        key = to_attributes(live_call_key(call_id).primary())
        response = await self._persist(
            lambda: self._dynamodb.get_item(TableName=self._table, Key=key, ConsistentRead=True), "read"
        )
        return from_attributes(response.get("Item", {}))

    async def _persist(self, operation: Callable[[], Awaitable[_T]], what: str) -> _T:
        return await persist(operation, seconds=self._persist_seconds, what=what)

    def _utterance(self, lease: Lease, utterance: LiveUtterance, now: datetime) -> dict[str, Any]:
        return to_attributes(
            {
                **utterance_key(lease.call_id, utterance.seq).attributes(),
                "type": "live-utterance",
                "schema_version": SCHEMA_VERSION,
                "call_id": lease.call_id,
                "clinic_id": lease.clinic_id,
                **encode(utterance),
                "created_at": now.isoformat(),
                **self._expiry(now),
            }
        )

    def _stamp(self, now: datetime) -> dict[str, Any]:
        return {"updated_at": now.isoformat(), **self._expiry(now)}

    def _expiry(self, now: datetime) -> dict[str, int]:
        return {} if self._retention is None else {EXPIRY: int((now + self._retention).timestamp())}

    def _lease_until(self) -> int:
        return math.ceil((self._clock() + self._lease).timestamp())

    def _now(self) -> float:
        return self._clock().timestamp()


def _start(call: LiveCall) -> dict[str, frozenset[int]]:
    """When the announced streaming began, to be kept beside the other times at which it did."""
    return {"starts_ms": frozenset({call.started_at_ms})}


def _state(item: Item) -> CallState:
    return CallState(
        clinic_id=item["clinic_id"],
        day=item["day"],
        stream_arn=item["stream_arn"],
        first_stream_arn=item.get("first_stream_arn") or item["stream_arn"],
        began_at_ms=began_at_ms(item),
        checkpoint=checkpoint_in(item),
        hints=hints_in(item),
    )


def _lease(item: Item) -> Lease:
    return Lease(call_id=item["call_id"], clinic_id=item["clinic_id"], owner=item["lease_owner"], epoch=item["epoch"])


def _fence(lease: Lease) -> dict[str, Any]:
    return {":fence_owner": lease.owner, ":fence_epoch": lease.epoch}
