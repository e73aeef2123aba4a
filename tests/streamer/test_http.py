"""Requests over kept connections: each has its own answer, whatever becomes of the one before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from streamer import http
from streamer.http import Answer, HttpClient
from tests.patience import PATIENCE_SECONDS


@dataclass
class Server:
    """Answers each request by its body, and counts the connections."""

    answer: Callable[[bytes], bytes | Awaitable[bytes]]
    asked: list[bytes] = field(default_factory=list)
    connections: int = 0
    most_at_once: int = 0
    url: str = ""
    _open: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open += 1
        self.most_at_once = max(self.most_at_once, self._open)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                body = await reader.readexactly(length)
                self.asked.append(head + body)
                answer = self.answer(body)
                writer.write(answer if isinstance(answer, bytes) else await answer)
                await writer.drain()
                if b"Connection: close" in head:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._open -= 1
            writer.close()


def ok(body: bytes, *, more: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%b\r\n%b" % (len(body), more, body)


@asynccontextmanager
async def serving(answer: Callable[[bytes], bytes | Awaitable[bytes]]) -> AsyncIterator[Server]:
    server = Server(answer)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    async with asyncio.timeout(PATIENCE_SECONDS):
        yield server
    listening.close()


async def ask(client: HttpClient, server: Server, body: bytes, *, seconds: float = PATIENCE_SECONDS) -> Answer:
    return await client.send("POST", f"{server.url}/event?a=1", headers={"X-Word": "b"}, body=body, seconds=seconds)


async def test_a_request_is_sent_and_its_answer_returned() -> None:
    date = b"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
    async with serving(lambda body: ok(body[::-1], more=date)) as server, HttpClient() as client:
        assert await ask(client, server, b"abc") == Answer(200, b"cba", "Thu, 01 Jan 1970 00:00:00 GMT")
    head, _, body = server.asked[0].partition(b"\r\n\r\n")
    assert body == b"abc"
    first, *lines = head.split(b"\r\n")
    assert first == b"POST /event?a=1 HTTP/1.1"
    host = server.url.removeprefix("http://").encode()
    assert sorted(lines) == [b"Content-Length: 3", b"Host: " + host, b"X-Word: b"]


async def test_one_connection_serves_requests_that_follow_each_other_and_no_more_than_allowed_serve_those_at_once() -> (
    None
):
    async def later(body: bytes) -> bytes:
        await asyncio.sleep(0)
        return ok(body)

    async with serving(later) as server, HttpClient(connections=3) as client:
        for number in range(5):
            assert (await ask(client, server, b"%d" % number)).content == b"%d" % number
        assert server.connections == 1
        answers = await asyncio.gather(*(ask(client, server, b"%d" % number) for number in range(20)))
        assert [answer.content for answer in answers] == [b"%d" % number for number in range(20)]
        assert server.most_at_once == 3


async def test_an_answer_in_chunks_that_arrives_byte_by_byte_is_whole() -> None:
    whole = b"HTTP/1.1 503 Slow Down\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for byte in whole:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening, HttpClient() as client:
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        answer = await client.send("PUT", url, headers={}, body=b"", seconds=PATIENCE_SECONDS)
    assert (answer.status, answer.content) == (503, b"abc")


async def test_a_service_that_closes_is_asked_over_another_connection() -> None:
    async with serving(lambda body: ok(body, more=b"Connection: close\r\n")) as server, HttpClient() as client:
        for number in (1, 2):
            assert (await ask(client, server, b"%d" % number)).content == b"%d" % number
        assert server.connections == 2


async def test_the_late_answer_of_a_request_that_was_given_up_is_not_the_next_ones() -> None:
    release = asyncio.Event()

    async def slowly(body: bytes) -> bytes:
        if body == b"slow":
            await release.wait()
        return ok(body)

    async with serving(slowly) as server, HttpClient(connections=1) as client:
        with pytest.raises(TimeoutError):
            await ask(client, server, b"slow", seconds=0.05)
        release.set()
        assert (await ask(client, server, b"next")).content == b"next"
        assert server.connections == 2


async def test_a_connection_that_was_not_used_for_long_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(ok) as server, HttpClient() as client:
        await ask(client, server, b"1")
        monkeypatch.setattr(http, "_IDLE_SECONDS", -1.0)
        await ask(client, server, b"2")
        assert server.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + bytes(http.MAX_HEAD_BYTES * 2).replace(b"\0", b"x"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n" + bytes(http._MAX_BODY_BYTES + 1_000_000),
    ],
    ids=["no HTTP", "a head without end", "a body without end"],
)
async def test_what_is_no_answer_breaks_the_connection_and_nothing_else(answer: bytes) -> None:
    async with serving(lambda body: answer if body == b"bad" else ok(body)) as server, HttpClient() as client:
        with pytest.raises(ConnectionError):
            await ask(client, server, b"bad")
        assert (await ask(client, server, b"good")).content == b"good"


async def test_a_connection_that_breaks_is_an_error_of_its_request() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening, HttpClient() as client:
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        with pytest.raises(ConnectionError):
            await client.send("POST", url, headers={}, body=b"", seconds=PATIENCE_SECONDS)


async def test_where_nobody_answers_is_an_error_of_the_system() -> None:
    async with HttpClient() as client:
        with pytest.raises(ConnectionRefusedError):
            await client.send("POST", "http://127.0.0.1:9", headers={}, body=b"", seconds=PATIENCE_SECONDS)
