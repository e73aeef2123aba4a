"""What people have said about who is who in a call, as it stands in the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key

from callscribe.contract.table_keys import clinic_partition, correction_range
from callscribe.conversation.role_correction import RoleCorrection
from callscribe.serialization import decode
from callscribe.table_values import plain

if TYPE_CHECKING:
    from boto3.dynamodb.conditions import ConditionBase
    from mypy_boto3_dynamodb.service_resource import Table

    from callscribe.contract.call_kind import CallKind
    from callscribe.recordings.calls import CallRecording


def corrections_of(table: Table, call: CallRecording) -> tuple[RoleCorrection, ...]:
    """Return all corrections of a call's roles, the oldest first (strongly consistent)."""
    return corrections_at(table, call.clinic_id, call.day, call.call_id, call.kind)


def corrections_at(table: Table, clinic_id: str, day: str, call_id: str, kind: CallKind) -> tuple[RoleCorrection, ...]:
    """Return all corrections of the roles of a clinic's call, as `corrections_of`."""
    items = items_of_clinic(table, clinic_id, Key("SK").begins_with(correction_range(day, call_id, kind)))
    return tuple(decode(RoleCorrection, item, "the correction") for item in items)


def items_of_clinic(table: Table, clinic_id: str, sort_keys: ConditionBase) -> list[dict[str, Any]]:
    """Return a clinic's items with certain sort keys, in their order and in the types of JSON (strongly consistent)."""
    condition = Key("PK").eq(clinic_partition(clinic_id)) & sort_keys
    found: list[dict[str, Any]] = []
    start: dict[str, Any] = {}
    while True:
        page = table.query(KeyConditionExpression=condition, ConsistentRead=True, **start)
        found.extend(plain(item) for item in page["Items"])
        if "LastEvaluatedKey" not in page:
            return found
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
