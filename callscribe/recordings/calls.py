"""The call that a recording is of, and when it began."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from callscribe.contract.call_kind import CallKind
from callscribe.recordings.clinics import ClinicSource
from callscribe.serialization import OpenEnum

START_METADATA: Final = "started-at"
"""User-defined metadata of an object (`x-amz-meta-started-at`) that tells when its call began."""


# Ids are UUIDs; an agent's own queue is "agent/" and the agent's (Amazon Connect API Reference, "QueueInfo").
_CONNECT_ID: Final = re.compile(r"[A-Za-z0-9/_-]{1,256}")


class StartSource(OpenEnum):
    """Where the begin of a call is known from, the more exact first.

    `live`: from the call itself, while it was streamed. `metadata`: whoever stored the recording wrote it down.
    `key-minute`: from Amazon Connect's key, to the minute. `last-modified`: when the recording was stored, less its
    length. `key-day`: the key tells the day only, and midnight stands for the time.
    """

    LIVE = "live"
    METADATA = "metadata"
    KEY_MINUTE = "key-minute"
    LAST_MODIFIED = "last-modified"
    KEY_DAY = "key-day"


class CallDirection(OpenEnum):
    """Who called whom: `incoming` where the clinic was called, `outgoing` where it called."""

    INCOMING = "incoming"
    OUTGOING = "outgoing"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecording:
    """The call a recording belongs to.

    Attributes:
        clinic_id: Clinic that took the call.
        call_id: Connect contact id, or the file's name in the project's own layout.
        kind: The agent's conversation, or the automated part before it.
        started_at: Begin of the call, UTC.
        layout: `callscribe` or `connect`.
        started_at_source: Where that is known from; None in what was stored before it was noted.
        clinic_source: What the clinic was decided by; None where that is not known.
        direction: Who called whom; None where nobody told, as in all that was stored before it was noted.
        agent_id: Connect's id of the agent; None where nobody told.
        queue_id: Connect's id of the queue; None where nobody told, or the call was in none.
    """

    clinic_id: str
    call_id: str
    kind: CallKind
    started_at: datetime
    layout: str
    started_at_source: StartSource | None = None
    clinic_source: ClinicSource | None = None
    direction: CallDirection | None = None
    agent_id: str | None = None
    queue_id: str | None = None

    @property
    def day(self) -> str:
        """The call's date, UTC, as yyyy-mm-dd."""
        return self.started_at.date().isoformat()


# Amazon Connect API reference, "Contact", `InitiationMethod`. In a queued callback it is Connect that calls.
_DIRECTIONS: Final = {
    "INBOUND": CallDirection.INCOMING,
    "WEBRTC_API": CallDirection.INCOMING,
    "OUTBOUND": CallDirection.OUTGOING,
    "EXTERNAL_OUTBOUND": CallDirection.OUTGOING,
    "CALLBACK": CallDirection.OUTGOING,
}


def direction_of(initiation_method: object) -> CallDirection | None:
    """Return who called whom; None for a contact that comes from another one, and for what is not known here."""
    return _DIRECTIONS.get(initiation_method) if isinstance(initiation_method, str) else None


def connect_id(value: object) -> str | None:
    """Return Connect's id of an agent or a queue; None for what cannot be one."""
    return value if isinstance(value, str) and _CONNECT_ID.fullmatch(value) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactDetails:
    """What a contact tells of a call beside whose it is. What is None is not known.

    Attributes:
        direction: Who called whom.
        agent_id: Connect's id of the agent who was last in it.
        queue_id: Connect's id of the queue that it was last in.
    """

    direction: CallDirection | None = None
    agent_id: str | None = None
    queue_id: str | None = None


def with_details(call: CallRecording, details: ContactDetails) -> CallRecording:
    """Return a call with what its contact tells; what that does not tell stays as it is."""
    return replace(
        call,
        direction=details.direction or call.direction,
        agent_id=details.agent_id or call.agent_id,
        queue_id=details.queue_id or call.queue_id,
    )


def with_start(
    call: CallRecording, *, metadata: Mapping[str, str], last_modified: datetime, duration_seconds: float
) -> CallRecording:
    """Find out when a call began whose key tells the day only.

    The day stays the key's: a time on another day, such as that of an upload on the morning after, is passed over.

    Args:
        call: By its key.
        metadata: The object's own; `started-at` is a time of ISO 8601, UTC unless it says otherwise.
        last_modified: When S3 got the recording, UTC.
        duration_seconds: Its length.
    """
    if call.started_at_source is not StartSource.KEY_DAY:
        return call
    told = (
        (_told(metadata.get(START_METADATA, "")), StartSource.METADATA),
        (last_modified - timedelta(seconds=duration_seconds), StartSource.LAST_MODIFIED),
    )
    for moment, source in told:
        if moment is not None and moment.date() == call.started_at.date():
            return replace(call, started_at=moment, started_at_source=source)
    return call


def _told(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (OverflowError, ValueError):
        return None
