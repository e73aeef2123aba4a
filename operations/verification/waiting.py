"""Waiting for what services do in their own time, with an end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self, TypeVar

_T = TypeVar("_T")
_LOOK_SECONDS = 1.0


class TookTooLong(Exception):
    """Something did not happen in time; the message says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a verification may take.

    Attributes:
        until: When it has to be over, by the clock.
        clock: Seconds that never go back.
        sleep: Waits for some seconds.
    """

    until: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def of(cls, *, seconds: float) -> Self:
        """So many seconds from now on."""
        return cls(until=time.monotonic() + seconds)

    def looks(self, what: str, *, pause_seconds: float = _LOOK_SECONDS) -> Iterator[None]:
        """Yield again and again, with pauses, to look whether it has happened.

        Raises:
            TookTooLong: The time is over.
        """
        while self.clock() < self.until:
            yield
            self.sleep(pause_seconds)
        raise TookTooLong(f"{what} did not come in time")

    def wait_for(self, what: str, found: Callable[[], _T | None]) -> _T:
        """Return what is found at last.

        Raises:
            TookTooLong: It was not found in time.
        """
        for _ in self.looks(what):
            if (seen := found()) is not None:
                return seen
        raise AssertionError("unreachable")
