"""SQS in process: a standard queue with visibility, receive counts and a dead-letter queue.

Sources: Amazon SQS Developer Guide, "Amazon SQS visibility timeout" and "Using dead-letter queues", and the API
reference, "ReceiveMessage", "DeleteMessage" and "ChangeMessageVisibility".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.simulation.table import refused


@dataclass(eq=False)
class Held:
    """A message in a queue.

    Attributes:
        message_id: Its name.
        body: What was sent.
        attributes: What was sent beside it.
        sent_at: When, seconds.
        visible_at: From when on it is delivered.
        receives: How often it was delivered.
        handle: Name of its last delivery.
    """

    message_id: str
    body: str
    attributes: Mapping[str, Any]
    sent_at: float
    visible_at: float
    receives: int = 0
    handle: str = ""


@dataclass
class Queue:
    """A queue. All times are seconds on `clock`.

    Attributes:
        name: Its name, in the names of messages.
        clock: Returns the time.
        dead_letters: Where a message goes that was delivered `max_receives` times.
        max_receives: So often a message is delivered.
        messages: What is in it.
        repeated: Messages that were delivered once more, each time they were.
        changed: Called when a message may have become visible.
        order: Returns the messages in the order of delivery, which a standard queue does not promise.
    """

    name: str
    clock: Callable[[], float]
    dead_letters: Queue | None = None
    max_receives: int = 50
    messages: list[Held] = field(default_factory=list)
    repeated: list[Held] = field(default_factory=list)
    changed: Callable[[], None] = lambda: None
    order: Callable[[list[Held]], list[Held]] = list
    _numbers: count[int] = field(default_factory=lambda: count(1))

    def send(self, body: str, attributes: Mapping[str, Any] | None = None) -> str:
        """Add a message and return its name."""
        now = self.clock()
        message = Held(f"{self.name}-{next(self._numbers)}", body, attributes or {}, sent_at=now, visible_at=now)
        self.messages.append(message)
        self.changed()
        return message.message_id

    def receive(self, limit: int, *, hidden: float) -> list[dict[str, Any]]:
        """Deliver what is visible, at most *limit* messages, and hide it for so many seconds."""
        now = self.clock()
        delivered: list[dict[str, Any]] = []
        for message in self.order(self.messages):
            if message.visible_at > now or len(delivered) == limit:
                continue
            if self.dead_letters is not None and message.receives >= self.max_receives:
                self.messages.remove(message)
                message.visible_at = now
                self.dead_letters.messages.append(message)
                continue
            if message.receives:
                self.repeated.append(message)
            message.receives += 1
            message.visible_at = now + hidden
            message.handle = f"{message.message_id}/{message.receives}"
            delivered.append(
                {
                    "MessageId": message.message_id,
                    "ReceiptHandle": message.handle,
                    "Body": message.body,
                    "Attributes": {
                        "ApproximateReceiveCount": str(message.receives),
                        "SentTimestamp": str(round(message.sent_at * 1000)),
                    },
                    "MessageAttributes": dict(message.attributes),
                }
            )
        return delivered

    def next_visible(self) -> float | None:
        """When the next message becomes visible; `None` if there is none."""
        return min((message.visible_at for message in self.messages), default=None)

    def delete(self, handle: str) -> None:
        """Remove a message; what an old handle names may stay, and nobody is told."""
        self.messages[:] = [message for message in self.messages if message.handle != handle]

    def hide(self, handle: str, *, seconds: float) -> None:
        """Deliver a message again after so many seconds.

        Raises:
            ClientError: It was delivered again, or is not in flight.
        """
        for message in self.messages:
            if message.handle == handle:
                if message.visible_at <= self.clock():
                    raise refused("MessageNotInflight", "ChangeMessageVisibility")
                message.visible_at = self.clock() + seconds
                self.changed()
                return
        raise refused("ReceiptHandleIsInvalid", "ChangeMessageVisibility")
