"""One call's transcription by Deepgram, over as many connections as it takes."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from streamer.deepgram.results import Sink


class ApiKey(Protocol):
    """Deepgram's API key."""

    async def read(self, *, refresh: bool = False) -> str:
        """Return the key; with `refresh` as it is now, whatever was read before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """How much and how long; all times in seconds."""

    buffer_seconds: float = 60.0
    outage_seconds: float = 300.0


class DeepgramSession:
    """Sends a call's audio to Deepgram and hands on each word once."""

    def __init__(
        self,
        *,
        url: str,
        key: ApiKey,
        sink: Sink,
        watermarks: tuple[int, int] = (0, 0),
        limits: SessionLimits = SessionLimits(),  # noqa: B008
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        raise NotImplementedError
