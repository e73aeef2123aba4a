"""The doubles of live calls keep what `contracts` says, and so do the servers that other tests and the laptop use."""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import httpx
import pytest
from aiobotocore.session import AioSession

from local.access.keys import AccessKey
from local.kinesis_video.admission import Admission
from local.kinesis_video.app import create_app
from local.kinesis_video.get_media import Sessions
from local.kinesis_video.streams import Settings, Streams
from local.speech.app import SERVER_OPTIONS, create_frames_app
from local.speech.engines.frames import FramesEngine
from local.speech.live.journal import StreamJournal
from local.speech.live.service import LiveService
from streamer.aws import Signer, config
from streamer.get_media import get_media
from tests.fakes.serving import serving
from tests.fakes.signing import SigV4
from tests.simulation.clock import EPOCH, SimulatedTimeLoop, simulate
from tests.simulation.live.aws import Account, Session, Signal
from tests.simulation.live.aws import get_media as get_media_in_process
from tests.simulation.live.contracts.calls import CALLS, Calls
from tests.simulation.live.contracts.speech import KEY, SPEECH, Speech, a_result
from tests.simulation.live.contracts.video import STREAMS, Video
from tests.simulation.live.deepgram import Sockets
from tests.simulation.live.network import Conditions, Network
from tests.simulation.queues import Queue
from tests.simulation.table import Table

_REGION: Final = "us-east-1"
_PARALLEL_STREAMS: Final = 3


def _clock() -> float:
    return EPOCH + asyncio.get_running_loop().time()


def _conditions() -> Conditions:
    return Conditions(rng=random.Random(0), now=asyncio.get_running_loop().time)


def _account(streams: Streams) -> Account:
    visible = Signal()
    failed = Queue("failed-calls", _clock)
    return Account(
        table=Table(clock=_clock),
        calls=Queue("calls", _clock, dead_letters=failed, changed=visible.give),
        failed=failed,
        visible=visible,
        streams=streams,
        bodies=Sessions(streams.settings),
        parameters={},
        secret=KEY,
    )


@asynccontextmanager
async def _calls_in_process() -> AsyncIterator[Calls]:
    account = _account(Streams(Settings(region=_REGION), clock=_clock))
    session = Session(account, _conditions(), Network(), "streamer")
    async with (
        session.create_client("dynamodb", config=config()) as dynamodb,
        session.create_client("sqs", config=config(read_timeout=30)) as sqs,
    ):
        yield Calls(
            dynamodb=dynamodb, sqs=sqs, table="transcripts", queue=account.calls.name, failed=account.failed.name
        )


def _opener(opens: Any, session: Any, endpoint: str) -> Callable[[dict[str, Any]], Awaitable[Any]]:
    signer = Signer(session, region=_REGION)
    return lambda request: opens(signer=signer, endpoint=endpoint, request=request)


@asynccontextmanager
async def _video_in_process() -> AsyncIterator[Video]:
    streams = Streams(Settings(region=_REGION), clock=_clock)
    account = _account(streams)

    async def fail(entry: dict[str, Any]) -> None:
        account.bodies.faults.add({"match": "", "then": [entry]})

    session = Session(account, _conditions(), Network(), "streamer")
    async with session.create_client("kinesisvideo", config=config()) as control:
        yield Video(streams=streams, control=control, open=_opener(get_media_in_process, session, ""), fail=fail)


@asynccontextmanager
async def _video_over_http() -> AsyncIterator[Video]:
    streams, key = Streams(Settings(region=_REGION), clock=_clock), AccessKey.generate()
    session: Any = AioSession()  # type: ignore[no-untyped-call]
    session.set_credentials(key.access_key_id, key.secret_access_key)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serving(create_app(streams, Admission(key)), timeout_keep_alive=3600))
        steering = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=None, auth=SigV4(key)))

        async def fail(entry: dict[str, Any]) -> None:
            answer = await steering.post("/_local/faults", json={"match": "", "then": [entry]})
            assert answer.status_code == 204, answer.text

        client = session.create_client("kinesisvideo", config=config(), region_name=_REGION, endpoint_url=url)
        control = await stack.enter_async_context(client)
        yield Video(streams=streams, control=control, open=_opener(get_media, session, url), fail=fail)


def _service() -> LiveService:
    return LiveService(engine=FramesEngine(), key=KEY, journal=StreamJournal(_PARALLEL_STREAMS))


@asynccontextmanager
async def _speech_in_process() -> AsyncIterator[Speech]:
    service, network = _service(), Network()
    sockets = Sockets(service, _conditions(), lambda: network)
    with patch("streamer.deepgram.connection.ws_connect", sockets.connect):
        yield Speech(url="ws://deepgram.invalid", service=service)


@asynccontextmanager
async def _speech_over_websockets() -> AsyncIterator[Speech]:
    service = _service()
    async with serving(create_frames_app(service), **SERVER_OPTIONS) as url:
        yield Speech(url=url.replace("http", "ws", 1), service=service)


def _play(place: Callable[[], AbstractAsyncContextManager[Any]], scenario: Callable[[Any], Awaitable[None]]) -> None:
    async def play() -> None:
        async with place() as around:
            await scenario(around)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedTimeLoop)
        await loop.end_others()

    simulate(play())


@pytest.mark.parametrize("scenario", CALLS, ids=lambda scenario: scenario.__name__)
def test_table_and_queues_do_what_aws_does(scenario: Callable[[Calls], Awaitable[None]]) -> None:
    """`tests/emulator/test_doubles.py` asks the emulator the same."""
    _play(_calls_in_process, scenario)


HTTP = pytest.mark.parametrize("place", [_video_in_process, _video_over_http], ids=["in process", "over HTTP"])
WEBSOCKETS = pytest.mark.parametrize(
    "place", [_speech_in_process, _speech_over_websockets], ids=["in process", "over WebSockets"]
)


@pytest.mark.parametrize("scenario", STREAMS, ids=lambda scenario: scenario.__name__)
@HTTP
def test_kinesis_video_does_what_aws_does(
    place: Callable[[], AbstractAsyncContextManager[Video]], scenario: Callable[[Video], Awaitable[None]]
) -> None:
    _play(place, scenario)


@pytest.mark.parametrize("scenario", SPEECH, ids=lambda scenario: scenario.__name__)
@WEBSOCKETS
def test_speech_is_streamed_as_deepgram_does(
    place: Callable[[], AbstractAsyncContextManager[Speech]], scenario: Callable[[Speech], Awaitable[None]]
) -> None:
    _play(place, scenario)


@pytest.mark.skipif(
    "CALLSCRIBE_DEEPGRAM_FIXTURES" not in os.environ, reason="CALLSCRIBE_DEEPGRAM_FIXTURES names no folder"
)
@WEBSOCKETS
def test_results_have_the_form_of_those_that_were_recorded(
    place: Callable[[], AbstractAsyncContextManager[Speech]],
) -> None:
    recorded = sorted(Path(os.environ["CALLSCRIBE_DEEPGRAM_FIXTURES"], "streaming").glob("real_results_*.json"))
    assert recorded

    async def scenario(speech: Speech) -> None:
        said = await a_result(speech)
        for path in recorded:
            assert form(json.loads(path.read_text("utf-8"))) == form(said), path.name

    _play(place, scenario)


def form(value: Any) -> Any:
    """The names and types of a message; of a list, those of its first element."""
    match value:
        case dict():
            return {name: form(part) for name, part in value.items()}
        case list():
            return [form(part) for part in value[:1]]
        case bool() | str():
            return type(value)
    return float
