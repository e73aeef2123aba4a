"""What Amazon Connect sends about a call: a contact flow's invocation of a function, and the event of the end.

Sources: Amazon Connect Administrator Guide, "Grant Amazon Connect access to your AWS Lambda functions" and "Amazon
Connect contact events".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

# EventBridge names the events of Amazon Connect by either, see the Administrator Guide, "Contact events".
CONTACT_EVENT_TYPES: Final = ("Amazon Connect Contact Event", "Connect Customer Contact Event")


def announcement(
    contact_id: str,
    *,
    clinic_id: str,
    instance_arn: str,
    caller: str,
    stream_arn: str,
    start_ms: int,
    start_fragment: str | None = None,
) -> dict[str, Any]:
    """The event of a flow's Lambda block after it has started to stream an inbound call.

    Args:
        contact_id: Connect's id of the contact.
        clinic_id: The block's parameter.
        instance_arn: The instance.
        caller: Number of the caller.
        stream_arn: Kinesis video stream that carries the audio.
        start_ms: When streaming began, milliseconds since 1970.
        start_fragment: Fragment in which the audio begins; `None` where it is not known.
    """
    audio = {"StreamARN": stream_arn, "StartTimestamp": str(start_ms)}
    if start_fragment is not None:
        audio["StartFragmentNumber"] = start_fragment
    contact = {
        "Attributes": {},
        "Channel": "VOICE",
        "ContactId": contact_id,
        "CustomerEndpoint": {"Address": caller, "Type": "TELEPHONE_NUMBER"},
        "InitialContactId": contact_id,
        "InitiationMethod": "INBOUND",
        "InstanceARN": instance_arn,
        "MediaStreams": {"Customer": {"Audio": audio}},
        "PreviousContactId": contact_id,
        "Queue": None,
        "SystemEndpoint": {"Address": "+15550100000", "Type": "TELEPHONE_NUMBER"},
    }
    return {
        "Name": "ContactFlowEvent",
        "Details": {"ContactData": contact, "Parameters": {"clinic_id": clinic_id}},
    }


def disconnection(
    contact_id: str, *, instance_arn: str, caller: str, started_at: datetime, ended_at: datetime
) -> dict[str, Any]:
    """The detail of the contact event of a call that is over and whose agent was there from the beginning."""
    return {
        "eventType": "DISCONNECTED",
        "contactId": contact_id,
        "channel": "VOICE",
        "instanceArn": instance_arn,
        "initiationMethod": "INBOUND",
        "initiationTimestamp": _timestamp(started_at),
        "disconnectTimestamp": _timestamp(ended_at),
        "agentInfo": {"connectedToAgentTimestamp": _timestamp(started_at)},
        "disconnectReason": "CUSTOMER_DISCONNECT",
        "customerEndpoint": {"address": caller, "type": "TELEPHONE_NUMBER"},
    }


def _timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
