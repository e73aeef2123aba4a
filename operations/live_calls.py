"""Live calls in a deployed table, for reading."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key

from callscribe.contract.table_keys import (
    CALL_INDEX,
    call_partition,
    live_call_key,
    live_calls_partition,
    utterance_key,
    utterance_range,
)
from callscribe.live.call import LiveStatus

from .call_store import items_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

_RUNNING = (LiveStatus.ANNOUNCED, LiveStatus.STREAMING, LiveStatus.RELEASED)
_BEHIND_EVERY_NUMBER = "~"


class LiveCallStore:
    """Reads the live calls of one environment.

    Args:
        table: The table of transcripts.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def call(self, call_id: str) -> dict[str, Any] | None:
        """The state of a call, if it was ever announced."""
        answer = self._table.get_item(Key=live_call_key(call_id).primary(), ConsistentRead=True)
        return answer.get("Item")

    def running(self, clinic_id: str) -> Iterator[dict[str, Any]]:
        """The states of a clinic's calls that have not ended; those that began before yesterday (UTC) are left out."""
        today = datetime.now(UTC).date()
        for day in (today - timedelta(days=1), today):
            yield from (item for item in self.of_day(clinic_id, day.isoformat()) if item["status"] in _RUNNING)

    def of_day(self, clinic_id: str, day: str) -> Iterator[dict[str, Any]]:
        """The states of a clinic's calls of one day (yyyy-mm-dd, UTC), in no order."""
        partition = Key("GSI1PK").eq(live_calls_partition(clinic_id, day))
        page = partial(self._table.query, IndexName=CALL_INDEX, KeyConditionExpression=partition)
        return items_of(page)

    def utterances(self, call_id: str, *, after: int = 0) -> list[dict[str, Any]]:
        """What was said behind the utterance of this number, in order."""
        first, last = utterance_key(call_id, after + 1).sk, utterance_range() + _BEHIND_EVERY_NUMBER
        condition = Key("PK").eq(call_partition(call_id)) & Key("SK").between(first, last)
        page = partial(self._table.query, KeyConditionExpression=condition, ConsistentRead=True)
        return list(items_of(page))
