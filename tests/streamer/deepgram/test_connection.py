import asyncio
import logging
from urllib.parse import parse_qsl, urlsplit

import pytest
import uvloop
from websockets.asyncio.server import ServerConnection, serve

from callscribe.deepgram.errors import LONGEST_RETRY_AFTER
from callscribe.deepgram.options import TranscriptionOptions, live_query_parameters
from streamer.deepgram.connection import MAX_MESSAGE_BYTES as LONGEST
from streamer.deepgram.connection import (
    Connection,
    ConnectionLost,
    HandshakeFailed,
    KeyRefused,
    listen_url,
    open_connection,
)
from streamer.deepgram.failures import DeepgramRefused
from tests.simulation.clock import simulate
from tests.streamer.deepgram.calls import KEY, Call, assert_whole, transcribe
from tests.streamer.deepgram.fake_deepgram import Behaviour, FakeDeepgram, close, go_dead, reset
from tests.streamer.deepgram.talk import open_talk


def test_a_url_carries_every_parameter_as_deepgram_reads_it() -> None:
    options = TranscriptionOptions(redact=("pci", "ssn"))
    url = listen_url(
        "wss://api.eu.deepgram.com/", live_query_parameters(options, vocabulary=["dry eye", "50 % & more"])
    )
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.path) == ("wss", "api.eu.deepgram.com", "/v1/listen")
    query = parse_qsl(parts.query, strict_parsing=True)
    assert ("multichannel", "true") in query
    assert ("sample_rate", "8000") in query
    assert [value for name, value in query if name == "redact"] == ["pci", "ssn"]
    assert [value for name, value in query if name == "keyterm"] == ["dry eye", "50 % & more"]


async def handshake(behaviour: Behaviour, *, now: float = 0.0) -> tuple[FakeDeepgram, Connection]:
    async with FakeDeepgram(behaviour).served() as server:
        connection = await open_connection(server.url, key=KEY, clock=lambda: now)
        connection.abort()
        return server, connection


def test_a_connection_says_who_it_is_and_asks_for_no_compression() -> None:
    server, _ = simulate(handshake(Behaviour()))
    ((_, headers),) = server.handshakes
    assert headers["Authorization"] == f"Token {KEY}"
    assert headers["User-Agent"] == "callscribe-streamer"
    assert "Sec-WebSocket-Extensions" not in headers


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504])
def test_what_speaks_of_the_moment_is_no_refusal(status: int) -> None:
    with pytest.raises(HandshakeFailed) as failed:
        simulate(handshake(Behaviour(refuse=(status, {"Retry-After": "12"}))))
    assert (failed.value.status, failed.value.retry_after) == (status, 12.0)


# RFC 9110, 5.6.7, has this date for an example.
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
AT_DATE = 784_111_777.0


@pytest.mark.parametrize("value", ["soon", "-1", "1.5", "", "²"])
def test_a_wait_that_cannot_be_read_is_none(value: str) -> None:
    with pytest.raises(HandshakeFailed) as failed:
        simulate(handshake(Behaviour(refuse=(429, {"Retry-After": value}))))
    assert failed.value.retry_after is None


@pytest.mark.parametrize(
    ("now", "wait"), [(AT_DATE + 1, None), (AT_DATE - 12, 12.0), (AT_DATE - 86_400, LONGEST_RETRY_AFTER)]
)
def test_a_wait_until_a_date_is_read_by_the_clock_of_the_streamer(now: float, wait: float | None) -> None:
    with pytest.raises(HandshakeFailed) as failed:
        simulate(handshake(Behaviour(refuse=(503, {"Retry-After": DATE})), now=now))
    assert failed.value.retry_after == wait


@pytest.mark.parametrize("status", [200, 302])
def test_a_server_that_begins_no_stream_is_not_asked_again(status: int) -> None:
    with pytest.raises(DeepgramRefused, match=f"HTTP{status}"):
        simulate(handshake(Behaviour(refuse=(status, {}))))


def test_a_refusal_tells_deepgrams_reason_and_never_the_key() -> None:
    headers = {"dg-error": f"key {KEY} is not\tgood " + "x" * 900, "dg-request-id": "6b3f-1<script>"}
    with pytest.raises(KeyRefused) as refused:
        simulate(handshake(Behaviour(refuse=(401, headers))))
    assert KEY not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.message.startswith("401 key [key] is not good")
    assert refused.value.message.endswith("(request unknown)")
    assert len(refused.value.message) < 600
    with pytest.raises(DeepgramRefused):
        raise refused.value


