"""What the server was asked and how many requests ran at once.

Kept for tests and benchmarks. It holds no words of a call, no key and no query of a URL, which may be a signature.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

from local.speech.errors import ListenError

MAX_ENTRIES = 10_000


@dataclass
class Entry:
    """One request.

    Attributes:
        request_id: As in the reply.
        parameters: Names and values in order.
        parallel: Requests in progress when it arrived, itself included.
        started: Seconds on a monotonic clock.
        finished: Seconds on the same clock; `None` while it runs.
        audio: Path of the audio's URL, or ``(body)``.
        sha256: Digest of the audio, once there.
        status: HTTP status of the answer; `None` while it runs and when there was none.
        fault: The ordered failure it met, if any.
        unanswered: Whether that failure is that no whole answer arrives.
    """

    request_id: str
    parameters: list[tuple[str, str]]
    parallel: int
    started: float = field(default_factory=time.monotonic)
    finished: float | None = None
    audio: str | None = None
    sha256: str | None = None
    status: int | None = None
    fault: str | None = None
    unanswered: bool = False

    def name_audio(self, url: str) -> None:
        """Keep the path of the audio's URL; the query may be a signature."""
        try:
            self.audio = urlsplit(url).path
        except ValueError:
            self.audio = "(not a URL)"

    def finish(self) -> None:
        """Note that the request is over."""
        self.finished = time.monotonic()


class Slots:
    """Lets in as many at once as the limit allows, and counts.

    Args:
        limit: In progress at once; `None` for no limit. Deepgram's page "API Rate Limits" has the figures of its plans.
    """

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._running = 0
        self._peak = 0
        self._refused = 0
        self._waiting: dict[asyncio.Event, int] = {}

    @property
    def with_next(self) -> int:
        """How many are in progress when one more is counted."""
        return self._running + 1

    @contextmanager
    def take(self) -> Iterator[None]:
        """Count one more as in progress.

        Raises:
            ListenError: 429 above the limit.
        """
        self._peak = max(self._peak, self.with_next)
        if self._limit is not None and self.with_next > self._limit:
            self._refused += 1
            raise ListenError.documented(429)
        self._running += 1
        for reached, running in self._waiting.items():
            if self._running >= running:
                reached.set()
        try:
            yield
        finally:
            self._running -= 1

    async def reach(self, running: int) -> None:
        """Wait until so many have been in progress at once."""
        if self._running >= running:
            return
        reached = asyncio.Event()
        self._waiting[reached] = running
        try:
            await reached.wait()
        finally:
            del self._waiting[reached]

    def report(self) -> dict[str, Any]:
        """Return the counts, JSON-ready."""
        return {
            "parallel_limit": self._limit,
            "peak_parallel": self._peak,
            "running": self._running,
            "refused": self._refused,
        }

    def reset(self) -> None:
        """Forget everything but what is in progress."""
        self._peak = self._running
        self._refused = 0


class Journal:
    """Records requests and lets in as many at once as the limit allows.

    Args:
        parallel_limit: Requests in progress at once; `None` for no limit.
    """

    def __init__(self, parallel_limit: int | None = None) -> None:
        self._slots = Slots(parallel_limit)
        self._entries: deque[Entry] = deque(maxlen=MAX_ENTRIES)

    def open(self, request_id: str, query: list[tuple[str, str]]) -> Entry:
        """Record the arrival of a request."""
        entry = Entry(request_id, query, self._slots.with_next)
        self._entries.append(entry)
        return entry

    @contextmanager
    def slot(self, entry: Entry) -> Iterator[None]:
        """Count a request as in progress.

        Raises:
            ListenError: 429 above the limit.
        """
        entry.parallel = self._slots.with_next
        with self._slots.take():
            yield

    async def reach(self, running: int) -> None:
        """Wait until so many requests have been in progress at once."""
        await self._slots.reach(running)

    def report(self) -> dict[str, Any]:
        """Return everything recorded, JSON-ready."""
        return {**self._slots.report(), "requests": [asdict(entry) for entry in self._entries]}

    def reset(self) -> None:
        """Forget everything but the requests in progress."""
        self._entries.clear()
        self._slots.reset()
