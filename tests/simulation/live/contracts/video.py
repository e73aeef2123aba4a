"""Kinesis Video Streams: in this process, and the simulator over HTTP."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from local.kinesis_video.streams import Stream, Streams
from operations.verification.fragments import fragment_number
from streamer.media.call_media import CallMedia
from tests.simulation.live.contracts import comes_to_pass, now
from tests.streamer.media.calls import AGENT_PCM, CALL, CUSTOMER_PCM, START_MS, contact, pcm_of, read, stereo

_NUMBER: Final = re.compile(rb"AWS_KINESISVIDEO_FRAGMENT_NUMBER.{3}(\d{47})", re.DOTALL)

_SERIALS: Final = {fragment_number(serial).encode(): serial for serial in range(1, 400)}


class Pull:
    """A body of which one asks for a piece."""

    def __init__(self, body: Any) -> None:
        self._body = body
        self._data = bytearray()

    async def read(self, limit: int) -> bytes:
        """Return what has arrived; nothing at the end."""
        if not self._data:
            await self._body.read(self._keep)
        piece = bytes(self._data[:limit])
        del self._data[:limit]
        return piece

    def _keep(self, data: bytes) -> bool:
        self._data += data
        return False


@dataclass(frozen=True, kw_only=True)
class Video:
    """Kinesis Video Streams, as a streamer meets it.

    Attributes:
        streams: What is there.
        control: A client of "kinesisvideo".
        open: Opens a body, by the request of the API.
        fail: Orders a failure of the next body (`local.kinesis_video.faults`).
    """

    streams: Streams
    control: Any
    open: Callable[[dict[str, Any]], Awaitable[Any]]
    fail: Callable[[dict[str, Any]], Awaitable[None]]

    def spoken(self) -> Stream:
        """A stream with eight fragments of a second, numbered from 1, of a call that is over."""
        stream = self.streams.create("front-desk", retention_hours=24)
        for fragment in contact().fragments():
            stream.append(fragment)
        return stream

    @asynccontextmanager
    async def body(self, stream: Stream, **selector: Any) -> AsyncIterator[Any]:
        """Open a body."""
        body = await self.open({"StreamARN": stream.arn, "StartSelector": selector})
        try:
            yield Pull(body)
        finally:
            body.close()

    async def whole(self, stream: Stream, *, pieces: int = 1 << 16, **selector: Any) -> bytes:
        """Read a body to its end."""
        data = bytearray()
        async with self.body(stream, **selector) as body:
            while piece := await body.read(pieces):
                assert len(piece) <= pieces
                data += piece
        return bytes(data)

    async def refusal(self, stream_arn: str) -> tuple[str, int]:
        """Return the code and the status by which a body is refused."""
        with pytest.raises(ClientError) as refused:
            await self.open({"StreamARN": stream_arn, "StartSelector": {"StartSelectorType": "EARLIEST"}})
        answer = refused.value.response
        return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def numbers(body: bytes) -> list[int]:
    """The fragments of a body, by their place in the stream."""
    return [_SERIALS[found] for found in _NUMBER.findall(body)]


async def a_stream_says_where_it_is_read(video: Video) -> None:
    """API Reference, "GetDataEndpoint"."""
    told = await video.control.get_data_endpoint(StreamARN=video.spoken().arn, APIName="GET_MEDIA")
    assert re.match(r"https?://", told["DataEndpoint"])
    with pytest.raises(ClientError) as refused:
        await video.control.get_data_endpoint(StreamARN=_unknown(video), APIName="GET_MEDIA")
    assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"


async def a_stream_that_is_not_there_is_not_found(video: Video) -> None:
    """API Reference, "GetMedia", errors."""
    assert await video.refusal(_unknown(video)) == ("ResourceNotFoundException", 404)


def _unknown(video: Video) -> str:
    return f"arn:aws:kinesisvideo:{video.streams.settings.region}:000000000000:stream/unknown/1"


async def a_body_begins_where_its_selector_says(video: Video) -> None:
    """API Reference, "StartSelector". A fragment belongs to the time from its first sample to its last."""
    stream = video.streams.create("front-desk", retention_hours=24)
    began = stream.clock()
    for fragment in contact().fragments():
        stream.append(fragment)
        await asyncio.sleep(1)

    for selector, first in (
        ({"StartSelectorType": "NOW"}, 8),
        ({"StartSelectorType": "EARLIEST"}, 1),
        ({"StartSelectorType": "FRAGMENT_NUMBER", "AfterFragmentNumber": fragment_number(3)}, 4),
        ({"StartSelectorType": "CONTINUATION_TOKEN", "ContinuationToken": fragment_number(3)}, 4),
        ({"StartSelectorType": "PRODUCER_TIMESTAMP", "StartTimestamp": START_MS / 1000 - 5}, 1),
        ({"StartSelectorType": "PRODUCER_TIMESTAMP", "StartTimestamp": START_MS / 1000 + 3}, 3),
        ({"StartSelectorType": "PRODUCER_TIMESTAMP", "StartTimestamp": START_MS / 1000 + 2.048}, 3),
        ({"StartSelectorType": "SERVER_TIMESTAMP", "StartTimestamp": began + 4.5}, 6),
    ):
        assert numbers(await video.whole(stream, **selector)) == list(range(first, 9)), selector


async def a_selector_that_lacks_its_value_is_refused(video: Video) -> None:
    """API Reference, "GetMedia", "InvalidArgumentException"."""
    stream = video.spoken()
    for selector in ("CONTINUATION_TOKEN", "PRODUCER_TIMESTAMP"):
        with pytest.raises(ClientError) as refused:
            async with video.body(stream, StartSelectorType=selector):
                pass
        assert refused.value.response["Error"]["Code"] == "InvalidArgumentException"


async def a_fragment_that_is_gone_is_an_error_within_a_body(video: Video) -> None:
    """API Reference, "GetMedia": the status is 200, error 4000 comes in a tag, and the body ends."""
    stream, gone = video.spoken(), fragment_number(99)
    selectors: tuple[dict[str, Any], ...] = (
        {"StartSelectorType": "CONTINUATION_TOKEN", "ContinuationToken": gone},
        {"StartSelectorType": "FRAGMENT_NUMBER", "AfterFragmentNumber": gone},
    )
    for selector in selectors:
        reader = CallMedia(call_id=CALL)
        reader.feed(await video.whole(stream, **selector))
        assert reader.error is not None
        assert (reader.error.code, reader.error.id) == ("FRAGMENT_NOT_FOUND", "4000")


async def an_error_of_the_key_comes_after_what_was_sent_and_ends_the_body(video: Video) -> None:
    """API Reference, "GetMedia": errors 4500 to 4506."""
    await video.fail({"action": "error", "after": 2, "code": "KMS_KEY_DISABLED", "id": "4501"})
    body = await video.whole(video.spoken(), StartSelectorType="EARLIEST")
    reader = CallMedia(call_id=CALL)
    audio = read(reader, [body])
    assert numbers(body) == [1, 2]
    assert len(pcm_of(audio)) == 2 * 16 * 2_048
    assert reader.error is not None
    assert (reader.error.code, reader.error.id) == ("KMS_KEY_DISABLED", "4501")


async def what_is_asked_for_wrongly_or_failed_has_its_status(video: Video) -> None:
    """API Reference, "Common Errors"."""
    stream = video.spoken()
    for code, status in (
        ("InternalFailure", 500),
        ("NotAuthorizedException", 401),
        ("ClientLimitExceededException", 400),
    ):
        await video.fail({"action": "refuse", "code": code})
        assert await video.refusal(stream.arn) == (code, status)


async def a_fragment_may_arrive_in_any_pieces(video: Video) -> None:
    """A body is a stream of bytes: tags and blocks are cut anywhere."""
    stream = video.spoken()
    whole = await video.whole(stream, StartSelectorType="EARLIEST")
    cut = await video.whole(stream, StartSelectorType="EARLIEST", pieces=701)
    assert numbers(cut) == numbers(whole) == list(range(1, 9))
    for body in (whole, cut):
        pieces = [body[at : at + 701] for at in range(0, len(body), 701)]
        assert pcm_of(read(CallMedia(call_id=CALL), pieces)) == stereo(CUSTOMER_PCM, AGENT_PCM)


async def a_new_fragment_is_sent_when_it_is_there(video: Video) -> None:
    """Developer Guide, "GetMedia": media is returned as it becomes available."""
    stream = video.spoken()
    async with video.body(stream, StartSelectorType="NOW") as body:
        assert numbers(await body.read(1 << 16)) == [8]
        for serial in (9, 10, 11):
            await asyncio.sleep(2)
            stream.append(next(contact().fragments()))
            sent = now()
            assert numbers(await body.read(1 << 16)) == [serial]
            assert now() - sent < 0.6


async def what_is_there_already_comes_at_five_fragments_a_second(video: Video) -> None:
    """Developer Guide, "Quotas", hard limit of GetMedia; what a second did not use may be caught up."""
    stream = video.spoken()
    for fragment in (*contact().fragments(), *contact().fragments(), *contact().fragments()):
        stream.append(fragment)
    arrived: list[tuple[int, float]] = []
    async with video.body(stream, StartSelectorType="EARLIEST") as body:
        while piece := await body.read(1 << 16):
            arrived += [(serial, now()) for serial in numbers(piece)]
    assert [serial for serial, _ in arrived] == list(range(1, 33))
    (_, first), (_, last) = arrived[0], arrived[-1]
    assert 26 / 5 <= last - first <= 32 / 5 + 0.5


async def a_body_ends_without_a_word_when_nothing_comes_for_three_seconds(video: Video) -> None:
    """Developer Guide, "Quotas" [reported: it just ends, and that is no end of the call]."""
    stream = video.spoken()
    began = now()
    body = await video.whole(stream, StartSelectorType="NOW")
    assert numbers(body) == [8]
    assert 3 <= now() - began < 4
    assert CallMedia(call_id=CALL).error is None


async def a_body_ends_after_three_quarters_of_an_hour_though_more_comes(video: Video) -> None:
    """[reported] Not in the documentation; several integrators report it."""
    stream = video.spoken()
    fragment = next(contact().fragments())
    video.streams.settings.idle_seconds = 60.0  # else it were thousands of fragments

    async def talk() -> None:
        while True:
            stream.append(fragment)
            await asyncio.sleep(9)

    talking = asyncio.create_task(talk())
    began = now()
    try:
        serials = numbers(await video.whole(stream, StartSelectorType="NOW"))
    finally:
        talking.cancel()
        await asyncio.wait({talking})
    assert serials == list(range(serials[0], serials[-1] + 1))
    assert now() - began == pytest.approx(45 * 60, abs=1)


async def a_stream_has_three_bodies_at_once(video: Video) -> None:
    """Developer Guide, "Quotas": the newest is refused, and one that is left makes room."""
    stream = video.spoken()
    async with AsyncExitStack() as bodies:
        for _ in range(3):
            await bodies.enter_async_context(video.body(stream, StartSelectorType="EARLIEST"))
        assert await video.refusal(stream.arn) == ("ConnectionLimitExceededException", 400)
    await comes_to_pass(lambda: not stream.readers)
    assert numbers(await video.whole(stream, StartSelectorType="NOW")) == [8]


async def five_bodies_may_be_asked_for_in_a_second(video: Video) -> None:
    """Developer Guide, "Quotas"."""
    stream = video.spoken()
    for _ in range(5):
        async with video.body(stream, StartSelectorType="NOW"):
            pass
        await comes_to_pass(lambda: not stream.readers)
    assert await video.refusal(stream.arn) == ("ClientLimitExceededException", 400)
    await asyncio.sleep(1)
    async with video.body(stream, StartSelectorType="NOW"):
        pass


async def a_body_that_breaks_tells_so_and_is_gone_on_with_by_its_token(video: Video) -> None:
    """Developer Guide, "GetMedia": the continuation token of the last whole fragment."""
    stream = video.spoken()
    await video.fail({"action": "break", "after": 3, "bytes": 900})
    reader, data = CallMedia(call_id=CALL), bytearray()

    async def follow() -> None:
        async with video.body(stream, StartSelectorType="EARLIEST") as body:
            while piece := await body.read(1 << 16):
                data.extend(piece)
                reader.feed(piece)

    with pytest.raises(ConnectionClosedError):
        await follow()
    assert numbers(bytes(data))[:3] == [1, 2, 3]
    assert reader.continuation_token == fragment_number(3)
    await comes_to_pass(lambda: not stream.readers)
    rest = await video.whole(
        stream, StartSelectorType="CONTINUATION_TOKEN", ContinuationToken=reader.continuation_token
    )
    assert numbers(rest) == [4, 5, 6, 7, 8]


async def a_body_that_says_nothing_is_given_up(video: Video) -> None:
    """It has ten seconds for its next bytes."""
    stream = video.spoken()
    await video.fail({"action": "stall", "after": 1, "seconds": 600})
    began = now()
    with pytest.raises(ReadTimeoutError):
        await video.whole(stream, StartSelectorType="EARLIEST")
    assert 10 <= now() - began < 13


STREAMS: Final = (
    a_stream_says_where_it_is_read,
    a_stream_that_is_not_there_is_not_found,
    a_body_begins_where_its_selector_says,
    a_selector_that_lacks_its_value_is_refused,
    a_fragment_that_is_gone_is_an_error_within_a_body,
    an_error_of_the_key_comes_after_what_was_sent_and_ends_the_body,
    what_is_asked_for_wrongly_or_failed_has_its_status,
    a_fragment_may_arrive_in_any_pieces,
    a_new_fragment_is_sent_when_it_is_there,
    what_is_there_already_comes_at_five_fragments_a_second,
    a_body_ends_without_a_word_when_nothing_comes_for_three_seconds,
    a_body_ends_after_three_quarters_of_an_hour_though_more_comes,
    a_stream_has_three_bodies_at_once,
    five_bodies_may_be_asked_for_in_a_second,
    a_body_that_breaks_tells_so_and_is_gone_on_with_by_its_token,
    a_body_that_says_nothing_is_given_up,
)
