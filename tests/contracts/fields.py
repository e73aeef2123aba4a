"""Dataclasses in which every field says something: no default, and no value twice. Made from the types, so that a field
that is added is covered by itself."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from itertools import count
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from callscribe.recordings.calls import CallRecording

# What modules import for the type checker alone.
_NAMES = {"CallRecording": CallRecording}

T = TypeVar("T")


def filled(kind: type[T], **given: Any) -> T:
    """Make an instance in which no field has its default and no value stands twice, but for flags and names.

    Args:
        kind: The dataclass.
        **given: Fields that take certain values only.
    """
    made: T = _Filler().dataclass(kind, given)
    return made


def other_value(kind: type, name: str) -> Any:
    """A value of one field that is not its default."""
    default = getattr(kind(), name)
    return _Filler().value(get_type_hints(kind)[name], default)


def leaves(value: Any) -> Iterator[Any]:
    """The texts and numbers in a value of JSON or of a table; numbers as float."""
    if isinstance(value, Mapping):
        for part in value.values():
            yield from leaves(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from leaves(part)
    elif isinstance(value, str):
        yield value
    elif isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        yield float(value)


def classes(kind: Any) -> Iterator[type]:
    """The classes in a type, however deep."""
    if is_dataclass(kind):
        for hint in get_type_hints(kind, localns=_NAMES).values():
            yield from classes(hint)
    if isinstance(kind, type):
        yield kind
    for part in get_args(kind):
        yield from classes(part)


def _default(field: Field[Any]) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return field.default


class _Filler:
    def __init__(self) -> None:
        # From a thousand on, so that no count or length of something else passes for a value.
        self._numbers = count(1001)

    def dataclass(self, kind: Any, given: Mapping[str, Any]) -> Any:
        hints = get_type_hints(kind, localns=_NAMES)
        values = dict(given)
        for field in fields(kind):
            default = _default(field)
            if field.name not in values:
                values[field.name] = self.value(hints[field.name], default)
            if values[field.name] == default:
                raise AssertionError(f"{kind.__name__}.{field.name} has its default: give it another value")
        return kind(**values)

    def value(self, kind: Any, default: Any = MISSING) -> Any:
        origin, parts = get_origin(kind), get_args(kind)
        if origin is Literal:
            return next(part for part in parts if part != default)
        if origin in (Union, types.UnionType):
            return self.value(next(part for part in parts if part is not types.NoneType), default)
        if origin is tuple:
            return tuple(self.value(part) for part in (parts[:1] if parts[-1] is ... else parts))
        if origin is Mapping:
            return {self._text(): self.value(parts[1])}
        if is_dataclass(kind):
            return self.dataclass(kind, {})
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            hints = get_type_hints(kind)
            return kind(*(self.value(hint) for hint in hints.values()))
        if isinstance(kind, type) and issubclass(kind, Enum):
            return next(member for member in reversed(kind) if member is not default)
        return self._plain(kind, default)

    def _plain(self, kind: Any, default: Any) -> Any:
        if kind is bool:
            return default is not True
        if kind is str:
            return self._text()
        number = next(self._numbers)
        if kind is int:
            return number
        if kind is float:
            return number + 0.5
        if kind is Decimal:
            return Decimal(number) + Decimal("0.25")
        if kind is datetime:
            return datetime(2026, 3, 2, tzinfo=UTC) + timedelta(seconds=number)
        if kind is Any:
            return ["a record", number, True]
        raise AssertionError(f"there is no example of {kind}: teach {__name__} one")

    def _text(self) -> str:
        return f"text{next(self._numbers)}"
