"""What each test of calls has around it: in simulated time, or on the emulator where it is AWS that is looked at."""

from collections.abc import AsyncIterator

import pytest

from local.emulator.process import Emulator
from tests.live.conftest import emulator as emulator
from tests.live.conftest import pytest_asyncio_loop_factories as pytest_asyncio_loop_factories
from tests.live.conftest import stage as stage
from tests.live.wall_stage import WallStage, new_wall_stage
from tests.streamer.calls.cloud import Cloud, Table, new_cloud, new_table


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
