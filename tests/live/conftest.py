"""The emulator for all live calls, what each test has on it, and what an undisturbed call comes to."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from local.emulator.process import Emulator
from local.server_process import free_port
from tests.live.calls import Transcript
from tests.live.fast_loop import FastLoop
from tests.live.stage import Stage, new_stage
from tests.streamer.calls.cloud import ACCESS_KEY, Cloud, new_cloud


def pytest_asyncio_loop_factories(item: pytest.Function) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Time runs fast but for tests with processes of their own."""
    return {"wall": asyncio.new_event_loop} if getattr(item.module, "WALL_CLOCK", False) else {"fast": FastLoop}


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    directory = tmp_path_factory.mktemp("emulator")
    with Emulator(
        port=free_port(), directory=directory, runtime_python=Path(sys.executable), key=ACCESS_KEY
    ) as running:
        yield running


@pytest.fixture(scope="session")
def table(emulator: Emulator) -> Cloud:
    """The table and the secret that all calls share."""

    async def made() -> Cloud:
        async with new_cloud() as cloud:
            return cloud

    with _pointed_at(emulator):
        return asyncio.run(made())


@pytest.fixture
async def stage(emulator: Emulator, table: Cloud) -> AsyncIterator[Stage]:
    with _pointed_at(emulator):
        async with new_stage(emulator, table) as made:
            yield made
            made.assert_paced()
            await made.assert_private()


@pytest.fixture(scope="session")
def undisturbed(emulator: Emulator, table: Cloud) -> Transcript:
    """What is stored of the call of all tests when nothing happens to it."""

    async def follow() -> Transcript:
        async with new_stage(emulator, table) as stage, stage.streamer():
            await stage.follow()
            return await stage.transcript()

    with _pointed_at(emulator), asyncio.Runner(loop_factory=FastLoop) as runner:
        return runner.run(follow())


@contextmanager
def _pointed_at(emulator: Emulator) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        for name, value in emulator.environment.items():
            environment.setenv(name, value)
        yield
