"""The product takes the time from whoever runs it: in simulated time nothing of it looks at the machine's clock."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from types import FrameType
from typing import Any, Final
from unittest.mock import Mock, patch

from lambdas.end_live_call.hints import EndHints
from streamer.liveness import Health
from tests.conftest import ROOT
from tests.simulation.batch import runner as batch
from tests.simulation.batch import scheduler
from tests.simulation.batch.faults import Outage
from tests.simulation.batch.histories import History, Put, Redrive
from tests.simulation.live import runner as live
from tests.simulation.live.histories import Fault
from tests.simulation.live.histories import generate as generate_live

_PRODUCT: Final = tuple(str(ROOT / folder) for folder in ("callscribe", "lambdas", "streamer", "operations"))
_CLOCKS: Final = (time.time, time.time_ns, time.monotonic, time.monotonic_ns, time.perf_counter, time.perf_counter_ns)
_OF_DATES: Final = ("now", "utcnow", "today")


def _reads_a_clock(function: Any) -> bool:
    owner = getattr(function, "__self__", None)
    return function in _CLOCKS or (
        isinstance(owner, type) and issubclass(owner, date | datetime) and function.__name__ in _OF_DATES
    )


@contextmanager
def wall_clock_watched() -> Iterator[set[str]]:
    """Note every line of the product that asks the machine for the time, in whatever thread."""
    reads: set[str] = set()

    def note(frame: FrameType, event: str, function: Any) -> None:
        if event == "c_call" and frame.f_code.co_filename.startswith(_PRODUCT) and _reads_a_clock(function):
            reads.add(f"{Path(frame.f_code.co_filename).relative_to(ROOT)}:{frame.f_lineno}")

    before = sys.getprofile()
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield reads
    finally:
        sys.setprofile(before)
        threading.setprofile(None)


def test_a_look_at_the_machines_clock_is_noticed_in_every_thread() -> None:
    hints = EndHints(table=Mock())
    with wall_clock_watched() as reads:
        hints._clock()
        thread = threading.Thread(target=Health().beat, args=("intake",))
        thread.start()
        thread.join()
    assert {read.partition(":")[0] for read in reads} == {"lambdas/end_live_call/hints.py", "streamer/liveness.py"}


# Deepgram dates its answer, so that it takes a clock to know how long to wait.
_REFUSED: Final = {"status": 503, "headers": {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}}


def test_streamers_take_the_time_from_their_surroundings() -> None:
    history = generate_live(1)
    refused = Fault(kind="vendor", at=min(call.begins for call in history.calls) / 2, order=_REFUSED)
    with wall_clock_watched() as reads:
        outcome = live.run(replace(history, faults=(refused, *history.faults)))
    assert not reads
    assert "HandshakeFailed" in outcome.log or "HTTP 503" in outcome.log


def test_functions_and_operators_take_the_time_from_their_surroundings() -> None:
    history = History(
        seed=1,
        puts=(Put(at=1.0, call=0, content=0), Put(at=2.0, call=1, content=-1)),
        redrives=(Redrive(at=900.0, claims=True), Redrive(at=901.0, claims=False)),
        outages=(Outage(begin=0.0, seconds=60.0, kind="503", share=1.0),),
    )
    with patch.object(scheduler, "_idle", []), wall_clock_watched() as reads:  # threads of its own, which are watched
        outcome = batch.run(history)
    assert not reads
    assert outcome.requests
    assert outcome.met["503"]
