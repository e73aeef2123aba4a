"""Errors whose text may be shown, and the names of AWS's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transcription.failures import SafeError, UnexpectedError, describe

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

__all__ = ["SafeError", "UnexpectedError", "describe", "error_code"]


def error_code(error: ClientError) -> str:
    """Return AWS's own code of a refused call, such as `ConditionalCheckFailedException`."""
    return str(error.response.get("Error", {}).get("Code", "Unknown"))
