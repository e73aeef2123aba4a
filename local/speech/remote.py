"""Fetching the audio of a URL.

It comes from allowed hosts only, so that a request cannot make the server read what its machine can reach.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Iterable
from urllib.parse import urlsplit

import httpx

from local.speech.errors import ListenError, bad_request, remote_content_error

FETCH_SECONDS = 120.0


def too_large(limit: int) -> ListenError:
    """Return the error for more bytes than the server takes."""
    return ListenError(413, "PAYLOAD_TOO_LARGE", f"The local server accepts {limit} bytes of audio.")


async def gather_bytes(chunks: AsyncIterator[bytes], limit: int) -> bytes:
    """Return a stream's bytes.

    Raises:
        ListenError: 413 beyond `limit`.
    """
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > limit:
            raise too_large(limit)
    return bytes(body)


class Remote:
    """An HTTP client for allowed hosts.

    Args:
        allowed_hosts: Host names beside loopback addresses, ``localhost`` and names below it.
        max_bytes: Largest audio fetched.
    """

    def __init__(self, *, allowed_hosts: Iterable[str] = (), max_bytes: int) -> None:
        self._allowed = {host.lower() for host in allowed_hosts}
        self._max_bytes = max_bytes
        # Proxies from the environment would be asked to reach this machine's loopback.
        self._client = httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=httpx.Timeout(30, connect=5))

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    def allows(self, url: str) -> bool:
        """Whether a URL is HTTP and its host one that this server may reach."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return False
        host = (parts.hostname or "").lower()
        if parts.scheme not in {"http", "https"}:
            return False
        if host in self._allowed or host == "localhost" or host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False

    async def fetch(self, url: str) -> bytes:
        """Return the body of a URL. Redirects are not followed.

        Raises:
            ListenError: 400 ``REMOTE_CONTENT_ERROR`` when it cannot be had, 413 when it is too large.
        """
        if not self.allows(url):
            raise ListenError(400, "REMOTE_CONTENT_ERROR", "The local server does not fetch audio from that host.")
        try:
            async with asyncio.timeout(FETCH_SECONDS), self._client.stream("GET", url) as answer:
                if answer.status_code >= 400:
                    side = "client" if answer.status_code < 500 else "server"
                    raise remote_content_error(f"a {side} error: {answer.status_code} {answer.reason_phrase}")
                if answer.status_code != httpx.codes.OK:
                    raise remote_content_error(f"no content: {answer.status_code} {answer.reason_phrase}")
                return await gather_bytes(answer.aiter_bytes(), self._max_bytes)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as problem:
            raise remote_content_error(f"no answer ({type(problem).__name__})") from problem


def url_in(body: object) -> str:
    """Return the audio URL of a JSON body.

    Raises:
        ListenError: 400 when there is none.
    """
    if isinstance(body, dict) and isinstance(url := body.get("url"), str):
        return url
    raise bad_request("Content-type was application/json, but we could not process the JSON payload.")
