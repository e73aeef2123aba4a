from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError

from streamer.calls.queue import CallQueue, Message
from tests.streamer.calls.cloud import Cloud

WALL_CLOCK = True


@pytest.fixture
def queue(cloud: Cloud) -> CallQueue:
    return CallQueue(
        sqs=cloud.sqs, url=cloud.queue_url, failed_calls_url=cloud.failed_queue_url, lease=timedelta(seconds=30)
    )


async def send(cloud: Cloud, count: int) -> None:
    for number in range(count):
        await cloud.sqs.send_message(QueueUrl=cloud.queue_url, MessageBody=f"call {number}")


async def received(queue: CallQueue, count: int) -> list[Message]:
    messages: list[Message] = []
    while len(messages) < count:
        more = await queue.receive(count - len(messages))
        assert more
        messages += more
    return messages


async def test_no_more_messages_are_taken_than_there_are_free_slots(queue: CallQueue, cloud: Cloud) -> None:
    await send(cloud, 5)
    assert len(await queue.receive(2)) <= 2


async def test_a_released_message_comes_again_and_a_deleted_one_does_not(queue: CallQueue, cloud: Cloud) -> None:
    await send(cloud, 1)
    (message,) = await received(queue, 1)
    assert await queue.receive(1, wait_seconds=0) == []
    await queue.release(message)
    (again,) = await received(queue, 1)
    assert (again.message_id, again.receive_count) == (message.message_id, 2)
    await queue.delete(again)
    assert await cloud.messages(cloud.queue_url) == {"visible": 0, "hidden": 0}


async def test_a_message_is_ours_until_it_is_gone(queue: CallQueue, cloud: Cloud) -> None:
    await send(cloud, 1)
    (message,) = await received(queue, 1)
    assert await queue.holds(message)
    assert await queue.receive(1, wait_seconds=0) == []
    await queue.delete(message)
    assert not await queue.holds(message)


async def test_more_than_a_batch_is_renewed(queue: CallQueue, cloud: Cloud) -> None:
    await send(cloud, 12)
    messages = await received(queue, 12)
    for message in messages:
        await cloud.sqs.change_message_visibility(
            QueueUrl=cloud.queue_url, ReceiptHandle=message.receipt_handle, VisibilityTimeout=1
        )
    await queue.renew(messages)
    assert await queue.receive(10, wait_seconds=2) == []


async def test_a_message_that_cannot_be_renewed_spares_the_others(queue: CallQueue, cloud: Cloud) -> None:
    await send(cloud, 2)
    gone, held = await received(queue, 2)
    await queue.delete(gone)
    await cloud.sqs.change_message_visibility(
        QueueUrl=cloud.queue_url, ReceiptHandle=held.receipt_handle, VisibilityTimeout=1
    )
    await queue.renew([gone, held])
    assert await queue.receive(10, wait_seconds=2) == []


async def test_a_request_that_fails_does_not_keep_the_other_messages_from_being_renewed() -> None:
    renewed: list[str] = []

    class Sqs:
        async def change_message_visibility_batch(self, *, QueueUrl: str, Entries: list[dict[str, str]]) -> Any:  # noqa: N803
            receipts = [entry["ReceiptHandle"] for entry in Entries]
            if "0" in receipts:
                raise ConnectTimeoutError(endpoint_url="https://sqs")
            renewed.extend(receipts)
            return {}

    queue = CallQueue(sqs=Sqs(), url="calls", failed_calls_url="failed", lease=timedelta(seconds=30))
    messages = [
        Message(message_id=str(number), receipt_handle=str(number), body="", receive_count=1, sent_at_ms=0)
        for number in range(25)
    ]
    await queue.renew(messages)
    assert sorted(map(int, renewed)) == list(range(10, 25))


async def test_a_failed_call_goes_to_the_dead_letter_queue_as_it_was(queue: CallQueue, cloud: Cloud) -> None:
    await send(cloud, 1)
    (message,) = await received(queue, 1)
    await queue.to_failed_calls(message, code="StreamNotFound")
    response = await cloud.sqs.receive_message(QueueUrl=cloud.failed_queue_url, MessageAttributeNames=["All"])
    (failed,) = response["Messages"]
    assert failed["Body"] == "call 0"
    assert failed["MessageAttributes"]["error_code"]["StringValue"] == "StreamNotFound"
    assert await cloud.messages(cloud.queue_url) == {"visible": 0, "hidden": 0}
