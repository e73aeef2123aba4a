"""The way from one streamer to everything else, and what can be wrong with either end."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

TroubleKind = Literal["throttled", "failing", "refused", "slow", "unheard", "unanswered", "partly", "conflicting"]

_LATENCY: Final = (0.001, 0.03)


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """A service that answers badly for a while.

    Attributes:
        service: As boto3 calls it, or `feed`.
        kind: `throttled`, `failing` (5xx) and `refused` (no permission) have no effect. `slow` has it after so many
            seconds, whether anybody still waits or not. `unheard` requests have none and get no answer, `unanswered`
            ones have it. `partly` takes the request but not what is in it, `conflicting` cancels transactions.
        since: Second from which on.
        until: Second until which.
        share: How many of the requests are met, 0 to 1.
        seconds: How slow.
        operation: The only operation that is met; "" for all.
        streamer: The only streamer that is met; "" for all.
    """

    service: str
    kind: TroubleKind
    since: float
    until: float
    share: float = 1.0
    seconds: float = 1.0
    operation: str = ""
    streamer: str = ""


class Network:
    """One streamer's way to all services.

    Attributes:
        gone: Whether the streamer is no more.
        on_end: What else ends with it: its connections.
    """

    def __init__(self) -> None:
        self._whole = asyncio.Event()
        self._whole.set()
        self.gone = False
        self.on_end: list[Callable[[], None]] = []

    @property
    def cut(self) -> bool:
        """Whether nothing passes."""
        return self.gone or not self._whole.is_set()

    def break_off(self) -> None:
        """Let nothing pass until `mend`."""
        self._whole.clear()

    def mend(self) -> None:
        """Let everything pass."""
        self._whole.set()

    def end(self) -> None:
        """Let nothing pass ever again, as when the process is killed: its kernel closes what was open."""
        self.gone = True
        self._whole.set()
        for end in self.on_end:
            end()

    async def passable(self) -> None:
        """Wait until something passes.

        Raises:
            ConnectionError: The streamer is no more.
        """
        await self._whole.wait()
        if self.gone:
            raise ConnectionResetError


@dataclass(kw_only=True)
class Conditions:
    """What is wrong at the moment, and how long requests take.

    Attributes:
        rng: The history's chance.
        now: Returns seconds since the history began.
        troubles: All there will be.
        met: How often each kind of trouble was met, by service and kind.
    """

    rng: random.Random
    now: Callable[[], float]
    troubles: list[Trouble] = field(default_factory=list)
    met: dict[str, int] = field(default_factory=dict)

    def latency(self) -> float:
        """Seconds on the way, one way."""
        return self.rng.uniform(*_LATENCY)

    def trouble(self, service: str, operation: str, streamer: str) -> Trouble | None:
        """Return what a request meets now."""
        now = self.now()
        for trouble in self.troubles:
            if (
                trouble.service == service
                and trouble.since <= now < trouble.until
                and trouble.operation in ("", operation)
                and trouble.streamer in ("", streamer)
                and self.rng.random() < trouble.share
            ):
                self.count(f"{service} {trouble.kind}")
                return trouble
        return None

    def count(self, what: str) -> None:
        """Count something that was met."""
        self.met[what] = self.met.get(what, 0) + 1
