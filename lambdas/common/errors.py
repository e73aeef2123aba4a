"""Errors whose text may be shown: written by this project, without a value from a call, a key or a URL."""

from __future__ import annotations

from pathlib import Path
from traceback import walk_tb
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from types import TracebackType

_OUR_PACKAGES = ("lambdas", "transcription")


class SafeError(Exception):
    """An expected failure whose message holds no words of the call, phone number, URL or key.

    Attributes:
        code: Stable name of the failure, such as `Deepgram.REMOTE_CONTENT_ERROR`, for alarms and the claim.
        message: What happened and what mends it.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class UnexpectedError(Exception):
    """A failure nobody foresaw, reduced to its type and place because its own text may hold anything."""


def error_code(error: ClientError) -> str:
    """Return AWS's own code of a refused call, such as `ConditionalCheckFailedException`."""
    return str(error.response.get("Error", {}).get("Code", "Unknown"))


def describe(error: BaseException) -> str:
    """Name an error by type and place, never by its text, such as `KeyError at transcript.py:120`.

    AWS's error code and operation are kept: they are names, not values.
    """
    kind = type(error).__name__
    if isinstance(error, ClientError):
        kind = f"{kind} {error_code(error)} ({error.operation_name})"
    return f"{kind} at {_place(error.__traceback__)}"


def _place(traceback: TracebackType | None) -> str:
    """Return the innermost line of this project, or the innermost line at all."""
    frames = [(Path(frame.f_code.co_filename), line) for frame, line in walk_tb(traceback)]
    if not frames:
        return "an unknown place"
    ours = [(path, line) for path, line in frames if any(package in path.parts for package in _OUR_PACKAGES)]
    path, line = (ours or frames)[-1]
    return f"{path.name}:{line}"
