import asyncio
import gc
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from callscribe.failures import SafeError
from streamer import logs

SECRET = "four score and seven"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root, own = logging.getLogger(), logging.getLogger("streamer")
    before = root.handlers[:], root.level, own.level
    stream = io.StringIO()
    logs.configure(service="live", level="DEBUG", stream=stream)
    yield stream
    root.handlers[:], _, _ = before
    root.setLevel(before[1])
    own.setLevel(before[2])


def written(stream: io.StringIO) -> dict[str, Any]:
    (line,) = stream.getvalue().splitlines()
    fields: dict[str, Any] = json.loads(line)
    return fields


def test_a_line_is_json_with_fields_and_the_call(lines: io.StringIO) -> None:
    token = logs.CALL_ID.set("call-7")
    logging.getLogger("streamer.calls.call").info("the call is %s", "taken", extra={"epoch": 3})
    logs.CALL_ID.reset(token)
    line = written(lines)
    assert line.pop("timestamp").endswith("+00:00")
    assert line == {
        "level": "INFO",
        "message": "the call is taken",
        "logger": "streamer.calls.call",
        "service": "live",
        "call_id": "call-7",
        "epoch": 3,
    }


def test_an_errors_text_is_not_written(lines: io.StringIO) -> None:
    try:
        raise KeyError(SECRET)
    except KeyError:
        logging.getLogger("streamer").exception("it failed")
    assert SECRET not in lines.getvalue()
    assert written(lines)["error"].startswith("KeyError at test_logs.py:")


def test_the_errors_of_a_group_are_named(lines: io.StringIO) -> None:
    try:
        raise ExceptionGroup(SECRET, [ValueError(SECRET), ExceptionGroup("inner", [KeyError(SECRET)])])
    except ExceptionGroup:
        logging.getLogger("streamer").exception("it failed")
    assert SECRET not in lines.getvalue()
    assert written(lines)["error"] == "ValueError at an unknown place, KeyError at an unknown place"


def test_the_projects_own_errors_are_written(lines: io.StringIO) -> None:
    logging.getLogger("streamer").error("it failed", extra=logs.failure(SafeError("Code", "what to do")))
    assert (written(lines)["error_code"], written(lines)["error_message"]) == ("Code", "what to do")


def test_a_librarys_values_are_not_written(lines: io.StringIO) -> None:
    logging.getLogger("asyncio").warning("Executing %s took %.3f seconds", SECRET, 1.0, extra={"text": SECRET})
    assert SECRET not in lines.getvalue()
    assert written(lines)["message"] == "Executing %s took %.3f seconds"


async def test_an_error_that_nobody_asked_for_is_told_without_its_text(lines: io.StringIO) -> None:
    async def fail() -> None:
        raise KeyError(SECRET)

    task = asyncio.create_task(fail())
    await asyncio.wait({task})
    del task
    gc.collect()
    assert SECRET not in lines.getvalue()
    line = written(lines)
    assert line["message"] == "Task exception was never retrieved"
    assert line["error"].startswith("KeyError at ")


@pytest.mark.parametrize("library", ["aiobotocore", "aiohttp.access", "botocore.parsers", "picows.deepgram"])
def test_libraries_only_warn(lines: io.StringIO, library: str) -> None:
    logging.getLogger(library).info(SECRET)
    assert not lines.getvalue()
