"""What becomes of messages besides what `tests.simulation.live.contracts.calls` asks of queues."""

from datetime import timedelta
from typing import Any

from botocore.exceptions import ConnectTimeoutError

from streamer.calls.queue import CallQueue, Message


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
