"""Streamers as processes, on the wall's clock: killed and stopped in mid-call."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from local.server_process import ROOT, ChildProcess, free_port
from streamer import health
from tests.callscribe.environments.test_variables import STREAMER
from tests.live.calls import SECONDS, Transcript
from tests.live.wall_stage import WallStage
from tests.patience import PATIENCE_SECONDS, eventually

WALL_CLOCK = True

# Deepgram takes a replay only so much faster than it was said, and a call may be played as fast.
PACE = 1.25
LEASE_SECONDS = 4
CALLS = 8
# Where callers wait for the next streamer, by fragments of a second.
PARTS = ((0, 8), (8, 16), (16, None))
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
            health_path=health.PATH,
            log=directory / f"{name}.log",
            start_seconds=PATIENCE_SECONDS,
            stop_seconds=PATIENCE_SECONDS,
        )

    def told(self) -> list[dict[str, object]]:
        """The lines of its log."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


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


async def talk(stage: WallStage, call_id: str, followed: list[asyncio.Event]) -> None:
    """Speak a call into a stream of its own, hang up, and let another contact follow.

    Args:
        stage: Where.
        call_id: The call.
        followed: What is waited for before each part but the first.
    """
    for (first, until), go_on in zip(PARTS, [None, *followed], strict=True):
        if go_on is not None:
            await go_on.wait()
        await stage.play(stage.contact(call_id), stream=call_id, first=first, until=until, pace=PACE)
    await stage.hang_up(call_id)
    later = stage.started_at_ms + round(SECONDS * 1000) + 1_000
    await stage.play(stage.contact(f"{call_id}-after", start_ms=later), stream=call_id, until=1, pace=100)


async def test_calls_whose_streamers_are_killed_and_stopped_are_heard_as_if_nothing_had_happened(
    stage: WallStage, undisturbed: Transcript, tmp_path: Path
) -> None:
    call_ids = [f"{stage.call_id}-{number}" for number in range(CALLS)]
    followed = [asyncio.Event(), asyncio.Event()]

    async def followed_by(epoch: int) -> None:
        for call_id in call_ids:
            await stage.until(call_id, lambda item: item["epoch"] >= epoch)
        followed[epoch - 2].set()

    async with asyncio.TaskGroup() as callers, running(stage, tmp_path, "killed") as killed:
        for call_id in call_ids:
            await stage.announce(call_id, stream=call_id)
            callers.create_task(talk(stage, call_id, followed))
        for call_id in call_ids:
            await stage.words(2, call_id)
        os.kill(killed.pid, signal.SIGKILL)
        async with running(stage, tmp_path, "stopped") as stopped:
            await followed_by(2)
            for call_id in call_ids:
                await stage.words(5, call_id)
            assert await asyncio.to_thread(health.check, stopped.port)
            os.kill(stopped.pid, signal.SIGTERM)
            await asyncio.to_thread(eventually, lambda: stopped.exit_status is not None)
            assert stopped.exit_status == os.EX_OK
        assert {(await stage.cloud.live(call_id))["status"] for call_id in call_ids} == {"released"}
        assert await stage.cloud.waiting() == CALLS
        async with running(stage, tmp_path, "last"):
            await followed_by(3)
            for call_id in call_ids:
                item = await stage.ended(call_id)
                assert await stage.transcript(call_id) == undisturbed
                assert (item["status"], item["complete"], item["gaps"]) == ("completed", True, [])
                assert item["handovers"] >= 2
                assert sorted(stage.heard(call_id)) == list(range(1, item["next_seq"]))
    assert [line["message"] for line in stopped.told() if "message" in line][-1] == "drained"
    assert sum(int(str(line["HandOvers"])) for line in stopped.told() if "HandOvers" in line) == CALLS


async def test_wrong_settings_end_a_streamer_at_once_and_it_says_why() -> None:
    ended = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "streamer"],
        cwd=ROOT,
        env={**os.environ, **STREAMER, "SLOTS": "many"},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert ended.returncode == os.EX_CONFIG
    (line,) = (ended.stdout + ended.stderr).splitlines()
    assert "SLOTS: Expected `int`" in json.loads(line)["message"]
