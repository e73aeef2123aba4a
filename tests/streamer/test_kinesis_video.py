import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiobotocore.session import AioSession
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from streamer.aws import Signer
from streamer.get_media import Take
from streamer.kinesis_video import (
    FromTime,
    FromToken,
    KinesisVideo,
    StreamNotFound,
    StreamRefused,
    StreamUnavailable,
    TokenRefused,
)
from tests.fakes.serving import serving
from tests.patience import PATIENCE_SECONDS

ARN = "arn:aws:kinesisvideo:eu-central-1:123456789012:stream/connect-1/1"


class Service:
    """Kinesis Video Streams, as far as it is asked here."""

    def __init__(self) -> None:
        self.endpoints = 0
        self.asked: list[dict[str, Any]] = []
        self.refusal = ""
        self.second_piece = asyncio.Event()
        self.cut = False

    async def get_data_endpoint(self, request: Request) -> Response:
        self.endpoints += 1
        return JSONResponse({"DataEndpoint": str(request.base_url)})

    async def get_media(self, request: Request) -> Response:
        signed = datetime.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if abs(signed - datetime.now(UTC)) > timedelta(minutes=5):
            return JSONResponse({"message": "no"}, 401, headers={"x-amzn-ErrorType": "NotAuthorizedException"})
        self.asked.append(await request.json())
        if self.refusal:
            return JSONResponse({"message": "no"}, 400, headers={"x-amzn-ErrorType": self.refusal})
        return StreamingResponse(self._body())

    async def _body(self) -> AsyncIterator[bytes]:
        yield b"first"
        await self.second_piece.wait()
        if self.cut:
            raise ConnectionResetError
        yield b"second"


@pytest.fixture
async def service() -> Service:
    return Service()


@pytest.fixture
async def streams(service: Service, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[KinesisVideo]:
    session: Any = AioSession()  # type: ignore[no-untyped-call]
    session.set_credentials("AKIDEXAMPLE", "secret")
    app = Starlette(
        routes=[
            Route("/getDataEndpoint", service.get_data_endpoint, methods=["POST"]),
            Route("/getMedia", service.get_media, methods=["POST"]),
        ]
    )
    async with serving(app) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_KINESIS_VIDEO", url)
        async with KinesisVideo(
            session=session, region="eu-central-1", signer=Signer(session, region="eu-central-1")
        ) as opened:
            yield opened


def taker(pieces: list[bytes], *, goes_on: bool = True) -> Take:
    def take(data: bytes) -> bool:
        pieces.append(data)
        return goes_on

    return take


async def read(streams: KinesisVideo, start: FromTime | FromToken) -> list[bytes]:
    async with asyncio.timeout(PATIENCE_SECONDS), streams.media(ARN, start) as body:
        pieces: list[bytes] = []
        assert not await body.read(taker(pieces))
        return pieces


async def test_bytes_come_as_they_arrive(streams: KinesisVideo, service: Service) -> None:
    pieces: list[bytes] = []
    async with asyncio.timeout(PATIENCE_SECONDS), streams.media(ARN, FromToken("42")) as body:
        while await body.read(taker(pieces, goes_on=False)):
            service.second_piece.set()
    assert pieces == [b"first", b"second"]


async def test_a_body_begins_at_a_token_or_at_a_time(streams: KinesisVideo, service: Service) -> None:
    service.second_piece.set()
    await read(streams, FromToken("42"))
    await read(streams, FromTime(1_795_000_000_900))
    assert [asked["StartSelector"] for asked in service.asked] == [
        {"StartSelectorType": "CONTINUATION_TOKEN", "ContinuationToken": "42"},
        {"StartSelectorType": "PRODUCER_TIMESTAMP", "StartTimestamp": 1_795_000_000.9},
    ]


async def test_the_endpoint_of_a_stream_is_asked_for_once(streams: KinesisVideo, service: Service) -> None:
    service.second_piece.set()
    for _ in range(3):
        await read(streams, FromToken("42"))
    assert service.endpoints == 1


async def test_more_calls_are_read_at_once_than_botocore_would_connect(streams: KinesisVideo, service: Service) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as tasks:
        reading = [tasks.create_task(read(streams, FromToken("42"))) for _ in range(30)]
        while len(service.asked) < 30:
            await asyncio.sleep(0.01)
        service.second_piece.set()
    # On a busy machine both pieces may be there before anybody reads.
    assert {b"".join(task.result()) for task in reading} == {b"firstsecond"}


@pytest.mark.parametrize(
    ("code", "start", "error"),
    [
        ("ResourceNotFoundException", FromTime(1_000), StreamNotFound),
        ("NotAuthorizedException", FromTime(1_000), StreamRefused),
        ("InvalidArgumentException", FromToken("42"), TokenRefused),
        ("InvalidArgumentException", FromTime(1_000), StreamUnavailable),
        ("ConnectionLimitExceededException", FromToken("42"), StreamUnavailable),
        ("ClientLimitExceededException", FromToken("42"), StreamUnavailable),
    ],
)
async def test_refusals_are_told_apart(
    streams: KinesisVideo, service: Service, code: str, start: FromTime | FromToken, error: type[Exception]
) -> None:
    service.refusal = code
    with pytest.raises(error):
        await read(streams, start)


async def test_after_a_failure_the_endpoint_is_asked_for_again(streams: KinesisVideo, service: Service) -> None:
    service.refusal = "InvalidEndpointException"
    for _ in range(2):
        with pytest.raises(StreamUnavailable, match="InvalidEndpointException"):
            await read(streams, FromToken("42"))
    assert service.endpoints == 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_body_that_breaks_off_is_a_passing_failure(streams: KinesisVideo, service: Service) -> None:
    service.cut = True
    service.second_piece.set()
    with pytest.raises(StreamUnavailable):
        await read(streams, FromToken("42"))


async def test_a_service_that_is_not_there_is_a_passing_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    session: Any = AioSession()  # type: ignore[no-untyped-call]
    session.set_credentials("AKIDEXAMPLE", "secret")
    monkeypatch.setenv("AWS_ENDPOINT_URL_KINESIS_VIDEO", "http://127.0.0.1:1")
    async with KinesisVideo(
        session=session, region="eu-central-1", signer=Signer(session, region="eu-central-1")
    ) as opened:
        with pytest.raises(StreamUnavailable):
            await read(opened, FromToken("42"))


async def test_a_host_whose_clock_is_wrong_reads_all_the_same(streams: KinesisVideo, service: Service) -> None:
    streams._signer._clock = lambda: time.time() + 3600
    service.second_piece.set()
    for told in await asyncio.gather(*(read(streams, FromToken("42")) for _ in range(5))):
        assert b"".join(told) == b"firstsecond"
    assert len(service.asked) == 5
