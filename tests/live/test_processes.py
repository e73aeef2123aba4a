"""Streamers as processes, on the wall's clock: killed, stopped and cut off in mid-call."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from local.server_process import ROOT, ChildProcess, free_port
from tests.live.calls import SECONDS, Transcript
from tests.live.wall_stage import WallStage

WALL_CLOCK = True

# Deepgram takes a replay only so much faster than it was said, and a call may be played as fast.
PACE = 1.25
LEASE_SECONDS = 4
CALLS = 20
_PASSED_ON = ("HOME", "LANG", "PATH", "TMPDIR")


class Streamer(ChildProcess):
    """A streamer in a process of its own."""

    def __init__(self, stage: WallStage, directory: Path, name: str) -> None:
        port = free_port()
        environment = {
            **{variable: os.environ[variable] for variable in _PASSED_ON if variable in os.environ},
            **stage.emulator.environment,
            "AWS_ENDPOINT_URL_KINESIS_VIDEO": stage.streams_url,
            "AWS_EC2_METADATA_DISABLED": "true",
            **stage.environment(slots=2 * CALLS, lease_seconds=LEASE_SECONDS, health_port=port).to_variables(),
            "PYTHONPATH": str(ROOT),
        }
        super().__init__(
            name=f"streamer {name}",
            command=[sys.executable, "-m", "local.streamer_process"],
            environment=environment,
            port=port,
            health_path="/health",
            log=directory / f"{name}.log",
            start_seconds=60.0,
            stop_seconds=120.0,
        )


@pytest.fixture
def stage(wall_stage: WallStage) -> WallStage:
    return wall_stage


@asynccontextmanager
async def running(stage: WallStage, directory: Path, name: str) -> AsyncIterator[Streamer]:
    """Start a streamer beside the services that it needs, and see that it does not stay."""
    streamer = Streamer(stage, directory, name)
    await asyncio.to_thread(streamer.start)
    try:
        yield streamer
    finally:
        await asyncio.to_thread(streamer.kill)
        await stage.assert_private(streamer.log.read_text())


async def talk(stage: WallStage, call_id: str) -> None:
    """Speak a call into a stream of its own, hang up, and let another contact follow."""
    await stage.play(stage.contact(call_id), stream=call_id, pace=PACE)
    await stage.hang_up(call_id)
    later = stage.started_at_ms + round(SECONDS * 1000) + 1_000
    await stage.play(stage.contact(f"{call_id}-after", start_ms=later), stream=call_id, until=1, pace=100)


async def assert_heard_like(stage: WallStage, undisturbed: Transcript, call_id: str) -> None:
    item = await stage.ended(call_id)
    assert await stage.transcript(call_id) == undisturbed
    assert (item["status"], item["complete"], item["gaps"]) == ("completed", True, [])
    assert sorted(stage.heard(call_id)) == list(range(1, item["next_seq"]))


async def test_a_streamer_that_is_killed_in_mid_call_is_followed_by_another(
    stage: WallStage, undisturbed: Transcript, tmp_path: Path
) -> None:
    call_ids = [f"{stage.call_id}-{number}" for number in range(3)]
    async with asyncio.TaskGroup() as callers, running(stage, tmp_path, "killed") as killed:
        for call_id in call_ids:
            await stage.announce(call_id, stream=call_id)
            callers.create_task(talk(stage, call_id))
        for call_id in call_ids:
            await stage.words(3, call_id)
        os.kill(killed.pid, signal.SIGKILL)
        async with running(stage, tmp_path, "next"):
            for call_id in call_ids:
                await assert_heard_like(stage, undisturbed, call_id)
                assert (await stage.cloud.live(call_id))["handovers"] >= 1


async def test_a_streamer_that_is_stopped_hands_twenty_calls_over(
    stage: WallStage, undisturbed: Transcript, tmp_path: Path
) -> None:
    call_ids = [f"{stage.call_id}-{number}" for number in range(CALLS)]
    async with asyncio.TaskGroup() as callers, running(stage, tmp_path, "stopped") as stopped:
        for call_id in call_ids:
            await stage.announce(call_id, stream=call_id)
            callers.create_task(talk(stage, call_id))
        for call_id in call_ids:
            await stage.words(2, call_id)
        async with running(stage, tmp_path, "next"):
            stopping = callers.create_task(asyncio.to_thread(stopped.stop))
            for call_id in call_ids:
                await stage.until(call_id, lambda item: item["epoch"] > 1)
            for call_id in call_ids:
                await assert_heard_like(stage, undisturbed, call_id)
            await stopping
    assert '"message":"drained"' in stopped.log.read_text()
