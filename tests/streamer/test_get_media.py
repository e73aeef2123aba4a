"""A body of GetMedia is taken as it comes, and left with the service while there is no room for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiobotocore.session import AioSession
from botocore.exceptions import BotoCoreError, ConnectionClosedError

from streamer.aws import Signer
from streamer.get_media import MediaBody, get_media
from tests.patience import PATIENCE_SECONDS

_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
_CHUNK = b"10000\r\n" + bytes(65_536) + b"\r\n"
_CHUNKS = 256
"""Sixteen megabytes: more than the buffers of two sockets hold."""

_MOST_WAITING = 1 << 20


@asynccontextmanager
async def opened(serve: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[MediaBody]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        try:
            await serve(writer)
        finally:
            writer.close()

    session: Any = AioSession()  # type: ignore[no-untyped-call]
    session.set_credentials("AKIDEXAMPLE", "secret")
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server, asyncio.timeout(PATIENCE_SECONDS):
        endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        signer = Signer(session, region="eu-central-1")
        body = await get_media(signer=signer, endpoint=endpoint, request={})
        try:
            yield body
        finally:
            body.close()


async def test_what_there_is_no_room_for_stays_with_the_service_and_comes_later() -> None:
    sent = 0

    async def serve(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(_HEAD)
        for _ in range(_CHUNKS):
            writer.write(_CHUNK)
            await writer.drain()
            sent += 1
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    taken = 0

    def take_one(data: bytes) -> bool:
        nonlocal taken
        taken += len(data)
        return False

    def take_all(data: bytes) -> bool:
        take_one(data)
        return True

    async with opened(serve) as body:
        assert await body.read(take_one)
        for _ in range(200):  # all that is on its way arrives, if it may
            await asyncio.sleep(0)
        assert sent < _CHUNKS
        assert sum(map(len, body._parts)) < _MOST_WAITING
        assert await body.read(take_one)
        assert not await body.read(take_all)
    assert taken == _CHUNKS * 65_536


async def test_a_body_of_which_everything_was_there_at_once_ends() -> None:
    async def serve(writer: asyncio.StreamWriter) -> None:
        writer.write(_HEAD + b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")
        await writer.drain()

    taken: list[bytes] = []

    def take(data: bytes) -> bool:
        taken.append(data)
        return False

    async with opened(serve) as body:
        while await body.read(take):
            pass
    assert b"".join(taken) == b"onetwo"


@pytest.mark.parametrize("rest", [b"3\r\none\r\n", b"3\r\none\r\nno chunk"])
async def test_a_body_that_breaks_off_or_is_no_http_tells_so_after_what_came(rest: bytes) -> None:
    async def serve(writer: asyncio.StreamWriter) -> None:
        writer.write(_HEAD + rest)
        await writer.drain()

    taken: list[bytes] = []

    def take(data: bytes) -> bool:
        taken.append(data)
        return True

    async with opened(serve) as body:
        with pytest.raises(ConnectionClosedError):
            await body.read(take)
    assert b"".join(taken) == b"one"


async def test_an_answer_that_is_none_is_an_error_of_the_network() -> None:
    async def serve(writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.9\r\n")
        await writer.drain()

    with pytest.raises(BotoCoreError):
        async with opened(serve):
            pass


async def test_a_head_without_end_is_not_collected() -> None:
    sent = 0

    async def serve(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while sent < 16 << 20:
            writer.write(b"X-Word: " + b"y" * 8_000 + b"\r\n")
            await writer.drain()
            sent += 8_000

    with pytest.raises(ConnectionClosedError):
        async with opened(serve):
            pass
    assert sent < 16 << 20
