"""The queue of announced calls: a message is the lease of its call and lives as long as the call does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from streamer.aws import error_code
from streamer.logs import failure

_log = logging.getLogger(__name__)

LONG_POLL_SECONDS: Final = 5
"""Longest wait for a message. SQS offers 20, but a streamer that is to stop waits for its last request to end."""

_BATCH: Final = 10
_BATCH_SECONDS: Final = 0.05
"""From one batch that is renewed to the next: all at once would hold up the audio of every call."""

_NOT_OURS: Final = ("ReceiptHandleIsInvalid", "MessageNotInflight", "InvalidParameterValue")
"""How SQS refuses the handle of a message that is gone or was delivered again (Amazon SQS API Reference,
"ChangeMessageVisibility")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message in our hands.

    Attributes:
        message_id: The queue's name of it, the same each time it is delivered.
        receipt_handle: The queue's name of this delivery.
        body: What was sent.
        receive_count: How often it has been delivered, this time included.
        sent_at_ms: When it was sent, milliseconds since 1970.
    """

    message_id: str
    receipt_handle: str
    body: str
    receive_count: int
    sent_at_ms: int


class CallQueue:
    """The queue and its dead-letter queue.

    Args:
        sqs: aiobotocore's client of SQS; it must wait longer than `LONG_POLL_SECONDS` for an answer.
        url: The queue.
        failed_calls_url: The dead-letter queue.
        lease: How long a message stays hidden unless it is renewed.
    """

    def __init__(self, *, sqs: Any, url: str, failed_calls_url: str, lease: timedelta) -> None:
        self._sqs = sqs
        self._url = url
        self._failed_calls_url = failed_calls_url
        self._lease_seconds = int(lease.total_seconds())

    async def receive(self, limit: int, *, wait_seconds: int = LONG_POLL_SECONDS) -> list[Message]:
        """Wait for messages and return at most *limit*, or none."""
        response = await self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=min(limit, _BATCH),
            WaitTimeSeconds=wait_seconds,
            VisibilityTimeout=self._lease_seconds,
            MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
        )
        return [
            Message(
                message_id=message["MessageId"],
                receipt_handle=message["ReceiptHandle"],
                body=message["Body"],
                receive_count=int(message["Attributes"]["ApproximateReceiveCount"]),
                sent_at_ms=int(message["Attributes"]["SentTimestamp"]),
            )
            for message in response.get("Messages", [])
        ]

    async def renew(self, messages: Iterable[Message]) -> None:
        """Keep messages hidden for another lease. What cannot be renewed is logged: the table's fence decides."""
        async with asyncio.TaskGroup() as renewals:
            for number, batch in enumerate(_batches(list(messages))):
                await asyncio.sleep(_BATCH_SECONDS if number else 0)
                renewals.create_task(self._renew(batch))

    async def _renew(self, batch: Sequence[Message]) -> None:
        entries = [
            {"Id": str(number), "ReceiptHandle": message.receipt_handle, "VisibilityTimeout": self._lease_seconds}
            for number, message in enumerate(batch)
        ]
        try:
            response = await self._sqs.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
        except (ClientError, BotoCoreError) as error:
            _log.warning("messages are not renewed", extra={"messages": len(batch), **failure(error)})
            return
        for failed in response.get("Failed", []):
            _log.warning(
                "a message is not renewed",
                extra={"message_id": batch[int(failed["Id"])].message_id, "error_code": failed["Code"]},
            )

    async def release(self, message: Message, *, seconds: float = 0) -> None:
        """Let the message be delivered again, now or after a while."""
        await self._sqs.change_message_visibility(
            QueueUrl=self._url, ReceiptHandle=message.receipt_handle, VisibilityTimeout=max(0, int(seconds))
        )

    async def holds(self, message: Message) -> bool:
        """Return whether the message is still there and ours, and keep it hidden for another lease."""
        try:
            await self.release(message, seconds=self._lease_seconds)
        except ClientError as error:
            if error_code(error).rpartition(".")[2] in _NOT_OURS:
                return False
            raise
        return True

    async def delete(self, message: Message) -> None:
        """Remove the message: its call needs no more work."""
        await self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message.receipt_handle)

    async def to_failed_calls(self, message: Message, *, code: str) -> None:
        """Move the message to the dead-letter queue; the copy comes first, so that none is lost."""
        await self._sqs.send_message(
            QueueUrl=self._failed_calls_url,
            MessageBody=message.body,
            MessageAttributes={"error_code": {"DataType": "String", "StringValue": code}},
        )
        await self.delete(message)


def _batches(messages: Sequence[Message]) -> Iterable[Sequence[Message]]:
    return (messages[start : start + _BATCH] for start in range(0, len(messages), _BATCH))
