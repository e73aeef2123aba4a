"""moto whose answers from DynamoDB cost no more than the rest of it.

moto writes an answer member by member and looks for each under some ten names. Of an item's value, which holds one of
the ten members that it may have, that is a hundred look-ups, and took a fifth of the time of tests that read items. A
value is written as it is instead.

moto copies an item whole for each attribute that a projection names, and in it each value as often as it is deep. Each
is copied once, and of the item what the projection names.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final
from unittest.mock import patch

from botocore.utils import merge_dicts
from moto import mock_aws
from moto.core.config import DefaultConfig
from moto.core.serialize import ResponseSerializer
from moto.dynamodb.models.dynamo_type import DynamoType, Item, deserializer, serializer
from moto.dynamodb.models.utilities import find_nested_key

_VALUE: Final = "AttributeValue"


@contextmanager
def lean_aws(config: DefaultConfig | None = None) -> Iterator[None]:
    """As `moto.mock_aws`."""
    usual = ResponseSerializer._serialize

    def serialize(self: ResponseSerializer, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if shape.name == _VALUE:
            self._default_serialize(serialized, _written(value), shape, key)
        else:
            usual(self, serialized, value, shape, key)

    with ExitStack() as stack:
        stack.enter_context(patch.object(ResponseSerializer, "_serialize", serialize))
        stack.enter_context(patch.object(DynamoType, "to_regular_json", _copied))
        stack.enter_context(patch.object(Item, "project", _projected))
        stack.enter_context(mock_aws(config=config))
        yield


def _copied(value: DynamoType) -> dict[str, Any]:
    content = value.value
    if isinstance(content, dict):
        content = {name: _copied(part) for name, part in content.items()}
    elif isinstance(content, list):
        content = [_copied(part) if isinstance(part, DynamoType) else part for part in content]
    elif value.is_binary() and isinstance(content, str):
        content = base64.b64decode(content)
    return {value.type: content}


def _projected(item: Item, expressions: list[list[str]]) -> Item:
    result: dict[str, Any] = {}
    plain: Any = deserializer.deserialize
    for path in expressions:
        named = {
            name: plain(_copied(value))
            for name, value in item.attrs.items()
            if path[0].startswith(name)  # or more follows, as in `alternatives[0]`
        }
        merge_dicts(result, find_nested_key(path, named))
    attributes: Any = serializer.serialize(result)
    return Item(item.hash_key, item.range_key, attributes["M"])


def _written(value: Any) -> Any:
    if isinstance(value, DynamoType):
        return {value.type: _written(value.value)}
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {name: _written(part) for name, part in value.items()}
    return [_written(part) for part in value] if isinstance(value, list) else value
