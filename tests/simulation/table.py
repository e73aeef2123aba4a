"""DynamoDB in process: items as the API has them, and the emulator's own reader of expressions.

Both halves of the product work on it: the streamer through an asynchronous client, functions through `Resource`.
Sources of what it refuses: Amazon DynamoDB API reference, "UpdateItem", "TransactWriteItems" and "Query".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Final

from boto3.dynamodb.conditions import ConditionBase, ConditionExpressionBuilder
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError
from ministack.services import dynamodb as expressions

Item = dict[str, Any]

# The reader cuts an expression anew each time. There are some dozens of them, whose texts are all that counts.
_tokens: Final = cache(expressions._tokenize)
expressions._tokenize = lambda text: list(_tokens(text))
expressions._condition_syntax_error = cache(expressions._condition_syntax_error)

_TOKEN_SECONDS: Final = 600.0
"""How long a transaction's token is known."""

_PAGE: Final = 40
"""Items in a page of a query: far fewer than DynamoDB's megabyte, so that pages are turned."""

_PARTITION: Final = re.compile(r"([#\w]+)\s*=\s*(:\w+)")


def refused(code: str, operation: str, *, status: int = 400, **more: Any) -> ClientError:
    """Return the error by which AWS refuses a request."""
    response: Any = {
        "Error": {"Code": code, "Message": code},
        "ResponseMetadata": {"HTTPStatusCode": status},
        **more,
    }
    return ClientError(response, operation)


class _Whole(dict[str, Any]):
    """An item of which only whole attributes change, so that a copy may share them."""

    def __deepcopy__(self, _: Any) -> _Whole:
        return _Whole(self)


