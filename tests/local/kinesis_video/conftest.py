from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from local.access.keys import AccessKey
from local.kinesis_video.admission import Admission
from local.kinesis_video.app import create_app
from local.kinesis_video.streams import Settings, Stream, Streams
from tests.fakes.serving import serving
from tests.fakes.signing import SigV4
from tests.patience import PATIENCE_SECONDS
from tests.streamer.media.calls import contact


@pytest.fixture
def settings() -> Settings:
    """A service that does not keep tests waiting."""
    return Settings(idle_seconds=0.05, requests_per_second=1_000, fragments_per_second=1_000)


@pytest.fixture
def streams(settings: Settings) -> Streams:
    return Streams(settings)


@pytest.fixture
def key() -> AccessKey:
    """The session's own key."""
    return AccessKey.generate()


@pytest.fixture
async def url(streams: Streams, key: AccessKey) -> AsyncIterator[str]:
    async with serving(create_app(streams, Admission(key))) as address:
        yield address


@pytest.fixture
async def http(url: str, key: AccessKey) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE_SECONDS, auth=SigV4(key)) as client:
        yield client


@pytest.fixture
def client_options(url: str, key: AccessKey) -> Callable[[], dict[str, Any]]:
    """Arguments of an AWS client that reaches the service."""
    return lambda: {
        "endpoint_url": url,
        "region_name": "us-east-1",
        "aws_access_key_id": key.access_key_id,
        "aws_secret_access_key": key.secret_access_key,
    }


@pytest.fixture
def stream(streams: Streams) -> Stream:
    """A stream that keeps eight fragments of a call, numbered from 1."""
    stream = streams.create("front-desk", retention_hours=1)
    for fragment in contact().fragments():
        stream.append(fragment)
    return stream
