"""The contact event that EventBridge delivers when a contact is over.

Source: Amazon Connect Administrator Guide, "Amazon Connect contact events", which asks receivers to pass over unknown
fields and types. Its older sample writes `EventType` and `ContactId`, the service `eventType` and `contactId`; the
detail type has been both "Amazon Connect Contact Event" and "Connect Customer Contact Event". Delivery is best effort.
"""

from __future__ import annotations

from datetime import UTC, datetime

from aws_lambda_powertools.utilities.parser import BaseModel, Field
from pydantic import AliasChoices, ConfigDict

DISCONNECTED = "DISCONNECTED"
"""Type of the event of a contact that is over."""

_NEVER = datetime(2000, 1, 1, tzinfo=UTC)


class _Model(BaseModel):
    # An error must not quote the event.
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class _Detail(_Model):
    event_type: str = Field(validation_alias=AliasChoices("eventType", "EventType"))
    contact_id: str = Field(min_length=1, max_length=256, validation_alias=AliasChoices("contactId", "ContactId"))
    disconnected_at: datetime | None = Field(
        default=None, validation_alias=AliasChoices("disconnectTimestamp", "DisconnectTimestamp")
    )
    # Nothing in here is worth losing the event for.
    agent: object = Field(default=None, validation_alias=AliasChoices("agentInfo", "AgentInfo"))


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
        return _utc(self.detail.disconnected_at or self.time)

    @property
    def agent_joined_at(self) -> datetime | None:
        """When an agent joined; `None` where the event does not tell, or tells a time that cannot be."""
        agent = self.detail.agent if isinstance(self.detail.agent, dict) else {}
        told = agent.get("connectedToAgentTimestamp", agent.get("ConnectedToAgentTimestamp"))
        try:
            joined = _utc(datetime.fromisoformat(str(told)))
        except ValueError:
            return None
        # What was never set is the beginning of 1970 in some events.
        return joined if _NEVER < joined <= self.disconnected_at else None


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