class Table:
    """One table with the keys `PK` and `SK`, and indexes by `GSI1PK` and so on. Every operation is atomic.

    Args:
        clock: Returns seconds, for the tokens of transactions.
    """

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._items: dict[str, dict[str, Item]] = {}
        self._tokens: dict[str, tuple[float, Any]] = {}

    def __iter__(self) -> Iterator[Item]:
        for partition in self._items.values():
            yield from partition.values()

    def dump(self) -> list[str]:
        """Tell all items, the same way each time: sets have no order."""

        def ordered(values: dict[str, Any]) -> dict[str, Any]:
            return {name: sorted(value) if name in ("NS", "SS") else value for name, value in values.items()}

        items = (json.loads(json.dumps(item), object_hook=ordered) for item in self)
        return sorted(json.dumps(item, sort_keys=True) for item in items)

    def get_item(self, *, Key: Item, **_: Any) -> dict[str, Any]:
        """Return an item; reads are consistent."""
        item = self._find(Key)
        return {} if item is None else {"Item": dict(item)}

    def put_item(self, *, Item: Item, **options: Any) -> dict[str, Any]:
        """Store an item."""
        self._require(options, self._find(Item), "PutItem")
        self._store(Item)
        return {}

    def update_item(self, *, Key: Item, ReturnValues: str = "NONE", **options: Any) -> dict[str, Any]:
        """Change an item, or make it."""
        item = self._find(Key)
        self._require(options, item, "UpdateItem")
        changed = self._changed(item, Key, options)
        self._store(changed)
        return {"Attributes": dict(changed)} if ReturnValues == "ALL_NEW" else {}

    def delete_item(self, *, Key: Item, **options: Any) -> dict[str, Any]:
        """Remove an item."""
        self._require(options, self._find(Key), "DeleteItem")
        self._items.get(Key["PK"]["S"], {}).pop(Key["SK"]["S"], None)
        return {}

    def query(
        self,
        *,
        KeyConditionExpression: str,
        IndexName: str = "",
        ExclusiveStartKey: Item | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """Return a page of a partition, in order."""
        names, values = _names(options), _values(options)
        partition = _PARTITION.search(KeyConditionExpression)
        assert partition is not None, KeyConditionExpression
        name, value = names.get(partition[1], partition[1]), values[partition[2]]["S"]
        candidates = self._items.get(value, {}).values() if not IndexName else list(self)
        sort = "SK" if not IndexName else f"{IndexName}SK"
        found = [
            item
            for item in candidates
            if item.get(name, {}).get("S") == value and _holds(KeyConditionExpression, item, options)
        ]
        found.sort(key=lambda item: (item.get(sort, {}).get("S", ""), item["PK"]["S"], item["SK"]["S"]))
        if ExclusiveStartKey is not None:
            keys = [(item["PK"], item["SK"]) for item in found]
            found = found[keys.index((ExclusiveStartKey["PK"], ExclusiveStartKey["SK"])) + 1 :]
        page = found[: min(_PAGE, options.get("Limit", _PAGE))]
        answer: dict[str, Any] = {"Items": [dict(item) for item in page], "Count": len(page)}
        if len(page) < len(found):
            answer["LastEvaluatedKey"] = {key: page[-1][key] for key in ("PK", "SK")}
        return answer

    def is_repeated(self, token: str) -> bool:
        """Whether a transaction has been written already: the same one again is answered alike, and writes nothing."""
        return bool(token) and token in self._tokens and self._clock() - self._tokens[token][0] < _TOKEN_SECONDS

    def transact_write_items(
        self,
        *,
        TransactItems: list[dict[str, Any]],
        ClientRequestToken: str = "",
        **_: Any,
    ) -> dict[str, Any]:
        """Write all of it or nothing; the same request repeated is the same transaction."""
        assert len(TransactItems) <= 100
        if self.is_repeated(ClientRequestToken):
            if self._tokens[ClientRequestToken][1] != TransactItems:
                raise refused("IdempotentParameterMismatchException", "TransactWriteItems")
            return {}
        writes = [next(iter(item.items())) for item in TransactItems]
        keys = [(key["PK"]["S"], key["SK"]["S"]) for key in (_key(write) for _, write in writes)]
        if len(set(keys)) < len(keys):
            raise refused("ValidationException", "TransactWriteItems")
        hold = [_holds(write.get("ConditionExpression"), self._find(_key(write)), write) for _, write in writes]
        if not all(hold):
            reasons = [{"Code": "None" if held else _FAILED} for held in hold]
            raise refused("TransactionCanceledException", "TransactWriteItems", CancellationReasons=reasons)
        for kind, write in writes:
            self._write(kind, write)
        self._tokens[ClientRequestToken] = (self._clock(), TransactItems)
        return {}

    def _write(self, kind: str, write: Mapping[str, Any]) -> None:
        key = _key(write)
        if kind == "Put":
            self._store(write["Item"])
        elif kind == "Update":
            self._store(self._changed(self._find(key), key, write))
        elif kind == "Delete":
            self._items.get(key["PK"]["S"], {}).pop(key["SK"]["S"], None)
        else:
            assert kind == "ConditionCheck", kind

    def _find(self, key: Item) -> Item | None:
        return self._items.get(key["PK"]["S"], {}).get(key["SK"]["S"])

    def _store(self, item: Item) -> None:
        self._items.setdefault(item["PK"]["S"], {})[item["SK"]["S"]] = item

    def _require(self, options: Mapping[str, Any], item: Item | None, operation: str) -> None:
        if not _holds(options.get("ConditionExpression"), item, options):
            raise refused(_FAILED + "Exception", operation)

    @staticmethod
    def _changed(item: Item | None, key: Item, options: Mapping[str, Any]) -> Item:
        changed: Item
        before, expression = dict(key) if item is None else item, options["UpdateExpression"]
        changed, _ = expressions._apply_update_expression(
            before if "." in expression else _Whole(before), expression, _values(options), _names(options)
        )
        return changed


_FAILED: Final = "ConditionalCheckFailed"


def _key(write: Mapping[str, Any]) -> Item:
    key: Item = write.get("Item") or write["Key"]
    return key


def _names(options: Mapping[str, Any]) -> dict[str, str]:
    names: dict[str, str] = options.get("ExpressionAttributeNames") or {}
    return names


def _values(options: Mapping[str, Any]) -> Item:
    values: Item = options.get("ExpressionAttributeValues") or {}
    return values


def _holds(condition: str | None, item: Item | None, options: Mapping[str, Any]) -> bool:
    return not condition or bool(
        expressions._evaluate_condition(condition, item or {}, _values(options), _names(options))
    )


_serialize: Final = TypeSerializer().serialize
_deserialize: Final = TypeDeserializer().deserialize


class Resource:
    """The table as boto3's resource gives it to functions: plain values in, plain values out.

    Args:
        table: The table.
        before: Called with each operation's name before it; may raise what AWS would.
    """

    def __init__(self, table: Table, *, before: Callable[[str], None] = lambda _: None) -> None:
        self._table = table
        self._before = before

    def __getattr__(self, operation: str) -> Callable[..., dict[str, Any]]:
        def call(**request: Any) -> dict[str, Any]:
            self._before(operation)
            answer: dict[str, Any] = getattr(self._table, operation)(**_typed(request))
            return {name: _plain(name, value) for name, value in answer.items()}

        return call


def _typed(request: Mapping[str, Any]) -> dict[str, Any]:
    typed = dict(request)
    for name in ("Key", "Item", "ExpressionAttributeValues", "ExclusiveStartKey"):
        if name in typed:
            typed[name] = {key: _serialize(value) for key, value in typed[name].items()}
    for name in ("KeyConditionExpression", "ConditionExpression"):
        if isinstance(typed.get(name), ConditionBase):
            built = ConditionExpressionBuilder().build_expression(typed[name], is_key_condition=name.startswith("Key"))
            typed[name] = built.condition_expression
            typed["ExpressionAttributeNames"] = {
                **typed.get("ExpressionAttributeNames", {}),
                **built.attribute_name_placeholders,
            }
            typed["ExpressionAttributeValues"] = {
                **typed.get("ExpressionAttributeValues", {}),
                **{key: _serialize(value) for key, value in built.attribute_value_placeholders.items()},
            }
    return typed


def _plain(name: str, value: Any) -> Any:
    if name in ("Item", "Attributes", "LastEvaluatedKey"):
        return {key: _deserialize(part) for key, part in value.items()}
    if name == "Items":
        return [{key: _deserialize(part) for key, part in item.items()} for item in value]
    return value