def test_an_unreachable_or_silent_server_is_no_refusal() -> None:
    with pytest.raises(HandshakeFailed):
        simulate(open_connection("ws://127.0.0.1:9/", key=KEY))
    with pytest.raises(HandshakeFailed):
        simulate(handshake(Behaviour(silent_handshake=True)), limit=11)


@pytest.mark.parametrize(
    ("then", "code", "reason"),
    [
        (close(1011, "NET-0001 did not receive audio"), 1011, "NET-0001"),
        (close(1008, "somebody said something"), 1008, ""),
        (close(1000), 1000, ""),
        (reset, 1006, ""),
    ],
)
def test_the_end_of_a_connection_is_told_by_its_code(then: object, code: int, reason: str) -> None:
    async def run() -> ConnectionLost:
        async with FakeDeepgram(Behaviour(after=1, then=then)).served() as server:  # type: ignore[arg-type]
            connection = await open_talk(server.url, key=KEY)
            await connection.say(bytes(4))
            with pytest.raises(ConnectionLost) as lost:
                await connection.next()
            with pytest.raises(ConnectionLost):
                await connection.say(bytes(4))
            return lost.value

    lost = simulate(run())
    assert (lost.code, lost.reason) == (code, reason)


async def told(*messages: str | list[str], code: int | None = 1000) -> tuple[list[bytes], ConnectionLost]:
    """What a server's messages, lists in fragments, and its end become."""

    async def serve_one(socket: ServerConnection) -> None:
        for message in messages:
            await socket.send(message)
        if code is None:  # a close frame may be empty (RFC 6455, 5.5.1)
            socket.transport.write(b"\x88\x00")
            await socket.wait_closed()
        else:
            await socket.close(code)

    async with serve(serve_one, "127.0.0.1", 0) as server:
        talk = await open_talk(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/", key=KEY)
        received = []
        while True:
            try:
                received.append(await talk.next())
            except ConnectionLost as lost:
                talk.abort()
                return received, lost


def test_fragments_are_one_message() -> None:
    received, _ = simulate(told("whole", ["in ", "three ", "parts"], "again"))
    assert received == [b"whole", b"in three parts", b"again"]


@pytest.mark.parametrize("message", ["x" * (LONGEST + 1), "x" * (2 * LONGEST), ["x" * (LONGEST // 2 + 1)] * 2])
def test_a_message_beyond_all_measure_ends_the_connection(message: str | list[str]) -> None:
    received, lost = simulate(told("usual", "x" * LONGEST, message))
    assert [len(one) for one in received] == [5, LONGEST]
    assert (lost.code, lost.reason) == (1006, "")


@pytest.mark.parametrize(("code", "told_as"), [(None, 1005), (4008, 4008)])
def test_an_end_without_a_code_or_with_a_private_one_is_told_as_it_is(code: int | None, told_as: int) -> None:
    assert simulate(told("usual", code=code))[1].code == told_as


def test_an_empty_message_is_never_sent() -> None:
    async def run() -> None:
        async with FakeDeepgram().served() as server:
            connection = await open_talk(server.url, key=KEY)
            with pytest.raises(ValueError, match="ends the stream"):
                await connection.say(b"")
            connection.abort()

    simulate(run())


def test_closing_a_dead_connection_takes_a_second() -> None:
    async def run() -> float:
        async with FakeDeepgram(Behaviour(after=1, then=go_dead)).served() as server:
            connection = await open_talk(server.url, key=KEY)
            await connection.say(bytes(4))
            began = asyncio.get_running_loop().time()
            await connection.close()
            return asyncio.get_running_loop().time() - began

    assert simulate(run()) < 2.5


def test_the_library_writes_down_neither_headers_nor_messages(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger().setLevel(logging.DEBUG)
    try:
        outcome = simulate(transcribe(Call(3), FakeDeepgram(), served=True))
    finally:
        logging.getLogger().setLevel(logging.WARNING)
    assert outcome.sink.words(0)
    assert not [record for record in caplog.records if record.name == "picows.streamer"]


def test_a_call_goes_through_on_uvloop() -> None:
    call = Call(1)
    outcome = uvloop.run(
        transcribe(call, FakeDeepgram(Behaviour(after=2000, then=reset)), jitter=lambda: 0.0, served=True)
    )
    assert_whole(outcome, call)
