"""Programs of the local environment run as child processes that never outlive who started them."""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

HOST = "127.0.0.1"
ROOT = Path(__file__).parents[1]
_LOG_LINES = 15
# Below what Linux (32768, ip(7): ip_local_port_range) and macOS (49152, RFC 6335) give to outgoing connections.
_OUTSIDE_EPHEMERAL = range(20_000, 32_768)


class ServerDidNotStart(RuntimeError):
    """A server ended or did not answer in time; the message names the port or carries the end of its log."""


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this TCP port of the loopback address now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def require_free_port(name: str, port: int) -> None:
    """Refuse a port that is in use.

    Raises:
        ServerDidNotStart: Something listens there.
    """
    if not port_is_free(port):
        raise ServerDidNotStart(
            f"the {name} needs port {port} on {HOST}, which is taken; "
            f"stop what uses it (another `make demo` or `make local`?) or choose another port"
        )


def free_port() -> int:
    """A TCP port of the loopback address that nothing uses now and no outgoing connection will be given.

    A port from the system's own range could become the source of somebody's connection before a server listens there.
    """
    for port in random.sample(_OUTSIDE_EPHEMERAL, len(_OUTSIDE_EPHEMERAL)):
        if port_is_free(port):
            return port
    raise ServerDidNotStart(f"every port from {_OUTSIDE_EPHEMERAL[0]} to {_OUTSIDE_EPHEMERAL[-1]} of {HOST} is taken")


def terminate_with_parent() -> None:
    """Send this process SIGTERM when standard input ends, which happens even if the parent was killed."""

    def wait() -> None:
        while os.read(0, 1024):  # not sys.stdin: its lock would be held when the interpreter ends
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True, name="parent").start()


class ChildProcess:
    """A program that answers HTTP on the loopback address, in a child process.

    Args:
        name: How messages call it.
        command: What runs it. It has to stop when its standard input ends, see :func:`terminate_with_parent`.
        environment: Its environment variables. Default: those of this process.
        port: TCP port.
        health_path: Answers 200 as soon as the program is ready.
        log: Where its output goes, anew with the first start and on with every other.
        start_seconds: How long it may take to answer.
        stop_seconds: How long it may take to stop before it is killed.
    """

    def __init__(
        self,
        *,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        port: int,
        health_path: str,
        log: Path,
        start_seconds: float = 120.0,
        stop_seconds: float = 20.0,
    ) -> None:
        self.name = name
        self.port = port
        self.url = f"http://{HOST}:{port}"
        self.log = log
        self._command = list(command)
        self._environment = environment
        self._health_url = self.url + health_path
        self._start_seconds = start_seconds
        self._stop_seconds = stop_seconds
        self._log_mode: Literal["wb", "ab"] = "wb"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the running program."""
        if self._process is None:
            raise RuntimeError(f"the {self.name} is not running")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the program runs, as far as it is started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_status(self) -> int | None:
        """How the program ended by itself, negative for a signal; None if it did not."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Start and wait until it answers.

        Raises:
            ServerDidNotStart: Its port is taken, it ended, or it took too long.
        """
        require_free_port(self.name, self.port)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open(self._log_mode) as log:
            # In a session of its own: Ctrl-C reaches the parent alone, which stops its children in order.
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=None if self._environment is None else dict(self._environment),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._log_mode = "ab"
        deadline = time.monotonic() + self._start_seconds
        while not self._answers():
            if self._process.poll() is not None:
                raise ServerDidNotStart(f"the {self.name} ended at once:\n{self._end_of_log()}")
            if time.monotonic() > deadline:
                self.stop()
                raise ServerDidNotStart(
                    f"the {self.name} did not answer in {self._start_seconds:g} s:\n{self._end_of_log()}"
                )
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it, by force if it does not stop in time; more than once does no harm."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, as the kernel does when memory runs out; more than once does no harm."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(self._stop_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin is not None:
            process.stdin.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self._health_url, timeout=2):  # noqa: S310
                return True
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            return False

    def _end_of_log(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_LOG_LINES:])


class ServerProcess(ChildProcess):
    """A server of the local environment, in a child process.

    Args:
        name: How messages call it.
        module: What runs it; takes ``--port`` and ``--stop-with-parent``.
        arguments: Further command line arguments.
        port: TCP port.
        health_path: Answers 200 as soon as the server is ready.
        log: Where its output goes.
        environment: Variables that it has beside those of this process; what is secret belongs here, because other
            users of the machine see arguments.
    """

    def __init__(
        self,
        *,
        name: str,
        module: str,
        arguments: Sequence[str] = (),
        port: int,
        health_path: str,
        log: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(
            name=name,
            command=[sys.executable, "-m", module, "--stop-with-parent", "--port", str(port), *arguments],
            environment={**os.environ, **(environment or {})},
            port=port,
            health_path=health_path,
            log=log,
        )
