"""Hints about the end of a call, beside its state in the table.

They prove nothing alone: events come late, twice or not at all, and streaming that was stopped may start again. The
streamer weighs them together with the stream itself.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from callscribe.contract.schema import SCHEMA_VERSION
from callscribe.contract.table_keys import EXPIRY, disconnection_key, live_call_key
from lambdas.common.errors import error_code

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb.service_resource import Table

_KEPT: Final = timedelta(days=1)
"""How long it is kept that a contact is over which is no live call: far longer than the function that notes calls takes
behind the event of the end of one."""


class EndHints:
    """Writes hints of live calls.

    Args:
        table: Table of live calls.
        clock: Returns the time (aware, UTC).
    """

    def __init__(self, *, table: Table, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._table = table
        self._clock = clock

    def disconnected(self, call_id: str, *, at: datetime, agent_joined_at: datetime | None) -> bool:
        """Note that the contact is over; the first note stays.

        The event may be faster than the function that notes the call. What no call has is therefore kept for a while,
        for that function to find.

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
        if self._note_disconnection(call_id, told):
            return True
        self._keep(call_id, told)
        # The call may have been noted between the two, when there was nothing to be found yet.
        return self._note_disconnection(call_id, told)

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

    def _note_disconnection(self, call_id: str, told: dict[str, str]) -> bool:
        return self._note(
            call_id,
            update="SET " + ", ".join(f"{name} = if_not_exists({name}, :{name})" for name in told),
            condition="attribute_exists(PK)",
            values={f":{name}": value for name, value in told.items()},
        )

    def _keep(self, call_id: str, told: dict[str, str]) -> None:
        kept: dict[str, Any] = {
            **told,
            "type": "disconnection",
            "schema_version": SCHEMA_VERSION,
            EXPIRY: int((self._clock() + _KEPT).timestamp()),
        }
        self._table.update_item(
            Key=disconnection_key(call_id).primary(),
            UpdateExpression="SET " + ", ".join(f"#{name} = if_not_exists(#{name}, :{name})" for name in kept),
            ExpressionAttributeNames={f"#{name}": name for name in kept},
            ExpressionAttributeValues={f":{name}": value for name, value in kept.items()},
        )

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
