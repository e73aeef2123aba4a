"""How long a recording takes to become an item, beyond the time the speech server takes."""

from __future__ import annotations

import statistics
import time

from benchmarks.report import Figures
from benchmarks.rig import Rig, recording, wait_for

REQUEST_SECONDS = 0.5
"""What the speech server takes for a request."""

_COLD_CALLS = 3
_WARM_CALLS = 20
_TIMEOUT_SECONDS = 60
_POLL_SECONDS = 0.02


def figures(rig: Rig) -> Figures:
    cold = [_overhead(rig, index, cold=True) for index in range(_COLD_CALLS)]
    warm = [_overhead(rig, index, cold=False) for index in range(_COLD_CALLS, _COLD_CALLS + _WARM_CALLS)]
    return Figures(
        name="latency",
        title="From the object's put to the transcript's item, without the speech server's time",
        columns=("", "calls", "p50 s", "p95 s", "least s"),
        rows=tuple(
            (
                name,
                str(len(seconds)),
                f"{statistics.median(seconds):.2f}",
                _p95(seconds),
                f"{min(seconds):.2f}",
            )
            for name, seconds in (("cold", cold), ("warm", warm))
        ),
        notes=(f"The server takes {REQUEST_SECONDS:g} s for a request; its own measured time is subtracted.",),
    )


def _overhead(rig: Rig, index: int, *, cold: bool) -> float:
    call_id = f"latency-{index}"
    audio = recording(index)
    if cold:
        rig.retire_workers()
    rig.forget_requests()
    started = time.perf_counter()
    rig.put(call_id, audio)
    wait_for(lambda: rig.transcript(call_id), _TIMEOUT_SECONDS, f"the transcript of {call_id}", _POLL_SECONDS)
    total = time.perf_counter() - started
    (request,) = rig.requests()
    rig.wait_until_idle()
    return total - request.seconds


def _p95(seconds: list[float]) -> str:
    """The time that one call in twenty exceeds; of fewer calls nothing can be said."""
    return f"{statistics.quantiles(seconds, n=20, method='inclusive')[-1]:.2f}" if len(seconds) >= 20 else "–"
