"""A number of calls through a streamer, and what that costs."""

from __future__ import annotations

import json
import os
import socket
import ssl
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.live.services import HOST
from benchmarks.live.traffic import Pacing
from local.server_process import ROOT, free_port

_STREAMER_CORE, _SERVICES_CORE = 0, 1
_SETTLE_SECONDS = 6.0
_START_SECONDS = 90.0
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class DidNotStart(RuntimeError):
    """A streamer did not get all its calls under way."""


@dataclass(frozen=True, kw_only=True)
class System:
    """A streamer to be measured.

    Attributes:
        name: How the tables call it.
        module: What runs it.
        takes_from_queue: Whether it takes its calls from the queue; otherwise it is told how many there are.
        environment: Further environment variables.
        pieces_under_way: Pieces of a call's audio that must be out before the first of them comes back.
        root: The checkout whose code it is.
    """

    name: str
    module: str
    takes_from_queue: bool
    environment: Mapping[str, str]
    pieces_under_way: int = 1
    root: Path = ROOT


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a number of calls cost; CPU and memory are the streamer's alone.

    Attributes:
        calls: Calls under way.
        pace: Seconds of each call's audio that went through in a second; below one the machine was too slow.
        cpu_ms: Milliseconds of CPU per second of a call's audio.
        cpu_share: Share of the core that was busy.
        services_share: The same of the process that plays all the others.
        rss_bytes: Memory of the process.
        p50_ms: From the audio's leaving here to its coming back, half of all pieces.
        p99_ms: The same, 99 of 100 pieces.
        requests: Requests to AWS and the feed per second of a call's audio, by operation.
    """

    calls: int
    pace: float
    cpu_ms: float
    cpu_share: float
    services_share: float
    rss_bytes: int
    p50_ms: float
    p99_ms: float
    requests: Mapping[str, float]

    @property
    def calls_per_vcpu(self) -> float:
        """Calls that keep a core busy for 60 % of the time, by what one call costs here."""
        return 600 / self.cpu_ms


class Services:
    """The process that plays everything a streamer talks to."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self.certificate = certificate
        self.port = _free_pair()
        self.address, self.speech = f"{HOST}:{self.port}", f"{HOST}:{self.port + 1}"
        self._tls = ssl.create_default_context(cafile=str(certificate))
        arguments = ["--port", str(self.port), "--certificate", str(certificate), "--key", str(key)]
        self._process = _start("benchmarks.live.services", arguments, core=_SERVICES_CORE, environment={})

    def wait(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                self.window()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return

    def queue(self, calls: int, pacing: Pacing, *, pieces_under_way: int) -> None:
        self._post("/benchmark/calls", {"queued": calls, "pacing": pacing, "pieces_under_way": pieces_under_way})

    def begin_window(self) -> None:
        self._post("/benchmark/window", {})

    def window(self) -> dict[str, Any]:
        with urllib.request.urlopen(
            f"https://{self.address}/benchmark/window", timeout=10, context=self._tls
        ) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def _post(self, path: str, body: Mapping[str, Any]) -> None:
        request = urllib.request.Request(f"https://{self.address}{path}", data=json.dumps(body).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=10, context=self._tls):
            pass

    def __enter__(self) -> Self:
        self.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _end(self._process)


def measure(system: System, *, calls: int, pacing: Pacing, seconds: float, certificate: tuple[Path, Path]) -> Result:
    """Let so many calls run through a new process of the streamer, and measure for so long.

    Raises:
        DidNotStart: Not all calls were under way in time.
    """
    (result,) = measure_beside([system], calls=calls, pacing=pacing, seconds=seconds, certificate=certificate)
    return result


def measure_beside(
    systems: Sequence[System], *, calls: int, pacing: Pacing, seconds: float, certificate: tuple[Path, Path]
) -> list[Result]:
    """Measure several streamers at the same time on the same core, each with services of its own.

    Whatever else the machine does meets all of them alike, so that their ratios hold where their figures do not.

    Raises:
        DidNotStart: Not all calls were under way in time.
    """
    with ExitStack() as stack:
        running = [stack.enter_context(_running(system, calls, pacing, certificate)) for system in systems]
        for services, process in running:
            _wait_for_calls(services, calls, process)
        time.sleep(_SETTLE_SECONDS)
        began, before = [], []
        for services, process in running:
            services.begin_window()
            began.append(time.monotonic())
            before.append(_cpu_seconds(process.pid))
        time.sleep(seconds)
        results = []
        for system, (services, process), start, cpu in zip(systems, running, began, before, strict=True):
            spent, took, window = _cpu_seconds(process.pid) - cpu, time.monotonic() - start, services.window()
            latencies, audio = sorted(window["latencies"]), window["audio_seconds"]
            if window["streaming"] != calls or len(latencies) < 100:
                raise DidNotStart(f"{system.name}: {window['streaming']} of {calls} calls were still under way")
            results.append(
                Result(
                    calls=calls,
                    pace=audio / took / calls,
                    cpu_ms=spent * 1000 / audio,
                    cpu_share=spent / took,
                    services_share=window["busy"],
                    rss_bytes=_rss_bytes(process.pid),
                    p50_ms=statistics.median(latencies) * 1000,
                    p99_ms=latencies[len(latencies) * 99 // 100] * 1000,
                    requests={operation: count / audio for operation, count in window["requests"].items()},
                )
            )
        return results


@contextmanager
def _running(
    system: System, calls: int, pacing: Pacing, certificate: tuple[Path, Path]
) -> Iterator[tuple[Services, subprocess.Popen[bytes]]]:
    with Services(*certificate) as services:
        services.queue(calls if system.takes_from_queue else 0, pacing, pieces_under_way=system.pieces_under_way)
        arguments = ["--services", services.address, "--speech", services.speech, "--calls", str(calls)]
        environment = {
            **_environment(services, calls, pacing),
            **{
                name: value.format(services=services.address, speech=services.speech)
                for name, value in system.environment.items()
            },
        }
        process = _start(
            system.module,
            [] if system.takes_from_queue else arguments,
            core=_STREAMER_CORE,
            environment=environment,
            root=system.root,
        )
        try:
            yield services, process
        finally:
            _end(process)


def _environment(services: Services, calls: int, pacing: Pacing) -> dict[str, str]:
    bundle = str(services.certificate)
    return {
        "AWS_ENDPOINT_URL": f"https://{services.address}",
        "AWS_CA_BUNDLE": bundle,
        "SSL_CERT_FILE": bundle,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "benchmark",
        "AWS_SECRET_ACCESS_KEY": "benchmark",
        "SLOTS": str(calls),
        "PACING": pacing,
    }


def _start(
    module: str, arguments: Sequence[str], *, core: int, environment: Mapping[str, str], root: Path = ROOT
) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=root,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
    )
    os.sched_setaffinity(process.pid, {core})
    return process


def _free_pair() -> int:
    """Return a port that is free, and so is the next."""
    while True:
        port = free_port()
        with socket.socket() as next_one, suppress(OSError):
            next_one.bind((HOST, port + 1))
            return port


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _wait_for_calls(services: Services, calls: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while services.window()["streaming"] < calls:
        if time.monotonic() > deadline or process.poll() is not None:
            raise DidNotStart(f"{services.window()['streaming']} of {calls} calls are under way")
        time.sleep(0.5)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _rss_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
