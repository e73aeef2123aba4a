"""Deepgram's streaming API: in this process, and the local server over WebSockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import pytest

from local.speech.live.service import LiveService
from streamer.deepgram.connection import ConnectionLost, HandshakeFailed, KeyRefused
from streamer.deepgram.failures import DeepgramRefused
from tests.local.speech.live.audio import SECOND, spoken, stereo, words
from tests.simulation.live.contracts import comes_to_pass, now
from tests.streamer.deepgram.talk import Talk, open_talk

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
    async def stream(self, *, key: str = KEY, **parameters: str) -> AsyncIterator[Talk]:
        """Open a stream; what is left of it at the end is broken off."""
        url = f"{self.url}/v1/listen?{urlencode(STEREO | parameters)}"
        connection = await open_talk(url, key=key)
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


async def say(connection: Talk, pcm: bytes, *, pieces: int = 2_048) -> None:
    """Send audio as it is spoken, while it is taken."""
    with suppress(ConnectionLost):
        for at in range(0, len(pcm), pieces):
            piece = pcm[at : at + pieces]
            await connection.say(piece)
            await asyncio.sleep(len(piece) / 32_000)


def _pair(customer: bytes) -> bytes:
    """Both channels, of which the agent's is silent."""
    return stereo(customer, b"")


async def heard(connection: Talk) -> tuple[list[dict[str, Any]], ConnectionLost]:
    """Return every message until the connection is over, and how it ended."""
    messages = []
    while True:
        try:
            messages.append(json.loads(await connection.next()))
        except ConnectionLost as lost:
            return messages, lost


async def result(connection: Talk) -> dict[str, Any]:
    """Return the next result."""
    while True:
        message: dict[str, Any] = json.loads(await connection.next())
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
        await connection.say(_CLOSE)
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
        await connection.say(_CLOSE)
        messages, lost = await heard(connection)
        with pytest.raises(ConnectionLost):
            await connection.say(_KEEP_ALIVE)
    assert finals(messages) == [words(range(10))]
    assert (messages[-1]["type"], messages[-1]["duration"], messages[-1]["channels"]) == ("Metadata", 0.2, 2)
    assert (lost.code, lost.reason) == (1000, "")
    noted = await speech.closed()
    assert (noted["closed_by"], noted["close_code"], noted["audio_seconds"]) == ("server", 1000, 0.2)


async def finalising_says_what_is_open_and_the_stream_goes_on(speech: Speech) -> None:
    """Page "Finalize"."""
    async with speech.stream(interim_results="false") as connection:
        await say(connection, stereo(spoken(range(10)), spoken(range(50, 60))))
        await connection.say('{"type": "Finalize", "channel": 1}')
        one = await result(connection)
        await connection.say('{"type": "Finalize"}')
        rest = await result(connection)
        await say(connection, _pair(spoken([70])))
        await connection.say(_CLOSE)
        messages, _ = await heard(connection)
    assert (text(one), one["channel_index"], one["from_finalize"]) == (words(range(50, 60)), [1, 2], True)
    assert (text(rest), rest["channel_index"], rest["from_finalize"]) == (words(range(10)), [0, 2], True)
    assert finals(messages) == ["f70"]


async def a_stream_is_kept_alive_and_its_times_count_audio_alone(speech: Speech) -> None:
    """Pages "Audio Keep Alive" and "Recovering From Connection Errors": what was not sent is not counted."""
    async with speech.stream(interim_results="false") as connection:
        await say(connection, _pair(spoken(range(5)) + SECOND))
        for _ in range(30):
            await connection.say(_KEEP_ALIVE)
            await asyncio.sleep(4)
        await say(connection, _pair(spoken([7]) + SECOND))
        await connection.say(_CLOSE)
        messages, lost = await heard(connection)
    assert lost.code == 1000
    (later,) = (message for message in messages if message["type"] == "Results" and text(message) == "f7")
    assert 1.0 < later["channel"]["alternatives"][0]["words"][0]["start"] < 1.2
    assert not any("KeepAlive" in json.dumps(message) for message in messages)
    assert (await speech.closed())["keepalives"] == 30


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
                await connection.say(_KEEP_ALIVE)
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
        await connection.say(b"OggS" + bytes(636))
        _, lost = await heard(connection)
    assert (lost.code, lost.reason) == (1008, "DATA-0000")


async def what_is_no_control_message_is_told_and_the_stream_goes_on(speech: Speech) -> None:
    """The streaming specification, `ListenV1Error`."""
    async with speech.stream() as connection:
        await connection.say('{"type": "Stop"}')
        await say(connection, _pair(spoken([1])))
        await connection.say(_CLOSE)
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
            await connection.say(bytes(4))
    assert again.value.code == 1011


async def a_connection_that_breaks_has_no_code(speech: Speech) -> None:
    """RFC 6455, 7.1.5: 1006 stands for an end without a close frame."""
    speech.fail({"action": "reset", "after": 0.1})
    async with speech.stream() as connection:
        await connection.say(_pair(spoken(range(10))))
        _, lost = await heard(connection)
    assert (lost.code, lost.reason) == (1006, "")
    assert (await speech.closed())["close_code"] == 1006


async def a_connection_on_which_no_ping_is_answered_is_given_up(speech: Speech) -> None:
    """picows' documentation, `auto_ping_strategy`: a ping after 20 s, which has 20 s to be answered."""
    speech.fail({"action": "half-open", "after": 0.1})
    async with speech.stream() as connection:
        await connection.say(_pair(spoken(range(10))))
        began = now()
        _, lost = await heard(connection)
    assert (lost.code, lost.reason) == (1006, "")
    assert 19 < now() - began < 42


async def closing_a_dead_connection_takes_a_second(speech: Speech) -> None:
    """RFC 6455, 7.1.1: a client waits for the server's end, but not for ever."""
    speech.fail({"action": "half-open", "after": 0.1})
    async with speech.stream() as connection:
        await connection.say(_pair(spoken(range(10))))
        await asyncio.sleep(1)
        began = now()
        await connection.close()
    assert now() - began < 2.5


async def what_stalls_comes_later_whole_and_in_order(speech: Speech) -> None:
    speech.fail({"action": "stall", "at_final": 2, "seconds": 30})
    async with speech.stream(interim_results="false") as connection:
        await say(connection, _pair(b"".join(spoken([number]) + SECOND for number in range(3))))
        said = now()
        await connection.say(_CLOSE)
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
