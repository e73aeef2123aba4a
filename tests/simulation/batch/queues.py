"""The queues of the deployment by URL and ARN, as SQS' API has them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from tests.simulation.queues import Queue
from tests.simulation.table import refused

_DEFAULT_VISIBILITY: Final = 30.0  # Amazon SQS API reference, "CreateQueue"


class Queues:
    """The queues of one account.

    Args:
        clock: Returns the time in seconds since the epoch.
    """

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._by_url: dict[str, Queue] = {}
        self._by_arn: dict[str, Queue] = {}
        self._hidden: dict[str, float] = {}

    def create(self, url: str, arn: str, properties: Mapping[str, Any]) -> None:
        """Create a queue with the properties that it has in a template; its queue for dead letters is there already."""
        policy = properties.get("RedrivePolicy")
        queue = Queue(name=arn.rpartition(":")[2], clock=self._clock)
        if policy is not None:
            queue.dead_letters = self._by_arn[policy["deadLetterTargetArn"]]
            queue.max_receives = int(policy["maxReceiveCount"])
        self._by_url[url] = self._by_arn[arn] = queue
        self._hidden[url] = float(properties.get("VisibilityTimeout", _DEFAULT_VISIBILITY))

    def queue(self, name: str) -> Queue:
        """Return a queue by its URL or ARN.

        Raises:
            ClientError: There is none.
        """
        found = self._by_url.get(name) or self._by_arn.get(name)
        if found is None:
            raise refused("AWS.SimpleQueueService.NonExistentQueue", "Request")
        return found

    def receive(self, url: str, most: int, *, hidden: float | None = None) -> list[dict[str, Any]]:
        """Deliver what is visible, and hide it for as long as the queue, or the request, says."""
        return self.queue(url).receive(most, hidden=self._hidden[url] if hidden is None else hidden)

    def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a request.

        Raises:
            ClientError: SQS refuses it.
        """
        url = request["QueueUrl"]
        queue = self.queue(url)
        match operation:
            case "SendMessage":
                body = request["MessageBody"]
                message_id = queue.send(body, request.get("MessageAttributes"))
                return {"MessageId": message_id, "MD5OfMessageBody": hashlib.md5(body.encode()).hexdigest()}
            case "ReceiveMessage":
                messages = self.receive(
                    url, request.get("MaxNumberOfMessages", 1), hidden=request.get("VisibilityTimeout")
                )
                return {"Messages": messages} if messages else {}
            case "DeleteMessage":
                queue.delete(request["ReceiptHandle"])
            case "ChangeMessageVisibility":
                queue.hide(request["ReceiptHandle"], seconds=request["VisibilityTimeout"])
            case _:
                raise NotImplementedError(operation)
        return {}
