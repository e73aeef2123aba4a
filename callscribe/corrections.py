"""A correction of a call's roles as an item of the table."""

from dataclasses import dataclass
from typing import Any

from callscribe.contract.call_kind import CallKind
from callscribe.contract.schema import SCHEMA_VERSION
from callscribe.contract.table_keys import correction_key
from callscribe.conversation.role_correction import RoleCorrection
from callscribe.serialization import encode
from callscribe.table_values import attribute


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionItem(RoleCorrection):
    """A correction of a call's roles in the table, beside its keys. It is written once and never changed.

    Attributes:
        schema_version: version of the code that wrote it.
        clinic_id: clinic that took the call.
        call_id: the call.
        kind: the agent's conversation, or the automated part before it.
        day: the call's date, UTC, as yyyy-mm-dd.
        expires_at: when DynamoDB deletes the item, in seconds since 1970, as it does the transcript's; None where it is
            kept for ever.
    """

    schema_version: int = SCHEMA_VERSION
    clinic_id: str
    call_id: str
    kind: CallKind
    day: str
    expires_at: int | None = None

    def attributes(self) -> dict[str, Any]:
        """The item, in the types of DynamoDB."""
        key = correction_key(self.clinic_id, self.day, self.call_id, self.kind, self.number)
        return {
            **key.attributes(),
            **attribute(encode(self)),
            "type": "correction",
            "schema_version": self.schema_version,
        }
