"""Deepgram in this process: it answers the product's HTTP client below its SDK, and counts what it bills.

Source: Deepgram docs, "API Errors" and "Getting started with pre-recorded audio".
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

import httpx

from tests.simulation.batch.faults import Outage
from tests.simulation.batch.scheduler import Scheduler, Task
from tests.simulation.batch.storage import Storage, Version

API_KEY: Final = "0123456789abcdef0123456789abcdef01234567"
_CODES: Final = {
    "400": "REMOTE_CONTENT_ERROR",
    "401": "INVALID_AUTH",
    "402": "ASR_PAYMENT_REQUIRED",
    "403": "INSUFFICIENT_PERMISSIONS",
    "408": "SLOW_UPLOAD",
    "429": "TOO_MANY_REQUESTS",
    "500": "INTERNAL_SERVER_ERROR",
    "503": "SERVICE_UNAVAILABLE",
}
_OF_GATEWAYS: Final = {"502": b"<html>Bad Gateway</html>", "504": b""}
"""Answers by whoever stands before the service."""
_GARBAGE: Final = (b"{}", b'{"results": {"channels": [', b'{"request_id": "0f6c8a34"}')


@dataclass
class Asked:
    """One request that was heard.

    Attributes:
        bucket: Bucket of the recording.
        key: Its key.
        version: Its version.
        at: When, in seconds since the begin.
        by: The process that asked.
        until: When it was over, as far as it is.
        billed: Whether it was done.
        usable: Whether what was answered holds a transcription.
    """

    bucket: str
    key: str
    version: Version
    at: float
    by: Task
    until: float | None = None
    billed: bool = False
    usable: bool = False


class Vendor:
    """The speech service.

    Args:
        scheduler: The time.
        storage: Where recordings are.
        replies: The reply by the content of a recording.
        outages: What goes wrong.
        chance: Draws how long a transcription takes, and whom an outage strikes.
        before: Called with each request before it is answered.

    Attributes:
        asked: The requests that were heard.
        ordered: What the next requests get, whatever else goes wrong: a kind of outage, or a body.
    """

    def __init__(
        self,
        *,
        scheduler: Scheduler,
        storage: Storage,
        replies: Mapping[bytes, bytes],
        outages: tuple[Outage, ...],
        chance: random.Random,
        before: Callable[[Asked], None],
    ) -> None:
        self._scheduler = scheduler
        self._storage = storage
        self._replies = replies
        self._outages = outages
        self._chance = chance
        self._before = before
        self.asked: list[Asked] = []
        self.ordered: list[str | bytes] = []
        self.hits: Counter[str] = Counter()

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of an HTTP client, in the time of the process that sends it.

        Raises:
            httpx.TransportError: No answer arrives.
        """
        fate = self._fate()
        self._scheduler.sleep(self._chance.uniform(0.05, 0.3))
        if fate == "cut":
            raise httpx.ConnectError("refused", request=request)
        if request.headers.get("Authorization") != f"Token {API_KEY}":
            return self._refusal(401, "INVALID_AUTH")
        if isinstance(fate, str) and fate in _OF_GATEWAYS:
            return self._answer(int(fate), _OF_GATEWAYS[fate])
        if isinstance(fate, str) and fate.isdigit():
            return self._refusal(int(fate), _CODES[fate], retry_after=fate == "429" and self._chance.random() < 0.3)
        asked = self._heard(json.loads(request.read())["url"])
        if asked is None:
            return self._refusal(400, "REMOTE_CONTENT_ERROR")
        self._before(asked)
        self.asked.append(asked)
        try:
            return self._transcribed(asked, fate, request)
        finally:
            asked.until = self._scheduler.now

    def _fate(self) -> str | bytes:
        if self.ordered:
            self.hits["ordered"] += 1
            return self.ordered.pop(0)
        for outage in self._outages:
            if outage.begin <= self._scheduler.now < outage.end and self._chance.random() < outage.share:
                self.hits[outage.kind] += 1
                return outage.kind
        return ""

    def _heard(self, url: str) -> Asked | None:
        address = urlsplit(url)
        bucket, key = (address.hostname or "").partition(".s3.")[0], unquote(address.path.lstrip("/"))
        wanted = parse_qs(address.query).get("versionId", [""])[0]
        for version in self._storage.versions(bucket, key):
            if version.version_id == wanted and version.content is not None:
                return Asked(
                    bucket=bucket, key=key, version=version, at=self._scheduler.now, by=self._scheduler.running
                )
        return None

    def _transcribed(self, asked: Asked, fate: str | bytes, request: httpx.Request) -> httpx.Response:
        # Once it was heard it is done and billed, whatever becomes of who asked.
        asked.billed = True
        if fate == "slow":
            seconds = request.extensions["timeout"]["read"]
            self._scheduler.sleep(seconds)
            raise httpx.ReadTimeout("too slow", request=request)
        self._scheduler.sleep(self._chance.choice((2.0, 5.0, 20.0, 200.0)) * self._chance.uniform(0.5, 1))
        if fate == "lost":
            raise httpx.ReadError("reset", request=request)
        if isinstance(fate, bytes):
            return self._answer(200, fate)
        if fate == "garbage":
            return self._answer(200, self._chance.choice(_GARBAGE))
        asked.usable = True
        return self._answer(200, self._replies[asked.version.content or b""])

    def _refusal(self, status: int, code: str, *, retry_after: bool = False) -> httpx.Response:
        body = {"err_code": code, "err_msg": "not like this", "request_id": "0f6c8a34"}
        return self._answer(status, json.dumps(body).encode(), {"Retry-After": "77"} if retry_after else {})

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> httpx.Response:
        told = {"dg-request-id": f"request-{len(self.asked)}", "Content-Type": "application/json", **(headers or {})}
        return httpx.Response(status, headers=told, stream=httpx.ByteStream(body))
