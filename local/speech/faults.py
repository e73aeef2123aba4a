"""Failures to order: the server can be told to fail in each way Deepgram fails.

``POST /_local/faults`` takes one order as JSON::

    {"match": "call-17.wav", "then": [{"status": 429, "headers": {"Retry-After": "1"}, "times": 2},
                                      {"action": "reset"}]}

`match` is part of the path of the audio's URL, or of the SHA-256 of a submitted body; an empty string matches every
request. Each matching request uses up one entry of `then` (or one of its `times`; `null` means for ever), in order;
after that requests are answered as usual. An entry has:

- ``status`` with optional ``headers``, ``body`` (JSON) or ``text`` (sent as it is). Without either the body is the
  one that Deepgram documents for the status.
- or ``action``: ``answer`` (the real answer, useful with `delay`), ``reset`` (connection reset before any header),
  ``reset-mid-body``, ``hang`` (no answer until the client leaves), ``empty-object``, ``malformed-json``,
  ``error-json`` (an error with status 200), ``accepted`` (a request id only), ``no-speech`` (a reply without words).
- and in any case ``parallel``: first wait until so many requests are in progress at once, this one included, though
  no longer than a minute; and ``delay``, seconds to wait then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, Protocol, TypeVar, get_args

Action = Literal[
    "status",
    "answer",
    "reset",
    "reset-mid-body",
    "hang",
    "empty-object",
    "malformed-json",
    "error-json",
    "accepted",
    "no-speech",
]
ACTIONS: tuple[Action, ...] = get_args(Action)
MAX_DELAY = 3600.0
MAX_PARALLEL_SECONDS = 60.0
_FIELDS = {"action", "status", "headers", "body", "text", "parallel", "delay", "times"}


class InvalidFault(ValueError):
    """An order that cannot be carried out; the message says why."""


@dataclass
class Fault:
    """One failure and how often it is still to happen (`None` for ever)."""

    action: Action
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    text: str | None = None
    parallel: int = 1
    delay: float = 0.0
    times: int | None = 1

    @property
    def label(self) -> str:
        """How the journal names it."""
        return str(self.status) if self.action == "status" else self.action

    @property
    def answers(self) -> bool:
        """Whether the client gets a whole answer."""
        return self.action not in {"reset", "reset-mid-body", "hang"}

    @classmethod
    def parse(cls, entry: object) -> Fault:
        """Read one entry of an order.

        Raises:
            InvalidFault: The entry is not one that the module's description allows.
        """
        if not isinstance(entry, dict) or not set(entry) <= _FIELDS:
            raise InvalidFault(f"an entry of `then` is an object with some of {', '.join(sorted(_FIELDS))}")
        action = entry.get("action", "status" if "status" in entry else None)
        status = entry.get("status", 200)
        parallel = entry.get("parallel", 1)
        delay = entry.get("delay", 0)
        times = entry.get("times", 1)
        if action not in ACTIONS:
            raise InvalidFault(f"`action` is one of {', '.join(ACTIONS)}; or give `status`")
        if not isinstance(status, int) or not 200 <= status <= 599:
            raise InvalidFault("`status` is a number from 200 to 599")
        if not isinstance(parallel, int) or parallel < 1:
            raise InvalidFault("`parallel` is a number from 1")
        if not isinstance(delay, int | float) or not 0 <= delay <= MAX_DELAY:
            raise InvalidFault(f"`delay` is seconds from 0 to {MAX_DELAY:.0f}")
        if times is not None and (not isinstance(times, int) or times < 1):
            raise InvalidFault("`times` is a number from 1, or null")
        headers = entry.get("headers", {})
        if not isinstance(headers, dict):
            raise InvalidFault("`headers` is an object")
        headers = {str(name): str(value) for name, value in headers.items()}
        body, text = entry.get("body"), entry.get("text")
        return cls(action, status, headers, body, text, parallel, float(delay), times)


class _Countable(Protocol):
    times: int | None


F = TypeVar("F", bound=_Countable)


@dataclass
class _Order(Generic[F]):
    match: str
    then: list[F]


class OrderBook(Generic[F]):
    """The failures still to happen.

    Args:
        parse: Reads one entry of `then`; raises `InvalidFault`.
    """

    def __init__(self, parse: Callable[[object], F]) -> None:
        self._parse = parse
        self._orders: list[_Order[F]] = []

    def add(self, order: object) -> None:
        """Take one order.

        Raises:
            InvalidFault: It is malformed.
        """
        if not isinstance(order, dict) or set(order) != {"match", "then"} or not isinstance(order["match"], str):
            raise InvalidFault("an order is an object with `match`, a string, and `then`, a list")
        if not isinstance(order["then"], list) or not order["then"]:
            raise InvalidFault("`then` is a list with at least one entry")
        self._orders.append(_Order(order["match"], [self._parse(entry) for entry in order["then"]]))

    def take_each(self, *names: str) -> Iterator[F]:
        """Yield the failure of each order that matches one of the names, and count it."""
        for order in [order for order in self._orders if any(order.match in name for name in names)]:
            fault = order.then[0]
            if fault.times is not None:
                fault.times -= 1
                if fault.times == 0:
                    order.then.pop(0)
            if not order.then:
                self._orders.remove(order)
            yield fault

    def reset(self) -> None:
        """Forget every order."""
        self._orders.clear()


class Faults(OrderBook[Fault]):
    """The failures of requests still to happen."""

    def __init__(self) -> None:
        super().__init__(Fault.parse)

    def take(self, audio: str, sha256: str | None) -> Fault | None:
        """Return the failure for a request, and count it; `None` when none is ordered."""
        return next(self.take_each(audio, sha256 or ""), None)
