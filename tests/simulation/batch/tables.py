"""The table of the deployment as DynamoDB's API has it, with what only the batch half and its operators ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from tests.simulation.table import Table, _holds

_CALLS: Final[Mapping[str, Callable[..., dict[str, Any]]]] = {
    "GetItem": Table.get_item,
    "PutItem": Table.put_item,
    "UpdateItem": Table.update_item,
    "DeleteItem": Table.delete_item,
    "Query": Table.query,
    "TransactWriteItems": Table.transact_write_items,
}


class Tables:
    """The tables of one account, each with the keys `PK` and `SK`.

    Args:
        clock: Returns the time in seconds since the epoch.
    """

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._tables: dict[str, Table] = {}

    def create(self, name: str) -> Table:
        """Create a table."""
        self._tables[name] = Table(clock=self._clock)
        return self._tables[name]

    def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a request.

        Raises:
            ClientError: DynamoDB refuses it.
        """
        of_transaction = operation == "TransactWriteItems"
        name = next(iter(request["TransactItems"][0].values()))["TableName"] if of_transaction else request["TableName"]
        table = self._tables[name]
        answer = _scan(table, request) if operation == "Scan" else _CALLS[operation](table, **request)
        projection = request.get("ProjectionExpression")
        if projection is None:
            return answer
        names = request.get("ExpressionAttributeNames", {})
        wanted = [names.get(part.strip(), part.strip()) for part in projection.split(",")]
        if "Item" in answer:
            return answer | {"Item": _projected(answer["Item"], wanted)}
        return (
            answer | {"Items": [_projected(item, wanted) for item in answer["Items"]]} if "Items" in answer else answer
        )


def _scan(table: Table, request: Mapping[str, Any]) -> dict[str, Any]:
    found = [dict(item) for item in table if _holds(request.get("FilterExpression"), item, request)]
    return {"Items": found, "Count": len(found)}


def _projected(item: Mapping[str, Any], wanted: list[str]) -> dict[str, Any]:
    return {name: item[name] for name in wanted if name in item}
