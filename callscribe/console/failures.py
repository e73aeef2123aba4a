"""Calls that failed, as the console tells them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRow:
    """A recording, or a live call, that failed. What is None is not known.

    Attributes:
        source: `batch` or `live`.
        call_id: The call.
        recording_id: The recording; None for a live call.
        failed_at: When that was noted.
        status: `failed`, or `rejected`: it cannot be transcribed as it is.
        error_code: Why, by name.
        error_message: Why, and what to do, without a word of the call; None where that was not noted.
        step: The step that failed.
        attempts: How often it was begun.
        repeatable: Whether the console can repeat it.
    """

    source: str
    call_id: str | None
    recording_id: str | None
    failed_at: str
    status: str
    error_code: str | None
    error_message: str | None
    step: str | None
    attempts: int | None
    repeatable: bool


def failed_recording(claim: Mapping[str, Any], *, repeatable: bool) -> FailedRow:
    """Return the row of a claim, in the types of JSON."""
    return FailedRow(
        source="batch",
        call_id=claim.get("call_id"),
        recording_id=claim["recording_id"],
        failed_at=claim["updated_at"],
        status=claim["status"],
        error_code=claim.get("error_code"),
        error_message=claim.get("error_message"),
        step=claim.get("failed_step"),
        attempts=claim.get("attempts"),
        repeatable=repeatable,
    )


def failed_live_call(item: Mapping[str, Any], *, repeatable: bool) -> FailedRow:
    """Return the row of a live call's item, in the types of JSON."""
    return FailedRow(
        source="live",
        call_id=item["call_id"],
        recording_id=None,
        failed_at=item["updated_at"],
        status=item["status"],
        error_code=item.get("error_code"),
        error_message=item.get("error_message"),
        step=None,
        attempts=None,
        repeatable=repeatable,
    )
