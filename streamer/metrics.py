"""Metrics of the streamer, in CloudWatch's embedded metric format on standard output.

Counted in memory and written every few seconds, so that a thousand calls cost as many lines as one. Source of the
format: Amazon CloudWatch User Guide, "Specification: Embedded metric format".
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final, TextIO

import orjson

from callscribe.contract.metrics import NAMESPACE, SERVICE_DIMENSION, StreamerCount, StreamerGauge, StreamerMaximum

FLUSH_SECONDS: Final = 20.0


_UNITS: Final[Mapping[str, str]] = {
    StreamerCount.GAP_SECONDS: "Seconds",
    StreamerMaximum.BEHIND_LIVE_MS: "Milliseconds",
    StreamerMaximum.WAITED_MS: "Milliseconds",
}


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
        self._counts: Counter[StreamerCount] = Counter()
        self._most: dict[StreamerMaximum, int] = {}

    def add(self, name: StreamerCount, value: float = 1) -> None:
        """Count something."""
        self._counts[name] += value  # type: ignore[assignment]  # seconds may be fractions

    def behind_live(self, milliseconds: int) -> None:
        """Note how far behind the present the audio of a call is; the largest is written."""
        self._note(StreamerMaximum.BEHIND_LIVE_MS, milliseconds)

    def waited(self, milliseconds: int) -> None:
        """Note how long a new call has waited for a streamer; the largest is written."""
        self._note(StreamerMaximum.WAITED_MS, milliseconds)

    def flush(self) -> None:
        """Write one line and begin anew."""
        values: dict[str, float] = {
            StreamerGauge.SLOTS_USED.value: self.slots_used,
            StreamerGauge.SLOTS_TOTAL.value: self._slots,
        }
        values |= {name.value: value for name, value in self._counts.items() if value}
        values |= {name.value: value for name, value in self._most.items()}
        self._counts.clear()
        self._most.clear()
        definitions = [{"Name": name, "Unit": _UNITS.get(name, "Count")} for name in values]
        line: dict[str, Any] = {
            "_aws": {
                "Timestamp": int(self._clock() * 1000),
                "CloudWatchMetrics": [
                    {"Namespace": NAMESPACE, "Dimensions": [[SERVICE_DIMENSION]], "Metrics": definitions},
                ],
            },
            SERVICE_DIMENSION: self._service,
            **values,
        }
        self._stream.write(orjson.dumps(line).decode() + "\n")
        self._stream.flush()

    def _note(self, name: StreamerMaximum, value: int) -> None:
        self._most[name] = max(value, self._most.get(name, 0))

    async def run(self, *, every: float = FLUSH_SECONDS) -> None:
        """Write a line every few seconds, and the last one when cancelled."""
        try:
            while True:
                await asyncio.sleep(every)
                self.flush()
        finally:
            self.flush()
