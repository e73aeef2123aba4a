"""Table and queues of live calls: in this process, and on the emulator over HTTP.

The streamer's own store and queue ask them, so that what it asks is what is compared.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError

from callscribe.live.call import EndReason, LiveCall
from callscribe.live.coverage import Bound, Interval
from streamer.calls.queue import CallQueue, Message
from streamer.calls.state import Checkpoint, Completion
from streamer.calls.store import CallStore, Finished, LeaseLost, NotYet, Taken
from streamer.deepgram.session import MAX_COMMIT
from tests.streamer.calls.utterances import utterance

_LEASE: Final = timedelta(seconds=30)
_START_MS: Final = 1_795_000_000_000
_numbers = count(1)


@dataclass(frozen=True, kw_only=True)
class Calls:
    """A table and queues, as a streamer meets them.

    Attributes:
        dynamodb: A client.
        sqs: A client.
        table: Name of the table.
        queue: URL of the queue of announced calls, in which nothing is.
        failed: URL of its dead-letter queue.
    """

    dynamodb: Any
    sqs: Any
    table: str
    queue: str
    failed: str

    def store(self, streamer: str, *, later: float = 0) -> CallStore:
        """The store of a streamer whose clock is so many seconds later than those of others."""
        clock = datetime(2026, 11, 20, 10, 0, tzinfo=UTC) + timedelta(seconds=later)
        return CallStore(
            dynamodb=self.dynamodb,
            table=self.table,
            streamer=streamer,
            lease=_LEASE,
            clock=lambda: clock,
            persist_seconds=30,
        )

    def messages(self) -> CallQueue:
        """The queue of a streamer."""
        return CallQueue(sqs=self.sqs, url=self.queue, failed_calls_url=self.failed, lease=_LEASE)

    async def send(self, body: str) -> None:
        """Announce something."""
        await self.sqs.send_message(QueueUrl=self.queue, MessageBody=body, MessageAttributes={})

    async def shorten(self, message: Message) -> None:
        """Let a message be delivered again in a second, unless it is renewed."""
        await self.sqs.change_message_visibility(
            QueueUrl=self.queue, ReceiptHandle=message.receipt_handle, VisibilityTimeout=1
        )


def _call() -> LiveCall:
    """A call that nobody has."""
    return LiveCall(
        call_id=f"contract-{next(_numbers)}",
        clinic_id="harbour",
        stream_arn="arn:aws:kinesisvideo:eu-central-1:123456789012:stream/connect-1/1",
        start_fragment="1",
        started_at_ms=_START_MS,
    )


_CHECKPOINT: Final = Checkpoint(origin_ms=_START_MS, watermarks=(8000, 16000), next_seq=3, word_count=4)
_COMPLETION: Final = Completion(
    end_reason=EndReason.DISCONNECTED,
    ended_at_ms=_START_MS + 60_000,
    duration_seconds=60.0,
    incomplete_reasons=(),
    intervals=(Interval(start_ms=_START_MS, end_ms=_START_MS + 60_000),),
    beginning=Bound(heard_at_ms=_START_MS, told_at_ms=_START_MS, source="start-fragment", missing=False),
    end=Bound(heard_at_ms=_START_MS + 60_000, told_at_ms=_START_MS + 60_000, source="stop-timestamp", missing=False),
)


async def _taken(store: CallStore, call: LiveCall) -> Taken:
    taken = await store.take(call, "message-1")
    assert isinstance(taken, Taken)
    return taken


async def a_call_is_taken_stored_and_completed(calls: Calls) -> None:
    """Amazon DynamoDB API reference, "UpdateItem" and "TransactWriteItems"."""
    store, call = calls.store("one"), _call()
    mine = await _taken(store, call)
    await store.commit(mine.lease, [utterance(1), utterance(2)], _CHECKPOINT)
    assert await store.utterances(call.call_id, after=0, before=3) == [utterance(1), utterance(2)]
    item = await store.complete(mine.lease, _CHECKPOINT, _COMPLETION)
    assert (item["status"], item["complete"], item["word_count"]) == ("completed", True, 4)
    assert await store.take(call, "message-1") == Finished(to_announce=item)


async def of_many_that_want_a_call_one_gets_it(calls: Calls) -> None:
    """Amazon DynamoDB Developer Guide, "Condition expressions": of writes at once one finds its condition met."""
    call = _call()
    results = await asyncio.gather(*(calls.store(f"streamer-{n}").take(call, "message-1") for n in range(5)))
    assert sorted(type(result).__name__ for result in results) == 4 * [NotYet.__name__] + [Taken.__name__]


async def who_has_lost_the_lease_writes_nothing(calls: Calls) -> None:
    """Amazon DynamoDB API reference, "TransactWriteItems": all of it or nothing."""
    call, late = _call(), calls.store("late")
    mine = await _taken(late, call)
    theirs = await _taken(calls.store("next", later=31), call)
    assert theirs.lease.epoch == 2
    writes: tuple[Callable[[], Awaitable[object]], ...] = (
        lambda: late.commit(mine.lease, [utterance(1)], _CHECKPOINT),
        lambda: late.release(mine.lease, _CHECKPOINT),
        lambda: late.complete(mine.lease, _CHECKPOINT, _COMPLETION),
    )
    for write in writes:
        with pytest.raises(LeaseLost):
            await write()
    with pytest.raises(LeaseLost):
        await late.renew(mine.lease)
    assert await late.utterances(call.call_id, after=0, before=99) == []


async def as_many_utterances_are_stored_at_once_as_a_commit_may_have(calls: Calls) -> None:
    """Amazon DynamoDB API reference, "TransactWriteItems": up to 100 items; "Query": pages."""
    store, call = calls.store("one"), _call()
    mine = await _taken(store, call)
    said = [utterance(seq) for seq in range(1, MAX_COMMIT + 1)]
    await store.commit(mine.lease, said, replace(_CHECKPOINT, next_seq=MAX_COMMIT + 1))
    assert await store.utterances(call.call_id, after=0, before=MAX_COMMIT + 1) == said


async def no_more_messages_are_taken_than_asked_for(calls: Calls) -> None:
    """Amazon SQS API reference, "ReceiveMessage", `MaxNumberOfMessages`."""
    for number in range(5):
        await calls.send(f"call {number}")
    queue = calls.messages()
    bodies: set[str] = set()
    while len(bodies) < 5:
        messages = await queue.receive(2)
        assert 1 <= len(messages) <= 2
        for message in messages:
            bodies.add(message.body)
            await queue.delete(message)
    assert bodies == {f"call {number}" for number in range(5)}
    assert await queue.receive(2, wait_seconds=0) == []


async def a_released_message_comes_again_and_a_deleted_one_does_not(calls: Calls) -> None:
    """Amazon SQS Developer Guide, "Amazon SQS visibility timeout"."""
    queue = calls.messages()
    await calls.send("call")
    (message,) = await queue.receive(1)
    assert await queue.receive(1, wait_seconds=0) == []
    await queue.release(message)
    (again,) = await queue.receive(1)
    assert (again.message_id, again.receive_count, again.body) == (message.message_id, 2, "call")
    assert again.sent_at_ms == message.sent_at_ms
    await queue.delete(again)
    assert await queue.receive(1, wait_seconds=2) == []


async def a_receiver_waits_for_a_message(calls: Calls) -> None:
    """Amazon SQS Developer Guide, "Amazon SQS short and long polling"."""
    queue = calls.messages()
    receiving = asyncio.create_task(queue.receive(1))
    await asyncio.sleep(0.5)
    assert not receiving.done()
    await calls.send("call")
    (message,) = await receiving
    await queue.delete(message)


async def a_message_is_ours_until_it_is_gone(calls: Calls) -> None:
    """Amazon SQS API reference, "ChangeMessageVisibility"."""
    queue = calls.messages()
    await calls.send("call")
    (message,) = await queue.receive(1)
    assert await queue.holds(message)
    assert await queue.receive(1, wait_seconds=0) == []
    await queue.delete(message)
    assert not await queue.holds(message)
    with pytest.raises(ClientError):
        await queue.release(message)


async def more_messages_than_a_batch_are_renewed_without_those_that_are_gone(calls: Calls) -> None:
    """Amazon SQS API reference, "ChangeMessageVisibilityBatch": ten entries, each of which may fail."""
    queue = calls.messages()
    for number in range(13):
        await calls.send(f"call {number}")
    messages: list[Message] = []
    while len(messages) < 13:
        messages += await queue.receive(13 - len(messages))
    gone, *held = messages
    await queue.delete(gone)
    for message in held:
        await calls.shorten(message)
    await queue.renew(messages)
    assert await queue.receive(10, wait_seconds=2) == []
    for message in held:
        await queue.delete(message)


async def what_is_not_renewed_comes_again(calls: Calls) -> None:
    """Amazon SQS Developer Guide, "Amazon SQS visibility timeout"."""
    queue = calls.messages()
    await calls.send("call")
    (message,) = await queue.receive(1)
    await calls.shorten(message)
    (again,) = await queue.receive(1)
    assert again.receive_count == 2
    await queue.delete(again)


async def a_failed_call_goes_to_the_dead_letter_queue_as_it_was(calls: Calls) -> None:
    """Amazon SQS API reference, "SendMessage", `MessageAttributes`."""
    queue = calls.messages()
    await calls.send(json.dumps({"call_id": "7"}))
    (message,) = await queue.receive(1)
    await queue.to_failed_calls(message, code="StreamNotFound")
    answer = await calls.sqs.receive_message(
        QueueUrl=calls.failed,
        MaxNumberOfMessages=1,
        WaitTimeSeconds=1,
        VisibilityTimeout=30,
        MessageAttributeNames=["All"],
    )
    (failed,) = answer["Messages"]
    assert json.loads(failed["Body"]) == {"call_id": "7"}
    assert failed["MessageAttributes"]["error_code"]["StringValue"] == "StreamNotFound"
    await calls.sqs.delete_message(QueueUrl=calls.failed, ReceiptHandle=failed["ReceiptHandle"])
    assert await queue.receive(1, wait_seconds=0) == []


CALLS: Final = (
    a_call_is_taken_stored_and_completed,
    of_many_that_want_a_call_one_gets_it,
    who_has_lost_the_lease_writes_nothing,
    as_many_utterances_are_stored_at_once_as_a_commit_may_have,
    no_more_messages_are_taken_than_asked_for,
    a_released_message_comes_again_and_a_deleted_one_does_not,
    a_receiver_waits_for_a_message,
    a_message_is_ours_until_it_is_gone,
    more_messages_than_a_batch_are_renewed_without_those_that_are_gone,
    what_is_not_renewed_comes_again,
    a_failed_call_goes_to_the_dead_letter_queue_as_it_was,
)
