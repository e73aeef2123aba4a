"""Control messages: the text messages of a client."""

from __future__ import annotations

import json
from dataclasses import dataclass

KINDS = ("KeepAlive", "Finalize", "CloseStream")


class NotUnderstood(ValueError):
    """A text message is none of the control messages; says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Control:
    """One control message.

    Attributes:
        kind: One of `KINDS`.
        channel: ``Finalize``: the one channel meant, `None` for all.
    """

    kind: str
    channel: int | None = None


def read_control(text: str) -> Control:
    """Read a text message (Deepgram's pages "KeepAlive", "Finalize" and "Close Stream").

    ``Configure``, by which a client of Deepgram changes a stream that is open, is not among them.

    Raises:
        NotUnderstood: It is none of them.
    """
    try:
        message = json.loads(text)
    except ValueError:
        raise NotUnderstood("expected value") from None
    if not isinstance(message, dict):
        raise NotUnderstood("invalid type, expected an object")
    kind = message.get("type")
    if kind is None:
        raise NotUnderstood("missing field `type`")
    if kind not in KINDS:
        raise NotUnderstood(f"unknown variant, expected one of {', '.join(f'`{known}`' for known in KINDS)}")
    if kind == "Finalize":
        return Control(kind, channel=_channel(message.get("channel")))
    return Control(kind)


def _channel(value: object) -> int | None:
    if value is None or type(value) is int:
        return value
    raise NotUnderstood("channel: expected an integer")
