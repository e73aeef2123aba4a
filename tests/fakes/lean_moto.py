"""moto whose answers from DynamoDB cost no more than the rest of it.

moto writes an answer member by member and looks for each under some ten names. Of an item's value, which holds one of
the ten members that it may have, that is a hundred look-ups, and took a fifth of the time of tests that read items. A
value is written as it is instead; anything in it that is no JSON fails in `json.dumps`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from unittest.mock import patch

from moto import mock_aws
from moto.core.config import DefaultConfig
from moto.core.serialize import ResponseSerializer
from moto.dynamodb.models.dynamo_type import DynamoType

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

    with patch.object(ResponseSerializer, "_serialize", serialize), mock_aws(config=config):
        yield


def _written(value: Any) -> Any:
    if isinstance(value, DynamoType):
        return {value.type: _written(value.value)}
    if isinstance(value, dict):
        return {name: _written(part) for name, part in value.items()}
    return [_written(part) for part in value] if isinstance(value, list) else value
