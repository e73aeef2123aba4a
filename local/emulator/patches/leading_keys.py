"""DynamoDB: policies may limit a role to items by their partition keys (condition key ``dynamodb:LeadingKeys``).

MiniStack does not know the key, and a condition on a key that is not there holds for every item. On AWS it has the
partition keys of all items that a request names, of an index those of the index (DynamoDB Developer Guide, "Using IAM
policy conditions for fine-grained access control").
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ministack.core import iam_actions
from ministack.services import dynamodb

LEADING_KEYS = "dynamodb:LeadingKeys"

# `name = :value`, in either order of a key condition's parts.
_EQUALS = re.compile(r"(?P<name>#?\w+)\s*=\s*(?P<value>:\w+)")
_ITEMS_OF_TRANSACTIONS = ("Get", "Put", "Update", "Delete", "ConditionCheck")


def apply() -> None:
    """Apply what this module describes."""
    service_context = iam_actions.dynamodb_service_context

    def with_leading_keys(body: bytes) -> dict[str, Any]:
        context: dict[str, Any] = service_context(body)
        try:
            request = json.loads(body or b"{}")
        except ValueError:
            return context
        keys = list(_leading_keys(request)) if isinstance(request, dict) else []
        return {**context, LEADING_KEYS: keys} if keys else context

    iam_actions.dynamodb_service_context = with_leading_keys


def _leading_keys(request: Mapping[str, Any]) -> Iterator[str]:
    for item in request.get("TransactItems", []):
        for operation in _ITEMS_OF_TRANSACTIONS:
            if operation in item:
                yield from _of_item(item[operation])
    for table, asked in (request.get("RequestItems") or {}).items():
        for write in asked if isinstance(asked, list) else []:
            yield from _of_item({"TableName": table, **next(iter(write.values()), {})})
        for key in asked.get("Keys", []) if isinstance(asked, dict) else []:
            yield from _of_item({"TableName": table, "Key": key})
    if "TableName" in request:
        yield from _of_item(request)
        yield from _of_query(request)


def _of_item(request: Mapping[str, Any]) -> Iterator[str]:
    item = request.get("Key") or request.get("Item") or {}
    value = item.get(_partition_key(request["TableName"], None))
    if value is not None:
        yield _text(value)


def _of_query(request: Mapping[str, Any]) -> Iterator[str]:
    partition_key = _partition_key(request["TableName"], request.get("IndexName"))
    names, values = request.get("ExpressionAttributeNames") or {}, request.get("ExpressionAttributeValues") or {}
    for found in _EQUALS.finditer(request.get("KeyConditionExpression") or ""):
        if names.get(found["name"], found["name"]) == partition_key and found["value"] in values:
            yield _text(values[found["value"]])


def _partition_key(table: str, index: str | None) -> str | None:
    known = dynamodb._tables.get(table.rpartition("/")[2]) or {}
    schemas = {None: known.get("KeySchema", [])} | {
        one["IndexName"]: one["KeySchema"] for one in known.get("GlobalSecondaryIndexes") or []
    }
    return next((key["AttributeName"] for key in schemas.get(index, []) if key["KeyType"] == "HASH"), None)


def _text(value: Mapping[str, Any]) -> str:
    return str(next(iter(value.values())))
