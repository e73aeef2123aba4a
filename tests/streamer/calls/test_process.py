"""The streamer as a process of its own."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from local.server_process import ROOT, free_port
from streamer import health
from tests.callscribe.environments.test_variables import STREAMER as ENVIRONMENT
from tests.live.wall_stage import WallStage
from tests.patience import PATIENCE_SECONDS
from tests.streamer.calls.audio import contact, speech
from tests.streamer.calls.cloud import KEY

WALL_CLOCK = True
CALL = "call-7"


@asynccontextmanager
async def process(**environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "streamer"),
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()


async def output(running: asyncio.subprocess.Process) -> list[str]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        text, _ = await running.communicate()
    return text.decode().splitlines()


async def test_wrong_settings_end_it_at_once_and_say_why() -> None:
    async with process(**ENVIRONMENT | {"SLOTS": "many"}) as running:
        (line,) = await output(running)
    assert running.returncode == os.EX_CONFIG
    assert "SLOTS: Expected `int`" in json.loads(line)["message"]


async def test_sigterm_hands_over_and_nothing_said_is_in_the_log(wall_stage: WallStage) -> None:
    stage, table = wall_stage, wall_stage.table
    stage.put(contact(CALL, speech(0, 3), speech(500, 3), start_ms=stage.started_at_ms))
    await stage.announce(CALL)
    port = free_port()
    settings = ENVIRONMENT | {
        "AWS_REGION": "us-east-1",
        "TABLE_NAME": table.table,
        "CALLS_QUEUE_URL": table.queue_url,
        "FAILED_CALLS_QUEUE_URL": table.failed_queue_url,
        "DEEPGRAM_SECRET_ARN": table.secret_arn,
        "AWS_ENDPOINT_URL_KINESIS_VIDEO": stage.streams_url,
        "DEEPGRAM_STREAM_URL": stage.deepgram_url,
        "EVENT_BUS_NAME": "default",
        "FLAGS": "eye-clinic-v1",
        "LOG_LEVEL": "DEBUG",
        "HEALTH_PORT": str(port),
    }
    async with process(**settings) as running:
        await stage.words(2, CALL)
        assert await asyncio.to_thread(health.check, port)
        running.send_signal(signal.SIGTERM)
        lines = await output(running)
    assert running.returncode == os.EX_OK
    assert (await stage.cloud.live(CALL))["status"] == "released"
    assert await table.messages(table.queue_url) == {"visible": 1, "hidden": 0}
    written = [json.loads(line) for line in lines]
    assert [line["message"] for line in written if "message" in line][-1] == "drained"
    assert [line["HandOvers"] for line in written if "HandOvers" in line] == [1]
    assert not re.search(r"\bf\d+\b", "\n".join(lines))
    assert KEY not in "\n".join(lines)
