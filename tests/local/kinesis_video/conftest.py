from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from local.kinesis_video.app import create_app
from local.kinesis_video.streams import Settings, Streams
from tests.fakes.serving import serving


@pytest.fixture
def settings() -> Settings:
    """A service that does not keep tests waiting."""
    return Settings(idle_seconds=0.05, requests_per_second=1_000, fragments_per_second=1_000)


@pytest.fixture
def streams(settings: Settings) -> Streams:
    return Streams(settings)


@pytest.fixture
async def url(streams: Streams) -> AsyncIterator[str]:
    async with serving(create_app(streams)) as address:
        yield address


@pytest.fixture
async def http(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        yield client


@pytest.fixture
def client_options(url: str) -> Callable[[], dict[str, Any]]:
    """Arguments of an AWS client that reaches the service."""
    return lambda: {
        "endpoint_url": url,
        "region_name": "us-east-1",
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
    }
