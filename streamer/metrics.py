"""Metrics of the streamer, in CloudWatch's embedded metric format on standard output.

Counted in memory and written every few seconds, so that a thousand calls cost as many lines as one. Source of the
format: Amazon CloudWatch User Guide, "Specification: Embedded metric format".
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final, TextIO

import orjson

NAMESPACE: Final = "CallScribe"
FLUSH_SECONDS: Final = 20.0


class Count(StrEnum):
    """What is counted; the sum since the last line is written, if it is not 0."""

    CALLS_STARTED = "CallsStarted"
    CALLS_COMPLETED = "CallsCompleted"
    CALLS_INCOMPLETE = "CallsIncomplete"
    CALLS_FAILED = "CallsFailed"
    HAND_OVERS = "HandOvers"
    RECONNECTS = "Reconnects"
    GAPS = "Gaps"
    GAP_SECONDS = "GapSeconds"
    CLOCK_STEPS = "ClockSteps"
    RATE_LIMITED = "RateLimited"
    STALLS = "Stalls"
    UNKNOWN_MESSAGES = "UnknownMessages"
    UNREADABLE_MESSAGES = "UnreadableMessages"
    ODD_MESSAGES = "OddMessages"
    UTTERANCES_COMMITTED = "UtterancesCommitted"
    FEED_DROPPED = "FeedDropped"
    LEASES_LOST = "LeasesLost"
    MESSAGES_REFUSED = "MessagesRefused"


class Most(StrEnum):
    """What is measured; the largest since the last line is written, if there was any."""

    BEHIND_LIVE_MS = "BehindLiveMs"
    WAITED_MS = "WaitedMs"


_UNITS: Final = {"GapSeconds": "Seconds", "BehindLiveMs": "Milliseconds", "WaitedMs": "Milliseconds"}


class Metrics:
    """The metrics of one process.

    Args:
        service: Value of the dimension `service`.
        slots: Calls that the process takes at once.
        stream: Where the lines go.
        clock: Returns seconds since 1970.
    """

    def __init__(
        self, *, service: str, slots: int, stream: TextIO = sys.stdout, clock: Callable[[], float] = time.time
    ) -> None:
        self.slots_used = 0
        self._service = service
        self._slots = slots
        self._stream = stream
        self._clock = clock
        self._counts: Counter[Count] = Counter()
        self._most: dict[Most, int] = {}

    def add(self, name: Count, value: float = 1) -> None:
        """Count something."""
        self._counts[name] += value  # type: ignore[assignment]  # seconds may be fractions

    def behind_live(self, milliseconds: int) -> None:
        """Note how far behind the present the audio of a call is; the largest is written."""
        self._note(Most.BEHIND_LIVE_MS, milliseconds)

    def waited(self, milliseconds: int) -> None:
        """Note how long a new call has waited for a streamer; the largest is written."""
        self._note(Most.WAITED_MS, milliseconds)

    def flush(self) -> None:
        """Write one line and begin anew."""
        values: dict[str, float] = {"SlotsUsed": self.slots_used, "SlotsTotal": self._slots}
        values |= {name.value: value for name, value in self._counts.items() if value}
        values |= {name.value: value for name, value in self._most.items()}
        self._counts.clear()
        self._most.clear()
        definitions = [{"Name": name, "Unit": _UNITS.get(name, "Count")} for name in values]
        line: dict[str, Any] = {
            "_aws": {
                "Timestamp": int(self._clock() * 1000),
                "CloudWatchMetrics": [
                    {"Namespace": NAMESPACE, "Dimensions": [["service"]], "Metrics": definitions},
                ],
            },
            "service": self._service,
            **values,
        }
        self._stream.write(orjson.dumps(line).decode() + "\n")
        self._stream.flush()

    def _note(self, name: Most, value: int) -> None:
        self._most[name] = max(value, self._most.get(name, 0))

    async def run(self, *, every: float = FLUSH_SECONDS) -> None:
        """Write a line every few seconds, and the last one when cancelled."""
        try:
            while True:
                await asyncio.sleep(every)
                self.flush()
        finally:
            self.flush()
