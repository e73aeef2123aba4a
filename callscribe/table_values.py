"""Values of the transcript table: JSON-ready ones as DynamoDB's types, and back."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any


def attribute(value: Any) -> Any:
    """Turn a JSON-ready value into DynamoDB's types: Decimal of at most six decimals, and no NULL inside maps."""
    if isinstance(value, dict):
        return {name: attribute(part) for name, part in value.items() if part is not None}
    if isinstance(value, list):
        return [attribute(part) for part in value]
    if isinstance(value, float):
        return Decimal(repr(round(value, 6)))
    # bool is an int in Python, not in DynamoDB.
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    return value


def plain(value: Any) -> Any:
    """Turn what boto3's table resource returns, or a state machine sends, into the types of JSON.

    A table's numbers are Decimal, and a state machine may write 3 as 3.0: what is whole becomes int.
    """
    if isinstance(value, Mapping):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [plain(part) for part in value]
    return value
