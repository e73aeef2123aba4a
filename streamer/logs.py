"""Logs of the streamer: JSON lines without a word of a call.

Only this project's own sentences are written, with codes, ids and numbers beside them. Of an error, its type and place
are written, never its text; of a library's message, the sentence without the values that belong into it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final, TextIO

import orjson

from callscribe.failures import SafeError, describe

CALL_ID: Final[ContextVar[str]] = ContextVar("call_id", default="")
"""The call that the current task works on; on every line it logs."""

# At DEBUG these libraries write request bodies, secrets and audio. The streamer's log level is not theirs.
_LIBRARIES = ("aiobotocore", "aiofastnet", "aiohttp", "asyncio", "botocore", "picows")
_OWN = "streamer"
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON; what `extra` holds becomes fields.

    Args:
        service: Name of the service, on every line.
    """

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        own = record.name.partition(".")[0] == _OWN
        line: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "message": record.getMessage() if own else _sentence(record),
            "logger": record.name,
            "service": self._service,
        }
        if call_id := CALL_ID.get():
            line["call_id"] = call_id
        if own:
            line |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info and record.exc_info[1] is not None:
            line |= failure(record.exc_info[1])
        return orjson.dumps(line, default=lambda value: type(value).__name__).decode()


def _sentence(record: logging.LogRecord) -> str:
    """Return a library's message without values; asyncio writes whole tasks, and their errors, into further lines."""
    return str(record.msg).partition("\n")[0]


def configure(*, service: str, level: str, stream: TextIO = sys.stdout) -> None:
    """Send all logs of the process to *stream* as JSON lines.

    Args:
        service: Name of the service, on every line.
        level: Lowest level of the streamer's own messages; libraries only warn.
        stream: Where the lines go.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(_OWN).setLevel(level)
    for library in _LIBRARIES:
        logging.getLogger(library).setLevel(logging.WARNING)


def failure(error: BaseException) -> dict[str, str]:
    """Return the fields by which an error is logged: code and message of this project's own, else type and place."""
    if isinstance(error, BaseExceptionGroup):
        return {"error": ", ".join(describe(leaf) for leaf in _leaves(error))}
    if isinstance(error, SafeError):
        return {"error_code": error.code, "error_message": error.message}
    return {"error": describe(error)}


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
