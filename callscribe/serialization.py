"""What is stored and sent: dataclasses to values of JSON and back, by their type hints, so that no field is forgotten.

What is written outlives the code that wrote it. The rules of reading: a missing field has its default, an unknown one
is ignored, and only what lacks a field without default, or holds a value of another type, is refused. msgspec does the
work; its messages can quote what they read, so none of them leaves this module.

Dataclasses have slots: of any other msgspec does not write the fields that had their defaults when it read them.
"""

import dataclasses
import math
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, Self, TypeVar

import msgspec

_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,63}")

# Of msgspec's messages only what consists of names of ours.
_MISSING: Final = re.compile(r"Object missing required field `(\w+)`", re.ASCII)
_TYPES: Final = re.compile(r"Expected `[a-z0-9| ]+`, got ")
_PATH: Final = re.compile(r" - at `\$([\w.\[\]]*)`\Z", re.ASCII)

# msgspec would write UTC as "Z". Times are stored as `isoformat` writes them, and DynamoDB compares them as texts.
_OWN_FORM: Final = (datetime, Decimal)

_T = TypeVar("_T")


class InvalidData(ValueError):
    """What was read does not fit its type; the message names the place, never the value."""


class OpenEnum(StrEnum):
    """Names of which later versions have more: one that is not known here is kept as it is, and equals no other.

    Only what looks like a name is kept, so that nothing else passes for one.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str) or not _NAME.fullmatch(value):
            return None
        unknown = str.__new__(cls, value)
        unknown._name_ = unknown._value_ = value
        return unknown


def encode(value: Any) -> Any:
    """Return a dataclass or struct as an object of texts, numbers, lists and objects; times become ISO 8601 texts.

    A struct with `array_like` becomes a list: for what there is much of.

    Raises:
        ValueError: A number is not finite, which JSON cannot write.
    """
    return _plain(msgspec.to_builtins(value, builtin_types=_OWN_FORM))


def encode_json(value: Any) -> bytes:
    """Return `encode(value)` as JSON: UTF-8, without white space, objects in the order of their fields."""
    return msgspec.json.encode(encode(value))


def shared(base: type, value: object) -> dict[str, Any]:
    """Return the fields that a dataclass has of the class it extends, to make another class of that kind."""
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(base)}


def decode(kind: type[_T], value: Any, place: str) -> _T:
    """Read what `encode` returned.

    Args:
        kind: What it is.
        value: The value.
        place: What a message calls it.

    Raises:
        InvalidData: A field without a default is missing, or a field is of another type. What a class's own check
            raises is raised as it is.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise _refusal(error, place) from None
    except UnicodeError:
        raise InvalidData(f"{place} is not Unicode text") from None


def decode_texts(kind: type[_T], values: Mapping[str, str], place: str) -> _T:
    """Read what consists of texts only, as the parameters of an address do: "50" counts as 50.

    Raises:
        InvalidData: As with `decode`.
    """
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _refusal(error, place) from None


def decode_json(kind: type[_T], text: str | bytes, place: str) -> _T:
    """Read what `encode_json` returned, or another's JSON.

    Args:
        kind: What it is.
        text: The text; bytes must be UTF-8.
        place: What a message calls it.

    Raises:
        InvalidData: It is not JSON (which has no NaN and no half of a surrogate pair), is nested too deeply, or does
            not fit, as with `decode`.
    """
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.ValidationError as error:
        raise _refusal(error, place) from None
    except (msgspec.DecodeError, UnicodeError):
        raise InvalidData(f"{place} is not JSON") from None
    except RecursionError:
        raise InvalidData(f"{place} is nested too deeply") from None


def _refusal(error: msgspec.ValidationError, place: str) -> Exception:
    # The cause is what `__post_init__` has raised.
    if isinstance(error.__cause__, ValueError):
        return error.__cause__
    message = str(error)
    path = _PATH.search(message)
    where = place if path is None else f"{place}{path[1]}"
    if missing := _MISSING.match(message):
        return InvalidData(f"{where} has no {missing[1]}")
    if message.startswith("Object contains unknown field"):
        return InvalidData(f"{where} has an unknown field")
    return InvalidData(f"{where} {'is of another type' if _TYPES.match(message) else 'has no value of its kind'}")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number is not finite")
    return value
