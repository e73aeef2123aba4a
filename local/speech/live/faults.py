"""Failures of streams to order, in each way in which Deepgram's streams fail.

``POST /_local/streams/faults`` takes one order as JSON, as `local.speech.faults` does for requests::

    {"match": "tag=call-17", "then": [{"status": 503, "headers": {"Retry-After": "1"}, "times": 2},
                                      {"action": "close", "code": 1011, "reason": "NET-0000", "after": 5.0}]}

`match` is part of the decoded query of the stream (``name=value&name=value``); an empty string matches every stream.
Each matching stream uses up one entry of `then` (or one of its `times`; `null` means for ever), in order. When several
orders match, a stream meets one failure of each. The n-th stream is met after an ``answer`` with `times` n-1.

These happen to the handshake:

- ``status`` with optional ``headers``, ``body`` (JSON) or ``text``: refuses, after ``seconds``. Without a body it is
  the one that Deepgram documents for the status; ``dg-error`` has its message.
- action ``hang``: no answer until the client leaves.
- action ``answer``: nothing happens.

These happen to an open stream, when `after` seconds of audio have arrived or in place of its `at_final`-th final result
with words (from 1), and without either at once:

- ``close`` with ``code`` (1011) and ``reason`` (NET-0000); ``reset``: the connection is reset.
- ``stall``: audio is taken and nothing is said for ``seconds`` (`null`: for ever); what was to be said comes after.
- ``half-open``: nothing is read, written or answered any more, and the connection stays.
- ``late``: from then on every message comes ``seconds`` after its time.
- ``unknown-message`` and ``error-message``: a message of an unknown type, or an ``Error``, comes in between.

These happen to its `at_final`-th final result with words, without `at_final` to the first one:

- ``malformed-json`` and ``wrong-types``: it arrives in a state that cannot be read. ``duplicate``: it arrives twice.

- ``no-metadata``: the stream is closed in order, but without its ``Metadata``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from local.speech.faults import MAX_DELAY, InvalidFault, OrderBook

Action = Literal[
    "status",
    "hang",
    "answer",
    "close",
    "reset",
    "stall",
    "half-open",
    "late",
    "unknown-message",
    "error-message",
    "malformed-json",
    "wrong-types",
    "duplicate",
    "no-metadata",
]
ACTIONS: tuple[Action, ...] = get_args(Action)
OF_FINALS = {"malformed-json", "wrong-types", "duplicate"}
_FIELDS = {
    "action",
    "status",
    "headers",
    "body",
    "text",
    "times",
    "after",
    "at_final",
    "code",
    "reason",
    "seconds",
}


@dataclass
class StreamFault:
    """One failure and how often it is still to happen (`None` for ever)."""

    action: Action
    status: int = 101
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    text: str | None = None
    times: int | None = 1
    after: float | None = None
    at_final: int | None = None
    code: int = 1011
    reason: str = "NET-0000"
    seconds: float | None = None

    @property
    def label(self) -> str:
        """How the journal names it."""
        return str(self.status) if self.action == "status" else self.action

    @classmethod
    def parse(cls, entry: object) -> StreamFault:
        """Read one entry of an order.

        Raises:
            InvalidFault: The entry is not one that the module's description allows.
        """
        if not isinstance(entry, dict) or not set(entry) <= _FIELDS:
            raise InvalidFault(f"an entry of `then` is an object with some of {', '.join(sorted(_FIELDS))}")
        fault = cls(**{"action": "status" if "status" in entry else None, **entry})
        if fault.action not in ACTIONS:
            raise InvalidFault(f"`action` is one of {', '.join(ACTIONS)}; or give `status`")
        fault._check_numbers()
        if not isinstance(fault.headers, dict) or not isinstance(fault.reason, str):
            raise InvalidFault("`headers` is an object and `reason` a text")
        fault.headers = {str(name): str(value) for name, value in fault.headers.items()}
        if fault.action in OF_FINALS:
            if fault.after is not None:
                raise InvalidFault(f"`{fault.action}` happens at a final result")
            fault.at_final = fault.at_final or 1
        return fault

    def _check_numbers(self) -> None:
        if self.action == "status" and (type(self.status) is not int or not 200 <= self.status <= 599):
            raise InvalidFault("`status` is a number from 200 to 599")
        if type(self.code) is not int or not 1000 <= self.code <= 4999:
            raise InvalidFault("`code` is a number from 1000 to 4999")
        for name in ("times", "at_final"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < 1):
                raise InvalidFault(f"`{name}` is a number from 1, or null")
        for name in ("after", "seconds"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int | float) or not 0 <= value <= MAX_DELAY):
                raise InvalidFault(f"`{name}` is seconds from 0 to {MAX_DELAY:.0f}, or null")


class StreamFaults(OrderBook[StreamFault]):
    """The failures of streams still to happen."""

    def __init__(self) -> None:
        super().__init__(StreamFault.parse)

    def take(self, query: list[tuple[str, str]]) -> list[StreamFault]:
        """Return the failures that a stream meets, and count them."""
        return list(self.take_each("&".join(f"{name}={value}" for name, value in query)))
