"""The AWS clients, as they are, against the service."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

import boto3
import httpx
import pytest
from aiobotocore.session import get_session

from local.kinesis_video.streams import Settings, Stream, Streams
from operations.verification.fragments import fragment_number
from streamer.media.call_media import CallMedia
from tests.streamer.media.calls import AGENT_PCM, CALL, CUSTOMER_PCM, START_MS, contact, pcm_of, read, stereo

Options = Callable[[], dict[str, Any]]
WHOLE = stereo(CUSTOMER_PCM, AGENT_PCM)


def first_number(body: bytes) -> str | None:
    """Number of the fragment with which a body begins."""
    mark = b"AWS_KINESISVIDEO_FRAGMENT_NUMBER"
    at = body.find(mark)
    return None if at < 0 else body[at + len(mark) + 3 :][:47].decode()


async def get(http: httpx.AsyncClient, stream: Stream, **selector: Any) -> bytes:
    """Read a body to its end, by the protocol that the AWS clients speak."""
    answer = await http.post("/getMedia", json={"StreamARN": stream.arn, "StartSelector": selector})
    assert answer.status_code == 200, answer.text
    return answer.content


def opened(http: httpx.AsyncClient, stream: Stream, **selector: Any) -> AbstractAsyncContextManager[httpx.Response]:
    return http.stream("POST", "/getMedia", json={"StreamARN": stream.arn, "StartSelector": selector})


async def refusal(http: httpx.AsyncClient, stream: Stream) -> str:
    selector = {"StartSelectorType": "EARLIEST"}
    answer = await http.post("/getMedia", json={"StreamARN": stream.arn, "StartSelector": selector})
    assert answer.status_code >= 400
    assert answer.json()["Message"]
    return answer.headers["x-amzn-ErrorType"]


async def test_boto3_creates_finds_reads_and_deletes_a_stream(client_options: Options, streams: Streams) -> None:
    def create() -> str:
        video = boto3.client("kinesisvideo", **client_options())
        arn: str = video.create_stream(StreamName="front-desk", DataRetentionInHours=24)["StreamARN"]
        video.create_stream(StreamName="back-office")
        return arn

    def use(arn: str) -> bytes:
        video = boto3.client("kinesisvideo", **client_options())
        assert video.describe_stream(StreamName="front-desk")["StreamInfo"]["DataRetentionInHours"] == 24
        listed = video.list_streams(
            StreamNameCondition={"ComparisonOperator": "BEGINS_WITH", "ComparisonValue": "front"}
        )["StreamInfoList"]
        assert [info["StreamARN"] for info in listed] == [arn]
        endpoint = video.get_data_endpoint(StreamARN=arn, APIName="GET_MEDIA")["DataEndpoint"]
        media = boto3.client("kinesis-video-media", **{**client_options(), "endpoint_url": endpoint})
        answer = media.get_media(StreamARN=arn, StartSelector={"StartSelectorType": "EARLIEST"})
        assert answer["ContentType"] == "video/webm"
        data: bytes = answer["Payload"].read()
        video.delete_stream(StreamARN=arn)
        with pytest.raises(video.exceptions.ResourceNotFoundException):
            video.describe_stream(StreamARN=arn)
        return data

    arn = await asyncio.to_thread(create)
    for fragment in contact().fragments():
        streams.find(arn=arn).append(fragment)
    body = await asyncio.to_thread(use, arn)
    assert pcm_of(read(CallMedia(call_id=CALL), [body])) == WHOLE


async def test_aiobotocore_reads_a_stream_from_the_endpoint_it_is_told(
    client_options: Options, stream: Stream, settings: Settings
) -> None:
    session: Any = get_session()  # type: ignore[no-untyped-call]
    start = dt.datetime.fromtimestamp(START_MS / 1000, dt.UTC)
    selector = {"StartSelectorType": "PRODUCER_TIMESTAMP", "StartTimestamp": start}
    async with AsyncExitStack() as clients:
        video = await clients.enter_async_context(session.create_client("kinesisvideo", **client_options()))
        told = await video.get_data_endpoint(StreamARN=stream.arn, APIName="GET_MEDIA")
        options = {**client_options(), "endpoint_url": told["DataEndpoint"]}
        media = await clients.enter_async_context(session.create_client("kinesis-video-media", **options))
        answer = await media.get_media(StreamARN=stream.arn, StartSelector=selector)
        async with answer["Payload"] as body:
            assert pcm_of(read(CallMedia(call_id=CALL), [await body.read()])) == WHOLE
        settings.connections = 0
        with pytest.raises(media.exceptions.ConnectionLimitExceededException):
            await media.get_media(StreamARN=stream.arn, StartSelector=selector)
        settings.requests_per_second = 0
        with pytest.raises(media.exceptions.ClientLimitExceededException):
            await media.get_media(StreamARN=stream.arn, StartSelector=selector)
        with pytest.raises(media.exceptions.ResourceNotFoundException):
            await media.get_media(StreamName="unknown", StartSelector=selector)


class TestWhereABodyBegins:
    async def test_a_token_may_be_inclusive(self, http: httpx.AsyncClient, stream: Stream, settings: Settings) -> None:
        settings.inclusive_tokens = True
        body = await get(http, stream, StartSelectorType="CONTINUATION_TOKEN", ContinuationToken=fragment_number(3))
        assert first_number(body) == fragment_number(3)

    async def test_a_moment_to_come_is_waited_for(
        self, http: httpx.AsyncClient, stream: Stream, settings: Settings
    ) -> None:
        settings.idle_seconds = 60
        selector = {"StartSelectorType": "SERVER_TIMESTAMP", "StartTimestamp": time.time() + 86_400}
        async with opened(http, stream, **selector) as body:
            stream.append(next(contact().fragments()))
            assert first_number(await anext(body.aiter_bytes(4_096))) == fragment_number(9)


class TestLimits:
    async def test_a_body_ends_when_nothing_comes(self, http: httpx.AsyncClient, stream: Stream) -> None:
        await get(http, stream, StartSelectorType="EARLIEST")
        [session] = (await http.get("/_local/sessions")).json()["sessions"]
        assert (session["status"], session["fragments"]) == ("idle", 8)

    async def test_without_retention_the_oldest_fragments_go(self, streams: Streams) -> None:
        stream = streams.create("brief")
        first = stream.append(next(contact().fragments()))
        stream._expire(first.server_ms + 1)
        assert len(list(stream)) == 1
        stream.append(next(contact().fragments()))
        stream._expire(first.server_ms + 300_000 - 1)
        assert [stored.serial for stored in stream] == [1, 2]


class TestOrderedFailures:
    @staticmethod
    async def order(http: httpx.AsyncClient, **entry: Any) -> None:
        answer = await http.post("/_local/faults", json={"match": "front", "then": [entry]})
        assert answer.status_code == 204, answer.text

    @pytest.mark.parametrize(
        "code", ["ConnectionLimitExceededException", "ResourceNotFoundException", "InternalFailure"]
    )
    async def test_refuse(self, http: httpx.AsyncClient, stream: Stream, code: str) -> None:
        await self.order(http, action="refuse", code=code)
        assert await refusal(http, stream) == code
        assert first_number(await get(http, stream, StartSelectorType="EARLIEST")) == fragment_number(1)

    async def test_end(self, http: httpx.AsyncClient, stream: Stream) -> None:
        await self.order(http, action="end", after=2, bytes=900)
        reader = CallMedia(call_id=CALL)
        audio = read(reader, [await get(http, stream, StartSelectorType="EARLIEST")])
        assert pcm_of(audio) == WHOLE[: 2 * 16 * 2_048]
        assert reader.continuation_token == fragment_number(2)

    async def test_break(self, http: httpx.AsyncClient, stream: Stream) -> None:
        await self.order(http, action="break", after=1)
        with pytest.raises(httpx.RemoteProtocolError):
            await get(http, stream, StartSelectorType="EARLIEST")
        assert stream.readers == 0

    async def test_error(self, http: httpx.AsyncClient, stream: Stream) -> None:
        await self.order(http, action="error", after=1, code="KMS_KEY_DISABLED", id="4501")
        reader = CallMedia(call_id=CALL)
        read(reader, [await get(http, stream, StartSelectorType="EARLIEST")])
        assert reader.error is not None
        assert (reader.error.code, reader.error.id) == ("KMS_KEY_DISABLED", "4501")

    async def test_stall(self, http: httpx.AsyncClient, stream: Stream) -> None:
        await self.order(http, action="stall", after=1, bytes=100, seconds=0.01)
        body = await get(http, stream, StartSelectorType="EARLIEST")
        assert pcm_of(read(CallMedia(call_id=CALL), [body])) == WHOLE

    async def test_resend(self, http: httpx.AsyncClient, stream: Stream) -> None:
        await self.order(http, action="resend", fragments=2)
        body = await get(http, stream, StartSelectorType="FRAGMENT_NUMBER", AfterFragmentNumber=fragment_number(4))
        assert first_number(body) == fragment_number(3)

    @pytest.mark.parametrize("entry", [{"action": "explode"}, {"action": "end", "after": "1"}, {"acton": "end"}, 1])
    async def test_an_order_that_makes_no_sense(self, http: httpx.AsyncClient, entry: Any) -> None:
        answer = await http.post("/_local/faults", json={"match": "", "then": [entry]})
        assert answer.status_code == 400


async def test_the_service_can_spread_the_newest_fragment_over_its_time(
    http: httpx.AsyncClient, streams: Streams, settings: Settings
) -> None:
    settings.delivery = "blocks"
    stream = streams.create("front-desk")
    stream.append(next(contact().fragments()), seconds=0.1)
    reader, sizes = CallMedia(call_id=CALL), []
    async with opened(http, stream, StartSelectorType="EARLIEST") as body:
        async for data in body.aiter_raw():
            sizes.append(len(data))
            reader.feed(data)
    assert len(sizes) > 4
    assert reader.position == 16 * 512


def test_clients_find_the_service_by_an_environment_variable(
    monkeypatch: pytest.MonkeyPatch, client_options: Options
) -> None:
    options = client_options()
    monkeypatch.setenv("AWS_ENDPOINT_URL", options.pop("endpoint_url"))
    client = boto3.client("kinesisvideo", **options)
    assert client.meta.endpoint_url == client_options()["endpoint_url"]
