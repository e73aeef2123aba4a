"""Failures to order, for the bodies of GetMedia.

``POST /_local/faults`` takes one order as JSON::

    {"match": "front-desk", "then": [{"action": "end", "after": 3, "times": 2},
                                     {"action": "refuse", "code": "ConnectionLimitExceededException"}]}

`match` is part of the stream's name; an empty string matches every stream. Each GetMedia request on a matching stream
uses up one entry of `then` (or one of its `times`; `null` means for ever), in order; after that they are answered as
usual. `action` is one of:

- ``refuse``: an error instead of a body, with this ``code``; one of ``InternalFailure`` or ``ServiceUnavailable`` has
  a status of 5xx, and any other is taken for the client's fault.
- ``end``: the body ends, as if nothing had happened.
- ``break``: the connection is cut inside the body.
- ``error``: an error document with this ``code`` and ``id``, after which the body ends.
- ``stall``: nothing is sent for so many ``seconds``; the body goes on afterwards.
- ``resend``: the body begins so many ``fragments`` earlier than was asked for, where there are as many.

All but ``refuse`` and ``resend`` happen after so many fragments of the body (``after``, none by default) and so many
bytes of the next one (``bytes``, none by default).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from types import UnionType
from typing import Literal, get_args

from local.speech.faults import InvalidFault

Action = Literal["refuse", "end", "break", "error", "stall", "resend"]
ACTIONS: tuple[Action, ...] = get_args(Action)
_KINDS: dict[str, type | UnionType] = {"action": str, "code": str, "id": str, "seconds": int | float}


@dataclass
class Fault:
    """One failure and how often it is still to happen (`None` for ever); see the module's description."""

    action: Action
    code: str = "InternalFailure"
    id: str = "5000"
    after: int = 0
    bytes: int = 0
    seconds: float = 0.0
    fragments: int = 0
    times: int | None = 1

    @classmethod
    def parse(cls, entry: object) -> Fault:
        """Read one entry of an order.

        Raises:
            InvalidFault: The entry is not one that the module's description allows.
        """
        if not isinstance(entry, dict) or not set(entry) <= {field.name for field in fields(cls)}:
            raise InvalidFault(f"an entry of `then` has some of {', '.join(field.name for field in fields(cls))}")
        if entry.get("action") not in ACTIONS:
            raise InvalidFault(f"`action` is one of {', '.join(ACTIONS)}")
        for name, value in entry.items():
            if not isinstance(value, _KINDS.get(name, int)) and not (name == "times" and value is None):
                raise InvalidFault(f"`{name}` cannot be that")
        return cls(**entry)
