"""A number of calls through a streamer, and what that costs."""

from __future__ import annotations

import json
import os
import ssl
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
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
    """

    name: str
    module: str
    takes_from_queue: bool
    environment: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a number of calls cost; CPU and memory are the streamer's alone.

    Attributes:
        calls: Calls under way.
        seconds: Length of the measurement.
        cpu_ms: Milliseconds of CPU per second of a call.
        rss_bytes: Memory of the process.
        p50_ms: From the audio's leaving here to its coming back, half of all pieces.
        p99_ms: The same, 99 of 100 pieces.
        requests: Requests to AWS and the feed per second of a call, by operation.
    """

    calls: int
    seconds: float
    cpu_ms: float
    rss_bytes: int
    p50_ms: float
    p99_ms: float
    requests: Mapping[str, float]

    @property
    def cpu_share(self) -> float:
        """Share of the core that was busy."""
        return self.cpu_ms * self.calls / 1000

    @property
    def calls_per_vcpu(self) -> float:
        """Calls that keep a core busy for 60 % of the time, by what one call costs here."""
        return 600 / self.cpu_ms


class Services:
    """The process that plays everything a streamer talks to."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self.certificate = certificate
        self.port = free_port()
        self.address = f"{HOST}:{self.port}"
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

    def queue(self, calls: int, pacing: Pacing) -> None:
        self._post("/benchmark/calls", {"queued": calls, "pacing": pacing})

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
    with ExitStack() as stack:
        services = stack.enter_context(Services(*certificate))
        services.queue(calls if system.takes_from_queue else 0, pacing)
        arguments = [] if system.takes_from_queue else ["--services", services.address, "--calls", str(calls)]
        environment = {
            **_environment(services, calls),
            **{name: value.format(services=services.address) for name, value in system.environment.items()},
        }
        process = _start(system.module, arguments, core=_STREAMER_CORE, environment=environment)
        stack.callback(_end, process)
        _wait_for_calls(services, calls, process)
        time.sleep(_SETTLE_SECONDS)
        services.begin_window()
        cpu, began = _cpu_seconds(process.pid), time.monotonic()
        time.sleep(seconds)
        cpu, took = _cpu_seconds(process.pid) - cpu, time.monotonic() - began
        rss, window = _rss_bytes(process.pid), services.window()
    latencies = sorted(window["latencies"])
    if window["streaming"] != calls or len(latencies) < 100:
        raise DidNotStart(f"{system.name}: {window['streaming']} of {calls} calls were still under way")
    return Result(
        calls=calls,
        seconds=took,
        cpu_ms=cpu * 1000 / took / calls,
        rss_bytes=rss,
        p50_ms=statistics.median(latencies) * 1000,
        p99_ms=latencies[len(latencies) * 99 // 100] * 1000,
        requests={operation: count / took / calls for operation, count in window["requests"].items()},
    )


def _environment(services: Services, calls: int) -> dict[str, str]:
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
    }


def _start(
    module: str, arguments: Sequence[str], *, core: int, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
    )
    os.sched_setaffinity(process.pid, {core})
    return process


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
