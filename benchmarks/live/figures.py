"""The tables of live calls."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median

from benchmarks.live.certificate import write_certificate
from benchmarks.live.load import DidNotStart, Result, System, measure
from benchmarks.live.traffic import FRAGMENT_MS, STEREO_BYTES_PER_MS, Pacing, Traffic
from benchmarks.report import Figures
from streamer.media.call_media import CallMedia
from streamer.media.matroska import Demuxer

AUDIO_PATH = System(name="audio path", module="benchmarks.live.audio_path", takes_from_queue=False, environment={})
STREAMER = System(
    name="whole streamer",
    module="streamer",
    takes_from_queue=True,
    environment={
        "TABLE_NAME": "benchmark",
        "CALLS_QUEUE_URL": "https://{services}/000000000000/calls",
        "FAILED_CALLS_QUEUE_URL": "https://{services}/000000000000/failed",
        "DEEPGRAM_SECRET_ARN": "arn:aws:secretsmanager:us-east-1:000000000000:secret:benchmark",
        "DEEPGRAM_OPTIONS": "{{}}",
        "DEEPGRAM_STREAM_URL": "wss://{speech}",
        "VOCABULARY_PATH": "/benchmark/",
        "FEED_URL": "https://{services}/event",
        "EVENT_BUS_NAME": "benchmark",
        "FLAGS": "eye-clinic-v1",
        "SERVICE_NAME": "benchmark",
        "HEALTH_PORT": "0",
        "MAX_CALL_SECONDS": "3600",
        "IDLE_LIMIT_SECONDS": "120",
        "START_WAIT_SECONDS": "60",
        "BUFFER_SECONDS": "60",
        "LEASE_SECONDS": "30",
        "LOG_LEVEL": "WARNING",
    },
)
THREADS = System(
    name="thread per call",
    module="benchmarks.live.thread_per_call",
    takes_from_queue=False,
    environment={},
    # botocore hands out a body by the kilobyte: the end of a piece comes with the next one.
    pieces_under_way=2,
)
RELAY = System(name="relay in C", module="benchmarks.live.relay", takes_from_queue=False, environment={})
_SYSTEMS = (AUDIO_PATH, STREAMER, THREADS, RELAY)
_MOST_BUSY_SERVICES = 0.5
"""Share of their core above which the services keep audio waiting themselves, and no latency is told."""
_LOADS = ((50, Pacing.BLOCKS), (200, Pacing.BLOCKS), (400, Pacing.BLOCKS), (200, Pacing.FRAGMENTS))
_TYPICAL = (200, Pacing.BLOCKS)
_SECONDS = 12.0
_DEMUX_REPEATS = 5
_DEMUX_FRAGMENTS = 300
_PIECES = (65_536, 16_384, 1_024)

Key = tuple[str, int, Pacing]


def measurements(scratch: Path) -> dict[Key, Result | None]:
    """Measure every system under every load; `None` where a system did not get its calls under way."""
    certificate = write_certificate(scratch)
    found: dict[Key, Result | None] = {}
    for system in _SYSTEMS:
        for calls, pacing in ((1, Pacing.BLOCKS), *_LOADS):
            try:
                result = measure(system, calls=calls, pacing=pacing, seconds=_SECONDS, certificate=certificate)
            except (DidNotStart, OSError):  # the services, too, can be too busy to answer
                result = None
            found[system.name, calls, pacing] = result
    return found


def typical(found: dict[Key, Result | None]) -> Result:
    """Return the measurement of the whole streamer that sizes follow from."""
    result = found[STREAMER.name, *_TYPICAL]
    if result is None:
        raise DidNotStart("the streamer did not take its calls")
    return result


def cost_figures(found: dict[Key, Result | None]) -> Figures:
    """What a call costs a streamer, and how many therefore fit on a processor."""

    def row(title: str, read: Callable[[System], str]) -> tuple[str, ...]:
        return (title, *(read(system) for system in _SYSTEMS))

    def of(calls: int, pacing: Pacing, show: Callable[[Result], str]) -> Callable[[System], str]:
        def read(system: System) -> str:
            result = found[system.name, calls, pacing]
            return "–" if result is None else show(result)

        return read

    def memory(system: System) -> str:
        one, many = found[system.name, 1, Pacing.BLOCKS], found[system.name, *_TYPICAL]
        if one is None or many is None:
            return "–"
        return f"{(many.rss_bytes - one.rss_bytes) / (many.calls - 1) / 1024:.0f}"

    return Figures(
        name="live-cost",
        title="Live calls: what one costs",
        columns=("", *(system.name for system in _SYSTEMS)),
        rows=(
            row("calls per vCPU at 60 %, 64 ms pieces", of(*_TYPICAL, lambda r: f"{r.calls_per_vcpu:.0f}")),
            row(
                "calls per vCPU at 60 %, fragments of a second",
                of(200, Pacing.FRAGMENTS, lambda r: f"{r.calls_per_vcpu:.0f}"),
            ),
            row("CPU ms per call-second, 64 ms pieces", of(*_TYPICAL, lambda r: f"{r.cpu_ms:.2f}")),
            row(
                "CPU ms per call-second, fragments of a second",
                of(200, Pacing.FRAGMENTS, lambda r: f"{r.cpu_ms:.2f}"),
            ),
            row("KB of memory per call", memory),
            row("MB of memory with 200 calls", of(*_TYPICAL, lambda r: f"{r.rss_bytes / 2**20:.0f}")),
            row(
                "requests to AWS and the feed per call-second",
                of(*_TYPICAL, lambda r: f"{sum(r.requests.values()):.2f}"),
            ),
        ),
        notes=(
            f"Calls per vCPU are 600 ms divided by the CPU time of a call-second among {_TYPICAL[0]} calls.",
            "Memory per call is what 200 calls take more than one, divided by 199.",
        ),
    )


def latency_figures(found: dict[Key, Result | None]) -> Figures:
    """How long audio stays in a streamer."""

    def cell(result: Result | None) -> str:
        if result is None:
            return "not all calls ran"
        if result.services_share > _MOST_BUSY_SERVICES:
            return "not measured"
        return f"{result.p50_ms:.1f} / {result.p99_ms:.1f}"

    def services(result: Result | None) -> str:
        return "–" if result is None else f"{result.services_share:.0%}"

    def busy(result: Result | None) -> str:
        return "–" if result is None else f"{result.cpu_share:.0%}"

    rows = []
    for calls, pacing in _LOADS:
        results = [found[system.name, calls, pacing] for system in _SYSTEMS]
        rows.append((f"{calls} calls, {pacing}, p50 / p99 ms", *map(cell, results)))
        rows.append((f"{calls} calls, {pacing}, processor busy", *map(busy, results)))
        rows.append((f"{calls} calls, {pacing}, services busy", *map(services, results)))
    return Figures(
        name="live-latency",
        title="Live calls: added latency",
        columns=("", *(system.name for system in _SYSTEMS)),
        rows=tuple(rows),
        notes=(
            f"Above {_MOST_BUSY_SERVICES:.0%} the services keep audio waiting themselves: no latency is measured then.",
        ),
    )


def demuxer_figures() -> Figures:
    """How fast the bytes of a stream are read."""
    pieces = Traffic(1).pieces(Pacing.FRAGMENTS)
    stream = b"".join(next(pieces)[2] for _ in range(_DEMUX_FRAGMENTS))
    seconds_of_call = _DEMUX_FRAGMENTS * FRAGMENT_MS / 1000

    def demux(parts: Iterable[bytes]) -> None:
        demuxer = Demuxer()
        for part in parts:
            for _ in demuxer.feed(part):
                pass

    def align(parts: Iterable[bytes]) -> None:
        media = CallMedia(call_id=f"{1:012d}")
        out = io.BytesIO()
        for part in parts:
            for audio in media.feed(part):
                out.write(audio.pcm)
        assert out.tell() == seconds_of_call * 1000 * STEREO_BYTES_PER_MS

    rows = []
    for name, read in (("demuxer", demux), ("with identity and alignment", align)):
        for size in _PIECES:
            parts = [stream[start : start + size] for start in range(0, len(stream), size)]
            seconds = median(_timed(lambda read=read, parts=parts: read(parts)) for _ in range(_DEMUX_REPEATS))  # type: ignore[misc]
            rows.append(
                (
                    f"{name}, reads of {size // 1024} KB",
                    f"{len(stream) / seconds / 1e6:.0f}",
                    f"{seconds * 1000 / seconds_of_call:.3f}",
                )
            )
    return Figures(
        name="live-demuxer",
        title="Live calls: the demuxer",
        columns=("", "MB/s", "CPU ms per call-second"),
        rows=tuple(rows),
        notes=(f"Median of {_DEMUX_REPEATS} passes over {seconds_of_call:.0f} s of a call with both tracks.",),
    )


def _timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
