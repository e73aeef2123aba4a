"""Hints about the end of a call, beside its state in the table.

They prove nothing alone: events come late, twice or not at all, and streaming that was stopped may start again. The
streamer weighs them together with the stream itself.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lambdas.common.errors import error_code
from transcription.table_keys import live_call_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


class EndHints:
    """Writes hints of live calls.

    Args:
        table: Table of live calls.
    """

    def __init__(self, *, table: Table) -> None:
        self._table = table

    def disconnected(self, call_id: str, *, at: datetime, agent_joined_at: datetime | None) -> bool:
        """Note that the contact is over; the first note stays.

        Args:
            call_id: The call.
            at: When it was over.
            agent_joined_at: When an agent had joined it; `None` where that is not told.

        Returns:
            Whether there is such a call. Most contacts of an instance may not be transcribed live.
        """
        told = {"disconnected_at": at.isoformat()}
        if agent_joined_at is not None:
            told["agent_joined_at"] = agent_joined_at.isoformat()
        return self._note(
            call_id,
            update="SET " + ", ".join(f"{name} = if_not_exists({name}, :{name})" for name in told),
            condition="attribute_exists(PK)",
            values={f":{name}": value for name, value in told.items()},
        )

    def stopped(self, call_id: str, *, fragment: str, at_ms: int) -> bool:
        """Note when streaming was stopped; of the latest stop also in which fragment.

        Returns:
            Whether there is such a call.
        """
        is_a_call = self._note(
            call_id, update="ADD stops_ms :at", condition="attribute_exists(PK)", values={":at": {at_ms}}
        )
        if is_a_call:
            self._note(
                call_id,
                update="SET stop_fragment = :fragment, stopped_at_ms = :at",
                condition="attribute_not_exists(stopped_at_ms) OR stopped_at_ms <= :at",
                values={":fragment": fragment, ":at": at_ms},
            )
        return is_a_call

    def _note(self, call_id: str, *, update: str, condition: str, values: dict[str, Any]) -> bool:
        try:
            self._table.update_item(
                Key=live_call_key(call_id).primary(),
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
            )
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True
