"""What each test of calls has around it, in simulated time."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from streamer.aws import config
from tests.live.conftest import pytest_asyncio_loop_factories as pytest_asyncio_loop_factories
from tests.live.conftest import stage as stage
from tests.live.stage import Cloud, SimulatedStage


@pytest.fixture
def table(stage: SimulatedStage) -> Cloud:
    """The table, as tests look at it and change it."""
    return stage.cloud


@pytest.fixture
async def dynamodb(stage: SimulatedStage) -> AsyncIterator[Any]:
    """The client of a streamer."""
    async with stage.client("dynamodb", config()) as client:
        yield client


@pytest.fixture
async def sqs(stage: SimulatedStage) -> AsyncIterator[Any]:
    """The client of a streamer."""
    async with stage.client("sqs", config(read_timeout=30)) as client:
        yield client
