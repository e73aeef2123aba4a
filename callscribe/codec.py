"""Dataclasses to JSON-ready objects and back, by their type hints, so that no field can be forgotten.

What is written outlives the code that wrote it. The rules of reading: a missing field has its default, an unknown one
is passed over, and only what lacks a field without default, or holds a value of another type, is refused.
"""

import re
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum, StrEnum
from functools import cache
from typing import Any, Final, Self, TypeVar, Union, get_args, get_origin, get_type_hints

from callscribe.contract.schema import SCHEMA_VERSION as SCHEMA_VERSION

_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,63}")

_T = TypeVar("_T")


class Undecodable(ValueError):
    """A value does not fit the type; the message names the place, never the value."""


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
    """Write a dataclass as an object of texts, numbers, lists and objects; times become ISO 8601 texts.

    A named tuple becomes a list: for what there is much of.
    """
    if is_dataclass(value):
        return {name: encode(getattr(value, name)) for name in field_names(type(value))}
    if isinstance(value, tuple):
        return [encode(part) for part in value]
    if isinstance(value, Mapping):
        return {name: encode(part) for name, part in value.items()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return value


def decode(kind: type[_T], value: Any, place: str) -> _T:
    """Read what `encode` wrote.

    Unknown fields are passed over, so that a newer writer does not stop an older reader. A missing field has its
    default, so that a newer reader still reads what was written before the field came.

    Raises:
        Undecodable: a field without a default is missing, or a field is of another type.
    """
    decoded: _T = _decode(kind, value, place)
    return decoded


def field_names(kind: type) -> tuple[str, ...]:
    """Names of a dataclass's fields, in order."""
    return tuple(field.name for field in fields(kind))


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    hints = get_type_hints(kind)
    return {name: hints[name] for name in field_names(kind)}


@cache
def _row_hints(kind: Any) -> tuple[tuple[str, Any], ...]:
    hints = get_type_hints(kind)
    return tuple((name, hints[name]) for name in kind._fields)


@cache
def _required(kind: type) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING)


def _decode(kind: Any, value: Any, place: str) -> Any:
    if is_dataclass(kind):
        return _decode_dataclass(kind, value, place)
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        (other,) = (part for part in get_args(kind) if part is not types.NoneType)
        return None if value is None else _decode(other, value, place)
    if origin is tuple:
        return _decode_tuple(get_args(kind), value, place)
    if origin is Mapping:
        return _decode_mapping(get_args(kind)[1], value, place)
    if isinstance(kind, type) and issubclass(kind, tuple):
        return _decode_row(kind, value, place)
    return value if kind is Any else _decode_plain(kind, value, place)


def _decode_tuple(kinds: tuple[Any, ...], value: Any, place: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise Undecodable(f"{place} is not a list")
    if kinds[-1] is ...:
        kinds = (kinds[0],) * len(value)
    if len(value) != len(kinds):
        raise Undecodable(f"{place} has not {len(kinds)} parts")
    return tuple(
        _decode(kind, part, f"{place}[{index}]") for index, (kind, part) in enumerate(zip(kinds, value, strict=True))
    )


def _decode_row(kind: Any, value: Any, place: str) -> Any:
    """Read a named tuple from a list; as with fields, later versions may have added parts at its end."""
    if not isinstance(value, list):
        raise Undecodable(f"{place} is not a list")
    hints = _row_hints(kind)
    if len(value) < len(hints) - len(kind._field_defaults):
        raise Undecodable(f"{place} has too few parts")
    return kind(*(_decode(hint, part, f"{place}[{name}]") for (name, hint), part in zip(hints, value, strict=False)))


def _decode_mapping(kind: Any, value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Undecodable(f"{place} is not an object")
    return {name: _decode(kind, part, f"{place}.{name}") for name, part in value.items()}


def _decode_dataclass(kind: Any, value: Any, place: str) -> Any:
    if not isinstance(value, dict):
        raise Undecodable(f"{place} is not an object")
    missing = [name for name in _required(kind) if name not in value]
    if missing:
        raise Undecodable(f"{place} has no {missing[0]}")
    hints = _hints(kind)
    return kind(**{name: _decode(hints[name], value[name], f"{place}.{name}") for name in hints if name in value})


def _decode_plain(kind: Any, value: Any, place: str) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    try:
        if kind is float and number:
            return float(value)
        # Numbers that went through a table or a state machine may have come to be written as fractions.
        if kind is int and number and value == int(value):
            return int(value)
        if kind is Decimal and number:
            return Decimal(repr(value))
        if kind is datetime and isinstance(value, str):
            return datetime.fromisoformat(value)
        if issubclass(kind, Enum) and isinstance(value, str):
            return kind(value)
    except (OverflowError, ValueError):
        raise Undecodable(f"{place} has no value of its kind") from None
    if type(value) is not kind:
        raise Undecodable(f"{place} is of another type")
    return value
