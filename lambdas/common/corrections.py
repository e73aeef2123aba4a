"""What people have said about who is who in a call, as it stands in the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key

from callscribe.contract.table_keys import clinic_partition, correction_range
from callscribe.conversation.role_correction import RoleCorrection
from callscribe.serialization import decode
from callscribe.table_values import plain

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

    from callscribe.recordings.calls import CallRecording


def corrections_of(table: Table, call: CallRecording) -> tuple[RoleCorrection, ...]:
    """Return all corrections of a call's roles, the oldest first (strongly consistent)."""
    items = items_below(table, call.clinic_id, correction_range(call.day, call.call_id, call.kind))
    return tuple(decode(RoleCorrection, item, "the correction") for item in items)


def items_below(table: Table, clinic_id: str, beginning: str) -> list[dict[str, Any]]:
    """Return a clinic's items whose sort keys begin so, in their order and in the types of JSON."""
    condition = Key("PK").eq(clinic_partition(clinic_id)) & Key("SK").begins_with(beginning)
    found: list[dict[str, Any]] = []
    start: dict[str, Any] = {}
    while True:
        page = table.query(KeyConditionExpression=condition, ConsistentRead=True, **start)
        found.extend(plain(item) for item in page["Items"])
        if "LastEvaluatedKey" not in page:
            return found
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
