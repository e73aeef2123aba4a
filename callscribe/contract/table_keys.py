"""The keys of the transcript table, in one place."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from callscribe.contract.call_kind import CallKind

CALL_INDEX: Final = "GSI1"
"""Index of what belongs to a call."""

LISTING_INDEX: Final = "GSI2"
"""Index of what is listed in order of time: transcripts by clinic, and the claims on recordings that failed."""

EXPIRY: Final = "expires_at"
"""Attribute with the time, in epoch seconds, at which DynamoDB deletes an item."""

LISTED_ATTRIBUTES: Final = (
    *("type", "clinic_id", "call_id", "kind", "source", "live", "started_at", "started_at_source"),
    *("duration_seconds", "word_count", "confidence", "quality", "cost", "s3_key"),
    *("appointment_requested", "insurance_mentioned", "callback_requested", "complaint", "cancellation_intent"),
)
"""What the listing has of an item: figures and names, no words.

Stays as it is: CloudFormation updates no index in place, so that a deployment with another list fails where the table
exists (Template Reference, "AWS::DynamoDB::GlobalTable Projection"). Another list is an index of another name, built
in one release and read from the next; it has room for 20 attributes (DynamoDB API Reference, "Projection")."""

ROW_INDEX: Final = "GSI3"
"""Index of all that a row of a list of calls shows, by the keys of `LISTING_INDEX`."""

ROW_ATTRIBUTES: Final = (
    *("call_id", "kind", "source", "started_at", "started_at_source", "duration_seconds", "direction", "agent_id"),
    *("queue_id", "word_count", "confidence", "reliability", "flags", "quality", "cost", EXPIRY),
)
"""What it has of an item. Stays as it is, like `LISTED_ATTRIBUTES`."""

FAILED_PARTITION: Final = "FAILED"
"""GSI2PK of the claims that failed or were rejected."""

CALLS: Final = "CALL#"
"""Beginning of the partitions of calls: PK of a live call and its utterances, GSI1PK of all that belongs to a call."""

RECORDINGS: Final = "RECORDING#"
"""Beginning of the partitions of recordings: PK of the claim on one."""

CLINICS: Final = "CLINIC#"
"""Beginning of the partitions of clinics: PK and GSI2PK of their transcripts."""

LIVE_CALLS: Final = "LIVE#"
"""Beginning of the GSI1PK that lists the live calls of a clinic by day."""

CLINIC_EVIDENCE: Final = ("type", "status", "clinic_id", "clinic_source", "created_at")
"""Attributes, beside keys, of a call's items that tell whose call it is. Whoever decides that may read no others."""


def has_expired(expires_at: int | None, *, now: float) -> bool:
    """Whether an item is to be gone by now: DynamoDB deletes it within days (Developer Guide, "Time to Live").

    Args:
        expires_at: Its `EXPIRY`; None where it is kept for ever.
        now: The time, in seconds since 1970.
    """
    return expires_at is not None and expires_at <= now


@dataclass(frozen=True, slots=True)
class ItemKey:
    """Primary key of an item and, where it is listed by call, its key in the index GSI1."""

    pk: str
    sk: str
    gsi1pk: str | None = None
    gsi1sk: str | None = None

    def primary(self) -> dict[str, str]:
        """The primary key alone, to get, update or delete the item."""
        return {"PK": self.pk, "SK": self.sk}

    def attributes(self) -> dict[str, str]:
        """All key attributes, to put the item."""
        index = {"GSI1PK": self.gsi1pk, "GSI1SK": self.gsi1sk}
        return self.primary() | {name: value for name, value in index.items() if value is not None}


def clinic_partition(clinic_id: str) -> str:
    """PK of a clinic's transcripts."""
    return f"{CLINICS}{clinic_id}"


def call_partition(call_id: str) -> str:
    """GSI1PK of everything that belongs to a call."""
    return f"{CALLS}{call_id}"


def transcript_range(day: str | None = None) -> str:
    """Beginning of the SK of all transcripts of a clinic, or of those of one day (yyyy-mm-dd)."""
    return "TRANSCRIPT#" if day is None else f"TRANSCRIPT#{day}#"


def transcript_key(clinic_id: str, day: str, call_id: str, kind: CallKind) -> ItemKey:
    """Key of a call's transcript; the automated part of a contact stands beside the agent's, not over it."""
    suffix = "#IVR" if kind is CallKind.IVR else ""
    return ItemKey(
        clinic_partition(clinic_id),
        f"{transcript_range(day)}{call_id}{suffix}",
        call_partition(call_id),
        f"TRANSCRIPT{suffix}",
    )


def correction_range(day: str, call_id: str, kind: CallKind) -> str:
    """Beginning of the SK, in the clinic's partition, of all corrections of a call's roles."""
    return f"CORRECTION#{day}#{call_id}#{kind}#"


def correction_key(clinic_id: str, day: str, call_id: str, kind: CallKind, number: int) -> ItemKey:
    """Key of one correction of a call's roles; corrections sort by their number."""
    return _noted_key(clinic_id, call_id, f"{correction_range(day, call_id, kind)}{number:06d}")


def review_range(day: str, call_id: str, kind: CallKind) -> str:
    """Beginning of the SK, in the clinic's partition, of all reviews of a call."""
    return f"REVIEW#{day}#{call_id}#{kind}#"


