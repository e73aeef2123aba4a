"""Run the emulator as a child process."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from local.emulator.gateway import WORKERS_PATH
from local.emulator.server import HOST, REGION

_STOP_SECONDS = 10.0


class EmulatorDidNotStart(RuntimeError):
    """The emulator ended or did not answer in time; the message carries the end of its log."""


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this TCP port of the loopback address now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


class Emulator:
    """The emulator in a child process, which ends with this one whatever happens.

    Args:
        port: TCP port on the loopback address.
        directory: Where its log and temporary files go.
        runtime_python: The Python that runs Lambda functions.
        start_seconds: How long it may take to answer.
    """

    def __init__(self, *, port: int, directory: Path, runtime_python: Path, start_seconds: float = 30.0) -> None:
        self.port = port
        self.endpoint_url = f"http://{HOST}:{port}"
        self.log = directory / f"emulator-{port}.log"
        self._state_directory = directory / f"emulator-{port}"
        self._runtime_python = runtime_python
        self._start_seconds = start_seconds
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that point an AWS SDK or the CDK command line at the emulator."""
        return {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": REGION,
            "AWS_SECRET_ACCESS_KEY": "test",
        }

    def start(self) -> None:
        """Start and wait until it answers.

        Raises:
            EmulatorDidNotStart: It ended, for example because the port is taken, or took too long.
        """
        if not port_is_free(self.port):
            raise EmulatorDidNotStart(f"port {self.port} on {HOST} is taken; stop what uses it or choose another port")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "local.emulator", "--stop-with-parent"),
                    *("--port", str(self.port)),
                    *("--state-directory", str(self._state_directory)),
                    *("--runtime-python", str(self._runtime_python)),
                ],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the parent alone, which stops its children in order
            )
        deadline = time.monotonic() + self._start_seconds
        while not self._answers():
            if self._process.poll() is not None:
                raise EmulatorDidNotStart(f"the emulator ended at once:\n{self._end_of_log()}")
            if time.monotonic() > deadline:
                self.stop()
                raise EmulatorDidNotStart(f"no answer in {self._start_seconds:g} s:\n{self._end_of_log()}")
            time.sleep(0.05)

    @property
    def pid(self) -> int:
        """Process id of the running emulator."""
        if self._process is None:
            raise RuntimeError("the emulator is not running")
        return self._process.pid

    def workers(self) -> list[dict[str, Any]]:
        """The Lambda worker processes: ``function``, ``pid`` and whether they are ``busy``."""
        with urllib.request.urlopen(self.endpoint_url + WORKERS_PATH, timeout=5) as response:  # noqa: S310
            workers: list[dict[str, Any]] = json.load(response)
        return workers

    def stop(self) -> None:
        """Stop it and its workers; more than once does no harm."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.endpoint_url}/_ministack/health", timeout=2):  # noqa: S310
                return True
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            return False

    def _end_of_log(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
