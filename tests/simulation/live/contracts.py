"""What streams of Kinesis Video and Deepgram promise: scenarios for the doubles in this process and for the servers.

The client is the streamer's own: aiobotocore with its settings, and its connection to Deepgram. Each scenario says what
the service's own pages say; "[facts]" marks what is known from stored captures and reports of others only. Times are
seconds of simulated time, in which servers on loopback answer, too.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from local.kinesis_video.streams import Stream, Streams
from local.speech.live.service import LiveService
from operations.verification.fragments import fragment_number
from streamer.deepgram.connection import Connection, ConnectionLost, HandshakeFailed, KeyRefused, open_connection
from streamer.deepgram.failures import DeepgramRefused
from streamer.media.call_media import CallMedia
from tests.local.speech.live.audio import SECOND, spoken, stereo, words
from tests.streamer.media.calls import AGENT_PCM, CALL, CUSTOMER_PCM, START_MS, contact, pcm_of, read
from tests.streamer.media.calls import stereo as both

# Kinesis Video Streams.

_NUMBER: Final = re.compile(rb"AWS_KINESISVIDEO_FRAGMENT_NUMBER.{3}(\d{47})", re.DOTALL)

_SERIALS: Final = {fragment_number(serial).encode(): serial for serial in range(1, 2_000)}


@dataclass(frozen=True, kw_only=True)
class Video:
    """Kinesis Video Streams, as a streamer meets it.

    Attributes:
        streams: What is there.
        control: A client of "kinesisvideo".
        media: A client of "kinesis-video-media", whose patience with a body is ten seconds.
        fail: Orders a failure of the next body (`local.kinesis_video.faults`).
    """

    streams: Streams
    control: Any
    media: Any
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
        answer = await self.media.get_media(StreamARN=stream.arn, StartSelector=selector)
        async with answer["Payload"] as body:
            yield body

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
            await self.media.get_media(StreamARN=stream_arn, StartSelector={"StartSelectorType": "EARLIEST"})
        answer = refused.value.response
        return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def numbers(body: bytes) -> list[int]:
    """The fragments of a body, by their place in the stream."""
    return [_SERIALS[found] for found in _NUMBER.findall(body)]


def now() -> float:
    """Seconds of simulated time."""
    return asyncio.get_running_loop().time()


async def comes_to_pass(condition: Callable[[], bool]) -> None:
    """Wait until the other end has noticed something."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.05)


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

    def at(seconds: float) -> datetime:
        return datetime.fromtimestamp(seconds, UTC)

    for selector, first in (
        ({"StartSelectorType": "NOW"}, 8),
        ({"StartSelectorType": "EARLIEST"}, 1),
        ({"StartSelectorType": "FRAGMENT_NUMBER", "AfterFragmentNumber": fragment_number(3)}, 4),
        ({"StartSelectorType": "CONTINUATION_TOKEN", "ContinuationToken": fragment_number(3)}, 4),
        ({"StartSelectorType": "PRODUCER_TIMESTAMP", "StartTimestamp": at(START_MS / 1000 - 5)}, 1),
        ({"StartSelectorType": "PRODUCER_TIMESTAMP", "StartTimestamp": at(START_MS / 1000 + 3)}, 3),
        ({"StartSelectorType": "SERVER_TIMESTAMP", "StartTimestamp": at(began + 4.5)}, 6),
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
    reader = CallMedia(call_id=CALL)
    reader.feed(
        await video.whole(video.spoken(), StartSelectorType="CONTINUATION_TOKEN", ContinuationToken=fragment_number(99))
    )
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
        assert pcm_of(read(CallMedia(call_id=CALL), pieces)) == both(CUSTOMER_PCM, AGENT_PCM)


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
    """Developer Guide, "Quotas" [facts: it just ends, and that is no end of the call]."""
    stream = video.spoken()
    began = now()
    body = await video.whole(stream, StartSelectorType="NOW")
    assert numbers(body) == [8]
    assert 3 <= now() - began < 4
    assert CallMedia(call_id=CALL).error is None


async def a_body_ends_after_three_quarters_of_an_hour_though_more_comes(video: Video) -> None:
    """[facts] Not in the documentation; several integrators report it."""
    stream = video.spoken()
    fragment = next(contact().fragments())

    async def talk() -> None:
        while True:
            stream.append(fragment)
            await asyncio.sleep(2.9)

    talking = asyncio.create_task(talk())
    began = now()
    try:
        serials = numbers(await video.whole(stream, StartSelectorType="NOW"))
    finally:
        talking.cancel()
        await asyncio.wait({talking})
    assert serials == list(range(serials[0], serials[-1] + 1))
    assert 45 * 60 - 4 < now() - began < 45 * 60 + 4


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

    with pytest.raises(aiohttp.ClientPayloadError):
        await follow()
    assert numbers(bytes(data))[:3] == [1, 2, 3]
    assert reader.continuation_token == fragment_number(3)
    await comes_to_pass(lambda: not stream.readers)
    rest = await video.whole(
        stream, StartSelectorType="CONTINUATION_TOKEN", ContinuationToken=reader.continuation_token
    )
    assert numbers(rest) == [4, 5, 6, 7, 8]


async def a_body_that_says_nothing_is_given_up(video: Video) -> None:
    """botocore, `Config.read_timeout`: longest wait for the next bytes."""
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


# Deepgram.

KEY: Final = "0123456789abcdef0123456789abcdef01234567"

STEREO: Final = {
    "model": "nova-3",
    "encoding": "linear16",
    "sample_rate": "8000",
    "channels": "2",
    "multichannel": "true",
    "interim_results": "true",
    "endpointing": "300",
}
_CLOSE: Final = '{"type": "CloseStream"}'
_KEEP_ALIVE: Final = '{"type": "KeepAlive"}'


@dataclass(frozen=True, kw_only=True)
class Speech:
    """Deepgram's streaming API, as a streamer meets it.

    Attributes:
        url: Where it is, without the query.
        service: The server's own half, for orders and for what it noted.
    """

    url: str
    service: LiveService

    def fail(self, *then: dict[str, Any]) -> None:
        """Order failures of the next connections (`local.speech.live.faults`)."""
        self.service.faults.add({"match": "", "then": list(then)})

    @asynccontextmanager
    async def stream(self, *, key: str = KEY, **parameters: str) -> AsyncIterator[Connection]:
        """Open a stream; what is left of it at the end is broken off."""
        url = f"{self.url}/v1/listen?{urlencode(STEREO | parameters)}"
        connection = await open_connection(url, key=key)
        try:
            yield connection
        finally:
            connection.abort()

    async def closed(self) -> dict[str, Any]:
        """Wait until no stream is open any more, and return what was noted of the last."""
        journal = self.service.journal
        await comes_to_pass(lambda: not journal.report()["running"])
        noted: dict[str, Any] = journal.report()["streams"][-1]
        return noted


async def say(connection: Connection, pcm: bytes, *, pieces: int = 2_048) -> None:
    """Send audio as it is spoken, while it is taken."""
    with suppress(ConnectionLost):
        for at in range(0, len(pcm), pieces):
            piece = pcm[at : at + pieces]
            await connection.send(piece)
            await asyncio.sleep(len(piece) / 32_000)


def _pair(customer: bytes) -> bytes:
    """Both channels, of which the agent's is silent."""
    return stereo(customer, b"")


async def heard(connection: Connection) -> tuple[list[dict[str, Any]], ConnectionLost]:
    """Return every message until the connection is over, and how it ended."""
    messages = []
    while True:
        try:
            messages.append(json.loads(await connection.receive()))
        except ConnectionLost as lost:
            return messages, lost


async def result(connection: Connection) -> dict[str, Any]:
    """Return the next result."""
    while True:
        message: dict[str, Any] = json.loads(await connection.receive())
        if message["type"] == "Results":
            return message


def text(message: dict[str, Any]) -> str:
    """The words of a result."""
    return str(message["channel"]["alternatives"][0]["transcript"])


def finals(messages: list[dict[str, Any]], channel: int = 0) -> list[str]:
    """The words of a channel's final results that have some."""
    results = (one for one in messages if one["type"] == "Results" and one["channel_index"][0] == channel)
    return [text(one) for one in results if one["is_final"] and text(one)]


async def a_result(speech: Speech) -> dict[str, Any]:
    """Return a final result with words, of a stream with Deepgram's formatting."""
    async with speech.stream(interim_results="false", smart_format="true") as connection:
        await say(connection, _pair(spoken(range(5)) + SECOND))
        return await result(connection)


async def interim_results_come_before_the_final_ones_that_cover_all_audio(speech: Speech) -> None:
    """Pages "Interim Results" and "Multichannel", and the streaming specification (AsyncAPI)."""
    audio = stereo(spoken(range(60)) + SECOND, SECOND + spoken(range(1000, 1010)))
    async with speech.stream() as connection:
        await say(connection, audio)
        await connection.send(_CLOSE)
        messages, _ = await heard(connection)
    assert (finals(messages, 0), finals(messages, 1)) == ([words(range(60))], [words(range(1000, 1010))])
    results = [message for message in messages if message["type"] == "Results"]
    assert any(not message["is_final"] and text(message) for message in results)
    for channel in (0, 1):
        end = 0.0
        for message in results:
            if message["channel_index"] == [channel, 2] and message["is_final"]:
                assert message["start"] == pytest.approx(end, abs=1e-6)
                end = message["start"] + message["duration"]
        assert end == pytest.approx(len(audio) / 32_000, abs=1e-6)


async def closing_says_the_rest_and_then_metadata(speech: Speech) -> None:
    """Page "Close Stream"."""
    async with speech.stream() as connection:
        await say(connection, _pair(spoken(range(10))))
        await connection.send(_CLOSE)
        messages, lost = await heard(connection)
        with pytest.raises(ConnectionLost):
            await connection.send(_KEEP_ALIVE)
    assert finals(messages) == [words(range(10))]
    assert (messages[-1]["type"], messages[-1]["duration"], messages[-1]["channels"]) == ("Metadata", 0.2, 2)
    assert (lost.code, lost.reason) == (1000, "")
    noted = await speech.closed()
    assert (noted["closed_by"], noted["close_code"], noted["audio_seconds"]) == ("server", 1000, 0.2)


async def finalising_says_what_is_open_and_the_stream_goes_on(speech: Speech) -> None:
    """Page "Finalize"."""
    async with speech.stream(interim_results="false") as connection:
        await say(connection, stereo(spoken(range(10)), spoken(range(50, 60))))
        await connection.send('{"type": "Finalize", "channel": 1}')
        one = await result(connection)
        await connection.send('{"type": "Finalize"}')
        rest = await result(connection)
        await say(connection, _pair(spoken([70])))
        await connection.send(_CLOSE)
        messages, _ = await heard(connection)
    assert (text(one), one["channel_index"], one["from_finalize"]) == (words(range(50, 60)), [1, 2], True)
    assert (text(rest), rest["channel_index"], rest["from_finalize"]) == (words(range(10)), [0, 2], True)
    assert finals(messages) == ["f70"]


async def a_stream_is_kept_alive_and_its_times_count_audio_alone(speech: Speech) -> None:
    """Pages "Audio Keep Alive" and "Recovering From Connection Errors": what was not sent is not counted."""
    async with speech.stream(interim_results="false") as connection:
        await say(connection, _pair(spoken(range(5)) + SECOND))
        for _ in range(30):
            await connection.send(_KEEP_ALIVE)
            await asyncio.sleep(4)
        await say(connection, _pair(spoken([7]) + SECOND))
        await connection.send(_CLOSE)
        messages, lost = await heard(connection)
    assert lost.code == 1000
    (later,) = (message for message in messages if message["type"] == "Results" and text(message) == "f7")
    assert 1.0 < later["channel"]["alternatives"][0]["words"][0]["start"] < 1.2
    assert not any("KeepAlive" in json.dumps(message) for message in messages)


async def without_audio_or_messages_it_ends_after_ten_seconds(speech: Speech) -> None:
    """Page "STT Troubleshooting WebSocket, NET, and DATA Errors", NET-0001."""
    async with speech.stream() as connection:
        await say(connection, _pair(spoken(range(5))))
        said = now()
        _, lost = await heard(connection)
    assert (lost.code, lost.reason) == (1011, "NET-0001")
    assert 9.5 < now() - said < 11


async def messages_do_not_stand_in_for_the_first_audio(speech: Speech) -> None:
    """Page "Audio Keep Alive": audio must come within ten seconds of the opening."""
    opened = now()
    async with speech.stream() as connection:

        async def keep_alive() -> None:
            while True:
                await connection.send(_KEEP_ALIVE)
                await asyncio.sleep(3)

        keeping = asyncio.create_task(keep_alive())
        messages, lost = await heard(connection)
        keeping.cancel()
        await asyncio.wait({keeping})
    assert (messages, lost.code, lost.reason) == ([], 1011, "NET-0001")
    assert 9.5 < now() - opened < 11


async def what_is_no_audio_ends_it(speech: Speech) -> None:
    """Page "STT Troubleshooting WebSocket, NET, and DATA Errors", DATA-0000."""
    async with speech.stream() as connection:
        await connection.send(b"OggS" + bytes(636))
        _, lost = await heard(connection)
    assert (lost.code, lost.reason) == (1008, "DATA-0000")


async def what_is_no_control_message_is_told_and_the_stream_goes_on(speech: Speech) -> None:
    """The streaming specification, `ListenV1Error`."""
    async with speech.stream() as connection:
        await connection.send('{"type": "Stop"}')
        await say(connection, _pair(spoken([1])))
        await connection.send(_CLOSE)
        messages, lost = await heard(connection)
    assert (messages[0]["type"], messages[0]["variant"]) == ("Error", "SchemaError")
    assert (finals(messages), lost.code) == (["f1"], 1000)


async def a_fault_of_its_own_ends_it_after_what_was_said(speech: Speech) -> None:
    """Page "STT Troubleshooting WebSocket, NET, and DATA Errors", NET-0000."""
    speech.fail({"action": "close", "code": 1011, "reason": "NET-0000", "at_final": 2})
    async with speech.stream(interim_results="false") as connection:
        await say(connection, _pair(b"".join(spoken([number]) + SECOND for number in range(3))))
        messages, lost = await heard(connection)
        assert finals(messages) == ["f0"]
        assert (lost.code, lost.reason) == (1011, "NET-0000")
        with pytest.raises(ConnectionLost) as again:
            await connection.send(bytes(4))
    assert again.value.code == 1011


async def a_connection_that_breaks_has_no_code(speech: Speech) -> None:
    """RFC 6455, 7.1.5: 1006 stands for an end without a close frame."""
    speech.fail({"action": "reset", "after": 0.1})
    async with speech.stream() as connection:
        await connection.send(_pair(spoken(range(10))))
        _, lost = await heard(connection)
    assert (lost.code, lost.reason) == (1006, "")
    assert (await speech.closed())["close_code"] == 1006


async def a_connection_on_which_no_ping_is_answered_is_given_up(speech: Speech) -> None:
    """websockets' documentation, "Keepalive and latency": a ping each 20 s, which has 20 s to be answered."""
    speech.fail({"action": "half-open", "after": 0.1})
    async with speech.stream() as connection:
        await connection.send(_pair(spoken(range(10))))
        began = now()
        _, lost = await heard(connection)
    assert (lost.code, lost.reason) == (1006, "")
    assert 19 < now() - began < 42


async def closing_a_dead_connection_takes_a_second(speech: Speech) -> None:
    """websockets' documentation, `close_timeout`."""
    speech.fail({"action": "half-open", "after": 0.1})
    async with speech.stream() as connection:
        await connection.send(_pair(spoken(range(10))))
        await asyncio.sleep(1)
        began = now()
        await connection.close()
    assert now() - began < 2.5


async def what_stalls_comes_later_whole_and_in_order(speech: Speech) -> None:
    speech.fail({"action": "stall", "at_final": 2, "seconds": 30})
    async with speech.stream(interim_results="false") as connection:
        await say(connection, _pair(b"".join(spoken([number]) + SECOND for number in range(3))))
        said = now()
        await connection.send(_CLOSE)
        messages, lost = await heard(connection)
    assert finals(messages) == ["f0", "f1", "f2"]
    assert (messages[-1]["type"], lost.code) == ("Metadata", 1000)
    assert 25 < now() - said < 31


async def a_client_that_breaks_off_is_noticed(speech: Speech) -> None:
    async with speech.stream() as connection:
        await say(connection, _pair(spoken(range(5))))
        connection.abort()
        await heard(connection)
    noted = await speech.closed()
    assert (noted["closed_by"], noted["audio_seconds"]) == ("client", 0.1)


async def a_client_that_closes_in_order_is_answered(speech: Speech) -> None:
    """RFC 6455, 7.1.2."""
    async with speech.stream() as connection:
        await say(connection, _pair(spoken(range(5))))
        await connection.close()
    noted = await speech.closed()
    assert (noted["closed_by"], noted["close_code"]) == ("client", 1000)


async def a_key_that_is_none_is_refused(speech: Speech) -> None:
    """Page "API Errors", 401 INVALID_AUTH; a handshake has the message in the header `dg-error`."""
    with pytest.raises(KeyRefused) as refused:
        async with speech.stream(key=KEY[::-1]):
            pass
    assert refused.value.code == "Deepgram.INVALID_AUTH"
    assert "Invalid credentials" in refused.value.message


async def a_query_that_is_not_for_streams_is_refused(speech: Speech) -> None:
    """Page "STT Intelligence Feature Overview": recordings only."""
    with pytest.raises(DeepgramRefused) as refused:
        async with speech.stream(sentiment="true"):
            pass
    assert refused.value.code == "Deepgram.INVALID_QUERY_PARAMETER"
    assert "sentiment" in refused.value.message


async def a_refusal_for_the_moment_says_how_long_to_wait(speech: Speech) -> None:
    """Page "API Errors", 429 and 503; RFC 9110, 10.2.3: `Retry-After` is seconds or a date."""
    speech.fail({"status": 503, "headers": {"Retry-After": "7"}}, {"status": 429})
    for status, wait in ((503, 7.0), (429, None)):
        with pytest.raises(HandshakeFailed) as failed:
            async with speech.stream():
                pass
        assert (failed.value.status, failed.value.retry_after) == (status, wait)
    async with speech.stream():
        pass


async def one_stream_more_than_the_project_may_have_is_refused(speech: Speech) -> None:
    """Page "API Rate Limits": 429."""
    async with AsyncExitStack() as streams:
        for _ in range(3):
            await streams.enter_async_context(speech.stream())
        with pytest.raises(HandshakeFailed) as failed:
            await streams.enter_async_context(speech.stream())
    assert failed.value.status == 429
    await speech.closed()
    async with speech.stream():
        pass


async def a_handshake_that_is_not_answered_is_given_up_after_ten_seconds(speech: Speech) -> None:
    """websockets' documentation, `open_timeout`."""
    speech.fail({"action": "hang"})
    began = now()
    with pytest.raises(HandshakeFailed) as failed:
        async with speech.stream():
            pass
    assert failed.value.status is None
    assert 10 <= now() - began < 11


SPEECH: Final = (
    interim_results_come_before_the_final_ones_that_cover_all_audio,
    closing_says_the_rest_and_then_metadata,
    finalising_says_what_is_open_and_the_stream_goes_on,
    a_stream_is_kept_alive_and_its_times_count_audio_alone,
    without_audio_or_messages_it_ends_after_ten_seconds,
    messages_do_not_stand_in_for_the_first_audio,
    what_is_no_audio_ends_it,
    what_is_no_control_message_is_told_and_the_stream_goes_on,
    a_fault_of_its_own_ends_it_after_what_was_said,
    a_connection_that_breaks_has_no_code,
    a_connection_on_which_no_ping_is_answered_is_given_up,
    closing_a_dead_connection_takes_a_second,
    what_stalls_comes_later_whole_and_in_order,
    a_client_that_breaks_off_is_noticed,
    a_client_that_closes_in_order_is_answered,
    a_key_that_is_none_is_refused,
    a_query_that_is_not_for_streams_is_refused,
    a_refusal_for_the_moment_says_how_long_to_wait,
    one_stream_more_than_the_project_may_have_is_refused,
    a_handshake_that_is_not_answered_is_given_up_after_ten_seconds,
)
