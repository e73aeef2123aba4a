"""A producer's session, as `callscribe verify` makes it, against the service."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest
from botocore.credentials import Credentials

from local.access.keys import AccessKey
from local.kinesis_video.streams import Stream
from operations.verification.fragments import Fragment
from operations.verification.put_media import Acknowledgement, PutFailed, put_media
from streamer.media.call_media import CallMedia
from tests.streamer.media.calls import AGENT_PCM, CALL, CUSTOMER_PCM, contact, pcm_of, read, stereo


def spoken_before() -> list[Fragment]:
    """A call whose audio has been spoken already, so that nothing waits for it."""
    return list(contact(start_ms=round(time.time() * 1000) - 60_000).fragments())


async def put(fragments: list[Fragment], *, url: str, arn: str, key: AccessKey) -> list[Acknowledgement]:
    return await asyncio.to_thread(
        put_media, fragments, stream_arn=arn, endpoint=url, credentials=key.credentials, region="us-east-1"
    )


async def test_what_is_put_is_what_a_streamer_reads(url: str, key: AccessKey, stream: Stream) -> None:
    before = stream.next_serial
    fragments = spoken_before()

    acknowledged = await put(fragments, url=url, arn=stream.arn, key=key)

    stored = [kept for kept in stream if kept.serial >= before]
    assert [kept.number for kept in stored] == [event.fragment_number for event in acknowledged]
    assert [kept.fragment.start_ms for kept in stored] == [fragment.start_ms for fragment in fragments]
    assert [kept.fragment for kept in stored] == fragments
    pieces = [kept.fragment.write(number=kept.number) for kept in stored]
    assert pcm_of(read(CallMedia(call_id=CALL), pieces)) == stereo(CUSTOMER_PCM, AGENT_PCM)


async def test_each_fragment_is_sent_when_it_has_been_spoken(
    url: str, key: AccessKey, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = time.time() + 1_000
    waited: list[float] = []
    monkeypatch.setattr(time, "time", lambda: began + sum(waited))
    monkeypatch.setattr(time, "sleep", waited.append)

    await put(list(contact(start_ms=round(began * 1000)).fragments()), url=url, arn=stream.arn, key=key)

    assert sum(waited) == pytest.approx(len(CUSTOMER_PCM) / 16_000, abs=0.1)


@pytest.mark.parametrize("arn", ["unknown", "signed by another"])
async def test_a_refusal_is_told_by_its_name(arn: str, url: str, key: AccessKey, stream: Stream) -> None:
    other = Credentials("AKIDSTRANGER", "secret")
    with pytest.raises(PutFailed, match=r"ResourceNotFoundException|UnrecognizedClientException"):
        await asyncio.to_thread(
            put_media,
            spoken_before(),
            stream_arn=stream.arn.replace("front-desk", "x") if arn == "unknown" else stream.arn,
            endpoint=url,
            credentials=key.credentials if arn == "unknown" else other,
            region="us-east-1",
        )


async def test_a_service_that_cannot_be_reached_is_no_traceback(key: AccessKey, stream: Stream) -> None:
    with pytest.raises(PutFailed, match="ConnectError"):
        await put(spoken_before(), url="http://127.0.0.1:9", arn=stream.arn, key=key)


async def test_relative_times_are_refused_by_the_simulator(http: httpx.AsyncClient, stream: Stream) -> None:
    answer = await http.post("/putMedia", headers={"x-amzn-stream-arn": stream.arn}, content=b"")
    assert answer.headers["x-amzn-ErrorType"] == "InvalidArgumentException"
