"""Errors whose text may be shown: written by this project, without a value from a call, a key or a URL."""

from pathlib import Path
from traceback import walk_tb
from types import TracebackType

_OUR_PACKAGES = ("lambdas", "streamer", "callscribe")


class SafeError(Exception):
    """An expected failure whose message holds no words of the call, phone number, URL or key.

    Attributes:
        code: Stable name of the failure, such as `Deepgram.REMOTE_CONTENT_ERROR`, for alarms and the stored state.
        message: What happened and how to fix it.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class UnexpectedError(Exception):
    """A failure nobody foresaw, reduced to its type and place because its own text may hold anything."""


def describe(error: BaseException) -> str:
    """Name an error by type and place, never by its text, such as `KeyError at transcript.py:120`.

    Of an error of AWS's, its code and operation are kept: they are names, not values.
    """
    kind = type(error).__name__
    # botocore's `ClientError`, told by its shape because the core does not know AWS.
    response, operation = getattr(error, "response", None), getattr(error, "operation_name", None)
    if isinstance(response, dict) and operation is not None:
        kind = f"{kind} {response.get('Error', {}).get('Code', 'Unknown')} ({operation})"
    return f"{kind} at {_place(error.__traceback__)}"


def _place(traceback: TracebackType | None) -> str:
    """Return the innermost line of this project, or the innermost line at all."""
    frames = [(Path(frame.f_code.co_filename), line) for frame, line in walk_tb(traceback)]
    if not frames:
        return "an unknown place"
    ours = [(path, line) for path, line in frames if any(package in path.parts for package in _OUR_PACKAGES)]
    path, line = (ours or frames)[-1]
    return f"{path.name}:{line}"
