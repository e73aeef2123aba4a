"""The emulator for all tests of calls, and what each of them has on it."""

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from local.emulator.process import Emulator
from local.server_process import free_port
from tests.streamer.calls.cloud import ACCESS_KEY, Cloud, new_cloud
from tests.streamer.calls.stage import Stage, new_stage


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    directory = tmp_path_factory.mktemp("emulator")
    with Emulator(
        port=free_port(), directory=directory, runtime_python=Path(sys.executable), key=ACCESS_KEY
    ) as running:
        yield running


@pytest.fixture
async def cloud(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cloud]:
    for name, value in emulator.environment.items():
        monkeypatch.setenv(name, value)
    async with new_cloud() as made:
        yield made


@pytest.fixture
async def stage(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    async with new_stage(cloud, monkeypatch) as made:
        yield made
