"""What each test of live calls has around it, and what an undisturbed call comes to."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import pytest

from local.emulator.process import Emulator
from local.server_process import free_port
from tests.live.calls import Transcript
from tests.live.stage import SimulatedStage, new_stage
from tests.live.wall_stage import ACCESS_KEY, WallStage, new_wall_stage
from tests.simulation.clock import SimulatedTimeLoop


def pytest_asyncio_loop_factories(item: pytest.Function) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Time is simulated but for tests with processes of their own."""
    if getattr(item.module, "WALL_CLOCK", False):
        return {"wall": asyncio.new_event_loop}
    return {"simulated": SimulatedTimeLoop}


@pytest.fixture
async def stage() -> AsyncIterator[SimulatedStage]:
    async with new_stage() as made:
        yield made
        made.assert_paced()
        await made.assert_private()


@pytest.fixture(scope="session")
def undisturbed() -> Transcript:
    """What is stored of the call of all tests when nothing happens to it."""

    async def follow() -> Transcript:
        async with new_stage() as stage:
            async with stage.streamer():
                await stage.follow()
            return await stage.transcript()

    with asyncio.Runner(loop_factory=SimulatedTimeLoop) as runner:
        return runner.run(follow())


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    directory = tmp_path_factory.mktemp("emulator")
    with Emulator(
        port=free_port(), directory=directory, runtime_python=Path(sys.executable), key=ACCESS_KEY
    ) as running:
        yield running


@pytest.fixture
async def wall_stage(emulator: Emulator) -> AsyncIterator[WallStage]:
    async with new_wall_stage(emulator) as made:
        yield made
        await made.assert_private()
