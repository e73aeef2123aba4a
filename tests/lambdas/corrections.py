"""Corrections of roles as they lie in the table."""

from __future__ import annotations

from typing import Any

from callscribe.contract.call_kind import CallKind
from callscribe.corrections import CorrectionItem
from callscribe.transcript import Role
from tests.lambdas.cloud import NOW

SWAPPED = {"channel-0": Role.AGENT, "channel-1": Role.CUSTOMER}


def correction_item(transcript: dict[str, Any], *, number: int = 1, **said: Any) -> dict[str, Any]:
    """The item of a correction of a stored transcript, which swaps the roles of its channels.

    Args:
        transcript: The transcript's item.
        number: Number of the correction.
        **said: What it says otherwise.
    """
    fields = {
        "number": number,
        "author": "ann",
        "corrected_at": NOW,
        "recording_id": transcript.get("recording_id"),
        "request_id": transcript["request_id"],
        "speakers": SWAPPED,
        "clinic_id": transcript["clinic_id"],
        "call_id": transcript["call_id"],
        "kind": CallKind(transcript["kind"]),
        "day": transcript["day"],
    }
    return CorrectionItem(**{**fields, **said}).attributes()
