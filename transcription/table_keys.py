"""The keys of the transcript table, in one place."""

from dataclasses import dataclass

from transcription.recordings import CallKind


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
    return f"CLINIC#{clinic_id}"


def call_partition(call_id: str) -> str:
    """GSI1PK of everything that belongs to a call."""
    return f"CALL#{call_id}"


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


def claim_key(recording_id: str, call_id: str | None, kind: CallKind | None) -> ItemKey:
    """Key of the claim on a recording; a recording whose call is unknown is not listed by call."""
    if call_id is None or kind is None:
        return ItemKey(f"RECORDING#{recording_id}", "CLAIM")
    return ItemKey(f"RECORDING#{recording_id}", "CLAIM", call_partition(call_id), f"CLAIM#{kind}#{recording_id}")


def live_call_key(call_id: str, *, clinic_id: str | None = None, day: str | None = None) -> ItemKey:
    """Key of a live call's state; with clinic and day (yyyy-mm-dd) also where it is listed."""
    if clinic_id is None or day is None:
        return ItemKey(call_partition(call_id), "LIVE")
    return ItemKey(call_partition(call_id), "LIVE", live_calls_partition(clinic_id, day), call_partition(call_id))


def live_calls_partition(clinic_id: str, day: str) -> str:
    """GSI1PK of a clinic's live calls of one day (yyyy-mm-dd, UTC)."""
    return f"LIVE#{clinic_id}#{day}"


def utterance_range() -> str:
    """Beginning of the SK of all live utterances of a call."""
    return "UTTERANCE#"


def utterance_key(call_id: str, seq: int) -> ItemKey:
    """Key of a live utterance; utterances sort by their number."""
    return ItemKey(call_partition(call_id), f"{utterance_range()}{seq:08d}")
