"""DynamoDB's typed values, to and from plain ones (DynamoDB API reference, "AttributeValue")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def to_attributes(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values as DynamoDB takes them."""
    return {name: _to_attribute(value) for name, value in values.items()}


def from_attributes(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plain values of an item; numbers become `int` where they are whole."""
    return {name: _from_attribute(attribute) for name, attribute in item.items()}


def _to_attribute(value: Any) -> dict[str, Any]:
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int | float):
        return {"N": repr(value)}
    if isinstance(value, str):
        return {"S": str(value)}
    if isinstance(value, Mapping):
        return {"M": to_attributes(value)}
    if isinstance(value, frozenset):
        return {"NS": [repr(number) for number in sorted(value)]}
    return {"L": [_to_attribute(part) for part in value]}


def _from_attribute(attribute: Mapping[str, Any]) -> Any:
    ((kind, value),) = attribute.items()
    match kind:
        case "N":
            return _number(value)
        case "NS":
            return frozenset(map(_number, value))
        case "M":
            return from_attributes(value)
        case "L":
            return [_from_attribute(part) for part in value]
        case "NULL":
            return None
        case _:
            return value


def _number(text: str) -> int | float:
    return int(text) if text.lstrip("-").isdecimal() else float(text)
