"""GetMedia of Kinesis Video Streams: one request, on a connection of its own, whose answer lasts as long as the call.

What arrives is handed over in the turn of the event loop in which it arrives, and nothing arrives while nobody reads:
the connection is paused then, and the audio stays with the service. Source: Amazon Kinesis Video Streams API reference,
"GetMedia".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import httptools
import orjson
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, ReadTimeoutError

from streamer.aws import Signer
from streamer.http import MAX_HEAD_BYTES, connect, request_bytes

_READ_SECONDS: Final = 10.0
"""Longest wait for bytes; the service itself ends a silent body sooner."""

_MAX_REFUSAL_BYTES: Final = 65_536
_TELLING: Final = ("x-amzn-errortype", "date")
_USER_AGENT: Final = "callscribe-streamer"

Take = Callable[[bytes], bool]
"""Takes bytes, and returns whether more may come now; it must not raise."""


class MediaBody(asyncio.Protocol):
    """One body; made by `get_media`.

    Args:
        request: What is sent once the connection stands.
        url: Where to, for errors.
    """

    def __init__(self, request: bytes, *, url: str) -> None:
        self._request = request
        self._url = url
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._transport: Any = None
        self._headers: dict[str, str] = {}
        self._head_is_here = self._is_over = False
        self._head_bytes = 0
        self._failure: Exception | None = None
        self._parts: list[bytes] = []
        self._take: Take | None = None
        self._paused = False
        self._news = asyncio.Event()
        self._heard_at = self._loop.time()
        self._timer = self._loop.call_later(_READ_SECONDS, self._look_after)

    async def begin(self) -> None:
        """Wait for the head of the answer.

        Raises:
            ClientError: The service refuses.
            BotoCoreError: It does not answer.
        """
        while not self._head_is_here:
            if self._failure is not None:
                raise self._failure
            await self._wait()
        status = self._parser.get_status_code()
        if status == 200:
            return
        content = bytearray()

        def keep(data: bytes) -> bool:
            content.extend(data)
            return len(content) <= _MAX_REFUSAL_BYTES

        await self.read(keep)
        raise _refusal(status, self._headers, bytes(content))

    async def read(self, take: Take) -> bool:
        """Hand over what arrives until that is enough.

        Returns:
            Whether the body goes on: `take` wants no more for now. Otherwise it has ended.

        Raises:
            BotoCoreError: It broke, or said nothing for too long.
        """
        self._take = take
        self._heard_at = self._loop.time()
        self._hand_over()
        if self._take is not None and self._paused:
            self._paused = False
            self._transport.resume_reading()
        try:
            while self._take is not None and not self._is_over and self._failure is None:
                await self._wait()
            if self._take is None:
                return True
        finally:
            self._take = None
        if self._failure is not None:
            raise self._failure
        return False

    def close(self) -> None:
        """Leave it, whatever may still come."""
        self._timer.cancel()
        if self._transport is not None:
            self._transport.abort()

    # What the connection tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        self._transport = transport
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Take bytes of the answer."""
        self._heard_at = self._loop.time()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._hand_over()
            self._fail(ConnectionClosedError(endpoint_url=self._url))
            return
        if not self._head_is_here:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._fail(ConnectionClosedError(endpoint_url=self._url))
                self._transport.abort()
                return
        if self._parts:
            self._hand_over()
        if self._take is None and not self._paused and not self._is_over and self._head_is_here:
            self._paused = True
            self._transport.pause_reading()

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        """Note that nothing more can come."""
        if not self._is_over:
            self._fail(ConnectionClosedError(endpoint_url=self._url))

    # What the parser tells.

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep those that a refusal is understood by."""
        if (lower := name.lower().decode("latin-1")) in _TELLING:
            self._headers[lower] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Tell `begin`."""
        self._head_is_here = True
        self._news.set()

    def on_body(self, data: bytes) -> None:
        """Keep what is handed over at the end of this turn."""
        self._parts.append(data)

    def on_message_complete(self) -> None:
        """Note the end."""
        self._is_over = True
        self._news.set()

    def _hand_over(self) -> None:
        if not self._parts or self._take is None:
            return
        data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        if not self._take(data):
            self._take = None
            self._news.set()

    def _fail(self, failure: Exception) -> None:
        if self._failure is None:
            self._failure = failure
        self._news.set()

    def _look_after(self) -> None:
        """Give a body up that says nothing while somebody reads it."""
        silent = self._loop.time() - self._heard_at
        if self._paused:
            silent = 0.0
        elif silent >= _READ_SECONDS:
            self._fail(ReadTimeoutError(endpoint_url=self._url))
            return
        self._timer = self._loop.call_later(_READ_SECONDS - silent, self._look_after)

    async def _wait(self) -> None:
        self._news.clear()
        await self._news.wait()


async def get_media(*, signer: Signer, endpoint: str, request: dict[str, Any]) -> MediaBody:
    """Open a body.

    Args:
        signer: Signs the request.
        endpoint: Where the stream is read (`GetDataEndpoint`).
        request: Of the API: `StreamARN`, and `StartSelector` with its time in seconds since 1970.

    Raises:
        ClientError: The service refuses.
        BotoCoreError: It is out of reach, or there are no credentials.
    """
    url, content = f"{endpoint.rstrip('/')}/getMedia", orjson.dumps(request)

    async def sign() -> dict[str, str]:
        own = {"Content-Type": "application/json", "User-Agent": _USER_AGENT}
        return await signer.sign(service="kinesisvideo", url=url, headers=own, body=content)

    headers = await sign()
    try:
        return await _open(url, headers, content)
    except ClientError as error:
        if not signer.refused(headers, date=error.response["ResponseMetadata"]["HTTPHeaders"].get("date")):
            raise
    return await _open(url, await sign(), content)


async def _open(url: str, headers: dict[str, str], content: bytes) -> MediaBody:
    place = urlsplit(url)
    body = MediaBody(request_bytes("POST", place, headers, content), url=url)
    try:
        await connect(body, place)
        await body.begin()
    except (OSError, TimeoutError) as error:
        body.close()
        raise EndpointConnectionError(endpoint_url=url, error=type(error).__name__) from None
    except BaseException:
        body.close()
        raise
    return body


def _refusal(status: int, headers: dict[str, str], content: bytes) -> ClientError:
    """Return the error that botocore would raise."""
    try:
        told = orjson.loads(content)
    except orjson.JSONDecodeError:
        told = {}
    named = headers.get("x-amzn-errortype") or str(
        told.get("__type") or told.get("code") or "" if isinstance(told, dict) else ""
    )
    code = named.partition(":")[0].rpartition("#")[2] or str(status)
    response: Any = {
        "Error": {"Code": code, "Message": ""},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers},
    }
    return ClientError(response, "GetMedia")
