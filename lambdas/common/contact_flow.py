"""What a contact flow of Amazon Connect hands to a Lambda function, and what the function answers.

Sources: Amazon Connect Administrator Guide, "Grant Amazon Connect access to your AWS Lambda functions" (the event and
the 8 seconds for it), and Amazon Connect Flow language, "InvokeLambdaFunction" (the answer).
"""

from __future__ import annotations

from typing import Final, Literal

from aws_lambda_powertools.utilities.parser import BaseModel, Field
from pydantic import ConfigDict

from callscribe.live.call import LATEST_MS, LONGEST_FRAGMENT
from callscribe.recordings.calls import CallDirection, connect_id, direction_of
from callscribe.recordings.clinics import ATTRIBUTE, ContactFacts, queue_id

_TELEPHONE: Final = "TELEPHONE_NUMBER"
"""Type of an endpoint that is a telephone number."""


class _Model(BaseModel):
    # Fields without a use here, above all the caller's number, are not even kept; an error must not quote them either.
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class MediaStream(_Model):
    """Where a caller's audio is streamed to.

    Attributes:
        arn: Kinesis video stream; later calls use it too.
        start_fragment: Fragment in which this contact's audio begins.
        started_at_ms: When streaming began, milliseconds since 1970.
        stop_fragment: Fragment in which it ended; known once streaming was stopped.
        stopped_at_ms: When it was stopped.
    """

    arn: str | None = Field(default=None, alias="StreamARN")
    start_fragment: str | None = Field(default=None, alias="StartFragmentNumber")
    started_at_ms: int | None = Field(default=None, alias="StartTimestamp", lt=LATEST_MS)
    stop_fragment: str | None = Field(default=None, alias="StopFragmentNumber", max_length=LONGEST_FRAGMENT)
    stopped_at_ms: int | None = Field(default=None, alias="StopTimestamp", ge=0, lt=LATEST_MS)


class _Participant(_Model):
    audio: MediaStream | None = Field(default=None, alias="Audio")


class _MediaStreams(_Model):
    customer: _Participant | None = Field(default=None, alias="Customer")


class _ContactData(_Model):
    contact_id: str = Field(alias="ContactId")
    channel: str = Field(alias="Channel")
    attributes: dict[str, object] | None = Field(default=None, alias="Attributes")
    media_streams: _MediaStreams | None = Field(default=None, alias="MediaStreams")
    # Whatever they hold, they are no reason to refuse a call.
    initiation_method: object = Field(default=None, alias="InitiationMethod")
    queue: object = Field(default=None, alias="Queue")
    system_endpoint: object = Field(default=None, alias="SystemEndpoint", repr=False)


class _Details(_Model):
    contact: _ContactData = Field(alias="ContactData")
    parameters: dict[str, object] | None = Field(default=None, alias="Parameters")


class ContactFlowEvent(_Model):
    """The event with which a contact flow invokes a function."""

    name: Literal["ContactFlowEvent"] = Field(alias="Name")
    details: _Details = Field(alias="Details")

    @property
    def contact_id(self) -> str:
        """Connect's id of the contact."""
        return self.details.contact.contact_id

    @property
    def is_voice(self) -> bool:
        """Whether the contact is a call; flows also serve chats, tasks and e-mails."""
        return self.details.contact.channel.upper() == "VOICE"

    @property
    def media(self) -> MediaStream | None:
        """Where the caller's audio goes; `None` before streaming was ever started."""
        streams = self.details.contact.media_streams
        return streams.customer.audio if streams and streams.customer else None

    @property
    def stopped_at_ms(self) -> int | None:
        """When streaming was last stopped, milliseconds since 1970; `None` if it never was."""
        return self.media.stopped_at_ms if self.media else None

    @property
    def direction(self) -> CallDirection | None:
        """Who called whom; None for a contact that comes from another one, and for what is not known here."""
        return direction_of(self.details.contact.initiation_method)

    @property
    def queue_id(self) -> str | None:
        """Connect's id of the queue that the contact is in; None where it is in none yet."""
        queue = _text(self.details.contact.queue, "ARN")
        return None if queue is None else connect_id(queue_id(queue))

    @property
    def facts(self) -> ContactFacts:
        """What tells whose call it is: the block's parameters, the contact's attributes, its queue and its number."""
        contact = self.details.contact
        system = contact.system_endpoint
        return ContactFacts(
            parameter=_text(self.details.parameters, ATTRIBUTE),
            attribute=_text(contact.attributes, ATTRIBUTE),
            queue=_text(contact.queue, "ARN"),
            dialled_number=_text(system, "Address") if _text(system, "Type") == _TELEPHONE else None,
        )


def _text(values: object, name: str) -> str | None:
    """Return a value as text; `None` if there is none, or an empty one."""
    found = values.get(name) if isinstance(values, dict) else None
    return str(found) if found else None


def answer(outcome: str, reason: str) -> dict[str, str]:
    """Return what the flow reads as `$.External.live_transcription` and `$.External.reason`.

    A flow takes letters, digits, dashes and underscores only.
    """
    return {"live_transcription": outcome, "reason": reason}
