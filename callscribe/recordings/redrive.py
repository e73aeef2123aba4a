"""To repeat a failed recording: the execution that takes its claim over, made of the claim itself."""

from collections.abc import Mapping
from typing import Any


def announcement_of(claim: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event that announced a recording, as far as its claim keeps it: what names the object."""
    announced = {"key": claim["s3_key"], "etag": claim["etag"]}
    if "version_id" in claim:
        announced["version-id"] = claim["version_id"]
    if "sequencer" in claim:
        announced["sequencer"] = claim["sequencer"]
    return {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": claim["bucket"]}, "object": announced},
    }


def redrive_message_id(claim: Mapping[str, Any]) -> str:
    """Name what repeats a recording: another name each time that it was claimed."""
    return f"{claim['recording_id']}-{claim['attempts']}"


def execution_name(message_id: str, attempt: int = 1) -> str:
    """Name of the execution that repeats a call; of one name there is one, so that nothing is started twice.

    Args:
        message_id: What the repetition is named after.
        attempt: 1, or more where an earlier one ended before it changed anything in the table.
    """
    return f"redrive-{message_id}" if attempt == 1 else f"redrive-{message_id}-{attempt}"
