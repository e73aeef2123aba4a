"""Many items of the table at once, with some of their attributes."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any, Final

from lambdas.common.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from mypy_boto3_dynamodb.service_resource import Table

MOST_AT_ONCE: Final = 100
"""Most items that DynamoDB reads at once (API Reference, "BatchGetItem")."""

_MOST_ROUNDS: Final = 5
_BASE_DELAY_SECONDS: Final = 0.05


def items_by_key(
    table: Table, keys: Sequence[tuple[str, str]], attributes: Collection[str], *, consistent: bool = False
) -> dict[tuple[str, str], dict[str, Any]]:
    """Return items by their PK and SK, without those that are not there.

    Args:
        table: The table.
        keys: PK and SK of each.
        attributes: What of them is wanted, beside the keys.
        consistent: Whether what was written a moment ago must be seen.

    Raises:
        TransientError: DynamoDB throttles.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for first in range(0, len(keys), MOST_AT_ONCE):
        found |= _batch(table, keys[first : first + MOST_AT_ONCE], attributes, consistent=consistent)
    return found


def _batch(
    table: Table, keys: Sequence[tuple[str, str]], attributes: Collection[str], *, consistent: bool
) -> dict[tuple[str, str], dict[str, Any]]:
    names = {f"#{number}": name for number, name in enumerate(sorted({"PK", "SK", *attributes}))}
    request: Any = {
        "Keys": [{"PK": partition, "SK": sort_key} for partition, sort_key in keys],
        "ProjectionExpression": ", ".join(names),
        "ExpressionAttributeNames": names,
        "ConsistentRead": consistent,
    }
    found: dict[tuple[str, str], dict[str, Any]] = {}
    futile = 0
    while True:
        answer = table.meta.client.batch_get_item(RequestItems={table.name: request})
        read = answer["Responses"].get(table.name, [])
        found |= {(str(item["PK"]), str(item["SK"])): item for item in read}
        unread = answer["UnprocessedKeys"].get(table.name)
        if unread is None:
            return found
        # What is too large for one answer comes with the next one; only where nothing came is there nothing to be had.
        futile = 0 if read else futile + 1
        if futile == _MOST_ROUNDS:
            raise TransientError("Table.Throttled", "the table answers too slowly")
        time.sleep(random.uniform(0, _BASE_DELAY_SECONDS * 2**futile))  # noqa: S311
        request = unread
