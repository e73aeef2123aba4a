"""Events of Amazon Connect, as its Administrator Guide documents them."""

from __future__ import annotations

from typing import Any, Final

CONTACT_ID: Final = "4a573372-1f28-4e26-b97b-5d1c8d0e3b11"
CUSTOMER_NUMBER: Final = "+15550107788"
DIALLED_NUMBER: Final = "+15550100000"
INSTANCE_ARN: Final = "arn:aws:connect:eu-central-1:123456789012:instance/c8c0e68d-2200-4265-82c0-5a2f0c6d7e11"
STREAM_ARN: Final = (
    "arn:aws:kinesisvideo:eu-central-1:123456789012:stream/"
    "callscribe-connect-lakeside-contact-0f0f5a7e-1a1f-4a0b-8d3f-6c2f1f6f7f7f/1763812345678"
)
START_FRAGMENT: Final = "91343852333181432392682062630889465430254378014"
STARTED_AT_MS: Final = 1_763_812_345_678


def audio(**changes: Any) -> dict[str, Any]:
    """Return what the event says of the stream; a change to `None` removes the field."""
    fields = {"StreamARN": STREAM_ARN, "StartTimestamp": str(STARTED_AT_MS), "StartFragmentNumber": START_FRAGMENT}
    return {name: value for name, value in (fields | changes).items() if value is not None}


def contact_flow_event(*, parameters: dict[str, Any] | None = None, **contact: Any) -> dict[str, Any]:
    """Return the event of an inbound call whose audio is streamed.

    Args:
        parameters: Parameters of the flow block.
        **contact: Fields of `ContactData` to replace.
    """
    return {
        "Details": {
            "ContactData": {
                "Attributes": {"clinic_id": "harbour"},
                "Channel": "VOICE",
                "ContactId": CONTACT_ID,
                "CustomerEndpoint": {"Address": CUSTOMER_NUMBER, "Type": "TELEPHONE_NUMBER"},
                "CustomerId": None,
                "Description": None,
                "InitialContactId": CONTACT_ID,
                "InitiationMethod": "INBOUND",
                "InstanceARN": INSTANCE_ARN,
                "LanguageCode": "en-US",
                "MediaStreams": {"Customer": {"Audio": audio()}},
                "Name": None,
                "PreviousContactId": CONTACT_ID,
                "Queue": None,
                "References": {},
                "SystemEndpoint": {"Address": DIALLED_NUMBER, "Type": "TELEPHONE_NUMBER"},
            }
            | contact,
            "Parameters": {} if parameters is None else parameters,
        },
        "Name": "ContactFlowEvent",
    }


def contact_event(event_type: str = "DISCONNECTED", **detail: Any) -> dict[str, Any]:
    """Return a contact event as EventBridge delivers it.

    Args:
        event_type: Its type.
        **detail: Fields of `detail` to replace.
    """
    return {
        "version": "0",
        "id": "abababab-abab-abab-abab-abababababab",
        "detail-type": "Amazon Connect Contact Event",
        "source": "aws.connect",
        "account": "123456789012",
        "time": "2026-11-22T12:05:46Z",
        "region": "eu-central-1",
        "resources": [INSTANCE_ARN, f"{INSTANCE_ARN}/contact/{CONTACT_ID}"],
        "detail": {
            "eventType": event_type,
            "contactId": CONTACT_ID,
            "channel": "VOICE",
            "instanceArn": INSTANCE_ARN,
            "initiationMethod": "INBOUND",
            "initiationTimestamp": "2026-11-22T12:00:01.000Z",
            "disconnectTimestamp": "2026-11-22T12:05:45.518Z",
            "disconnectReason": "CUSTOMER_DISCONNECT",
            "agentInfo": {
                "agentArn": f"{INSTANCE_ARN}/agent/2b1f7c55-0d1c-4c57-9a55-0c1de2f3a4b5",
                "connectedToAgentTimestamp": "2026-11-22T12:01:20.000Z",
            },
            "customerEndpoint": {"address": CUSTOMER_NUMBER, "type": "TELEPHONE_NUMBER"},
            "tags": {"aws:connect:instanceId": "c8c0e68d-2200-4265-82c0-5a2f0c6d7e11"},
        }
        | detail,
    }
