"""The contact event that EventBridge delivers when a contact is over.

Source: Amazon Connect Administrator Guide, "Amazon Connect contact events", which asks receivers to pass over unknown
fields and types. Its older sample writes `EventType` and `ContactId`, the service `eventType` and `contactId`; the
detail type has been both "Amazon Connect Contact Event" and "Connect Customer Contact Event". Delivery is best effort.
"""

from __future__ import annotations

from datetime import datetime

from aws_lambda_powertools.utilities.parser import BaseModel, Field
from pydantic import AliasChoices, ConfigDict

DISCONNECTED = "DISCONNECTED"
"""Type of the event of a contact that is over."""


class _Model(BaseModel):
    # An error must not quote the event.
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class _Detail(_Model):
    event_type: str = Field(validation_alias=AliasChoices("eventType", "EventType"))
    contact_id: str = Field(min_length=1, max_length=256, validation_alias=AliasChoices("contactId", "ContactId"))
    disconnected_at: datetime | None = Field(
        default=None, validation_alias=AliasChoices("disconnectTimestamp", "DisconnectTimestamp")
    )


class ContactEvent(_Model):
    """A contact event of Amazon Connect."""

    time: datetime
    detail: _Detail

    @property
    def contact_id(self) -> str:
        """Connect's id of the contact."""
        return self.detail.contact_id

    @property
    def is_disconnection(self) -> bool:
        """Whether the contact is over."""
        return self.detail.event_type.upper() == DISCONNECTED

    @property
    def disconnected_at(self) -> datetime:
        """When the contact was over; where the event does not tell, when the event was written."""
        return self.detail.disconnected_at or self.time
