"""What each test of calls has around it: in simulated time, or on the emulator where it is AWS that is looked at."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import pytest

from local.emulator.process import Emulator
from local.server_process import free_port
from tests.live.stage import SimulatedStage, new_stage
from tests.live.wall_stage import WallStage, new_wall_stage
from tests.simulation.clock import SimulatedTimeLoop
from tests.streamer.calls.cloud import ACCESS_KEY, Cloud, Table, new_cloud, new_table


def pytest_asyncio_loop_factories(item: pytest.Function) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Time is simulated but for tests of processes and of services on the emulator."""
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
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    directory = tmp_path_factory.mktemp("emulator")
    with Emulator(
        port=free_port(), directory=directory, runtime_python=Path(sys.executable), key=ACCESS_KEY
    ) as running:
        yield running


@pytest.fixture
def _account(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """The emulator, to which everything in this process is led."""
    for name, value in emulator.environment.items():
        monkeypatch.setenv(name, value)
    return emulator


@pytest.fixture
async def table(_account: Emulator) -> AsyncIterator[Table]:
    async with new_table() as made:
        yield made


@pytest.fixture
async def cloud(_account: Emulator) -> AsyncIterator[Cloud]:
    async with new_cloud() as made:
        yield made


@pytest.fixture
async def wall_stage(_account: Emulator) -> AsyncIterator[WallStage]:
    async with new_wall_stage(_account) as made:
        yield made
        await made.assert_private()