def review_days(first: str | None, last: str | None) -> tuple[str, str]:
    """The SKs, in the clinic's partition, between which all reviews of the calls of some days (yyyy-mm-dd) are.

    Args:
        first: First day; None for any.
        last: Last day; None for any.
    """
    # The character behind "#", which follows a day.
    return f"REVIEW#{first or ''}", f"REVIEW#{last}$" if last else "REVIEW$"


def review_key(clinic_id: str, day: str, call_id: str, kind: CallKind, number: int) -> ItemKey:
    """Key of one review of a call; reviews sort by the day of their call, and those of a call by their number."""
    return _noted_key(clinic_id, call_id, f"{review_range(day, call_id, kind)}{number:06d}")


def _noted_key(clinic_id: str, call_id: str, sk: str) -> ItemKey:
    return ItemKey(clinic_partition(clinic_id), sk, call_partition(call_id), sk)


def transcript_listing(clinic_id: str, started_at: datetime, call_id: str, kind: CallKind) -> dict[str, str]:
    """Attributes that list a transcript of a clinic by the begin of its call."""
    suffix = "#IVR" if kind is CallKind.IVR else ""
    return {"GSI2PK": clinic_partition(clinic_id), "GSI2SK": f"{listed_moment(started_at)}#{call_id}{suffix}"}


def failed_listing(recording_id: str, failed_at: datetime) -> dict[str, str]:
    """Attributes that list the claim on a recording among those that failed, by the time it did."""
    return {"GSI2PK": FAILED_PARTITION, "GSI2SK": f"{listed_moment(failed_at)}#{recording_id}"}


def listed_moment(moment: datetime) -> str:
    """A time as GSI2SK begins with it, whose order as text is its order: to the second, UTC, beginning with the day."""
    return moment.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat() + "Z"


def claim_key(recording_id: str, call_id: str | None, kind: CallKind | None) -> ItemKey:
    """Key of the claim on a recording; a recording whose call is unknown is not listed by call."""
    if call_id is None or kind is None:
        return ItemKey(f"{RECORDINGS}{recording_id}", "CLAIM")
    return ItemKey(
        f"{RECORDINGS}{recording_id}", "CLAIM", call_partition(call_id), f"{claim_range(kind)}{recording_id}"
    )


def claim_range(kind: CallKind) -> str:
    """Beginning of the GSI1SK of all claims on recordings of a call, of one kind."""
    return f"CLAIM#{kind}#"


def content_key(clinic_id: str, call_id: str, kind: CallKind, size_bytes: int, digest: str) -> ItemKey:
    """Key of what is noted of one content of a call's recordings, of one kind; listed by call like their claims.

    A call id that is no contact's is of its clinic only.
    """
    content = f"{digest}#{size_bytes}"
    return ItemKey(
        f"CONTENT#{clinic_id}#{call_id}#{kind}", content, call_partition(call_id), f"CONTENT#{kind}#{content}"
    )


def failed_admission_key(bucket: str, key: str, content: str) -> ItemKey:
    """Key of what is noted when an announced recording could not be admitted.

    The state machine writes it, which cannot compute the identity of a recording.

    Args:
        bucket: bucket of the object.
        key: key of the object.
        content: its version as announced, else its ETag.
    """
    return ItemKey(f"ANNOUNCED#{bucket}/{key}#{content}", "FAILURE")


def live_call_key(call_id: str, *, clinic_id: str | None = None, day: str | None = None) -> ItemKey:
    """Key of a live call's state; with clinic and day (yyyy-mm-dd) also where it is listed."""
    if clinic_id is None or day is None:
        return ItemKey(call_partition(call_id), "LIVE")
    return ItemKey(call_partition(call_id), "LIVE", live_calls_partition(clinic_id, day), call_partition(call_id))


def clinic_key(call_id: str, *, disputed_on: str | None = None) -> ItemKey:
    """Key of the decision whose call it is; a disputed one is listed, by the day (yyyy-mm-dd) of its latest dispute."""
    listed = None if disputed_on is None else disputed_clinics_partition(disputed_on)
    return ItemKey(call_partition(call_id), "CLINIC", listed, listed and call_partition(call_id))


def disputed_clinics_partition(day: str) -> str:
    """GSI1PK of the calls whose clinic was disputed last on a day (yyyy-mm-dd, UTC)."""
    return f"DISPUTED#{day}"


def disconnection_key(call_id: str) -> ItemKey:
    """Key of the note that a contact is over, for a call that stands nowhere yet."""
    return ItemKey(call_partition(call_id), "DISCONNECTION")


def live_calls_partition(clinic_id: str, day: str) -> str:
    """GSI1PK of a clinic's live calls of one day (yyyy-mm-dd, UTC)."""
    return f"{LIVE_CALLS}{clinic_id}#{day}"


def utterance_range() -> str:
    """Beginning of the SK of all live utterances of a call."""
    return "UTTERANCE#"


def utterance_key(call_id: str, seq: int) -> ItemKey:
    """Key of a live utterance; utterances sort by their number."""
    return ItemKey(call_partition(call_id), f"{utterance_range()}{seq:08d}")
