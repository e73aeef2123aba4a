"""Control messages: the text messages of a client."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

KINDS = ("KeepAlive", "Finalize", "CloseStream", "Configure")
_CONFIGURE_FIELDS = ("features", "processors", "keyterms", "language_hints")


class NotUnderstood(ValueError):
    """A text message is none of the control messages; says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Control:
    """One control message.

    Attributes:
        kind: One of `KINDS`.
        channel: ``Finalize``: the one channel meant, `None` for all.
        keyterms: ``Configure``: the terms that replace the stream's; `None` leaves them.
        features: ``Configure``: formatting to turn on or off.
    """

    kind: str
    channel: int | None = None
    keyterms: tuple[str, ...] | None = None
    features: tuple[tuple[str, bool], ...] = ()


def read_control(text: str) -> Control:
    """Read a text message (Deepgram's pages "KeepAlive", "Finalize", "Close Stream" and "Configure").

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
        raise NotUnderstood(f"unknown variant, expected one of {_list(KINDS)}")
    if kind == "Finalize":
        return Control(kind, channel=_channel(message.get("channel")))
    if kind == "Configure":
        return _configure(message)
    return Control(kind)


def _channel(value: object) -> int | None:
    if value is None or type(value) is int:
        return value
    raise NotUnderstood("channel: expected an integer")


def _configure(message: dict[str, Any]) -> Control:
    for name in message.keys() - {"type", *_CONFIGURE_FIELDS}:
        raise NotUnderstood(f"unknown field `{name}`, expected one of {_list(_CONFIGURE_FIELDS)}")
    keyterms, features = message.get("keyterms"), message.get("features") or {}
    if keyterms is not None and not (isinstance(keyterms, list) and all(isinstance(term, str) for term in keyterms)):
        raise NotUnderstood("keyterms: expected a list of texts")
    if not isinstance(features, dict) or not all(isinstance(value, bool) for value in features.values()):
        raise NotUnderstood("features: expected an object of booleans")
    return Control(
        "Configure", keyterms=None if keyterms is None else tuple(keyterms), features=tuple(features.items())
    )


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)
