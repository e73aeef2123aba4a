"""Child processes: they end as told, their logs tell everything, and the streamer is one of them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local import up
from local.server_process import ROOT, ChildProcess, ServerDidNotStart, free_port
from tests.patience import PATIENCE_SECONDS, eventually

# Answers anything with 200 and says on the log what happens to it; at SIGTERM it may be slow.
PROGRAM = """
import http.server, signal, sys, time
def stop(*_):
    print("stopping", flush=True)
    time.sleep(float(sys.argv[2]))
    sys.exit()
signal.signal(signal.SIGTERM, stop)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *_): pass
print("started", flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def program(log: Path, *, slow: float = 0, stop_seconds: float = 30) -> ChildProcess:
    port = free_port()
    return ChildProcess(
        name="program",
        command=[sys.executable, "-c", PROGRAM, str(port), str(slow)],
        port=port,
        health_path="/",
        log=log,
        stop_seconds=stop_seconds,
    )


def test_what_is_stopped_has_time_and_what_is_killed_has_none(tmp_path: Path) -> None:
    process = program(tmp_path / "log")
    process.start()
    process.stop()
    process.start()
    process.kill()

    assert (tmp_path / "log").read_text().split() == ["started", "stopping", "started"]
    with pytest.raises(RuntimeError, match="is not running"):
        _ = process.pid


def test_what_does_not_stop_in_time_is_killed(tmp_path: Path) -> None:
    process = program(tmp_path / "log", slow=600, stop_seconds=0.5)
    with process:
        pid = process.pid

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_log_begins_anew_with_another_process(tmp_path: Path) -> None:
    for _ in range(2):
        with program(tmp_path / "log"):
            pass

    assert (tmp_path / "log").read_text().split() == ["started", "stopping"]


def test_a_program_that_ends_at_once_is_reported_with_its_log(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such table')"]
    process = ChildProcess(name="program", command=command, port=free_port(), health_path="/", log=tmp_path / "log")

    with pytest.raises(ServerDidNotStart, match="no such table"):
        process.start()


def test_what_ended_by_itself_is_told_from_what_was_stopped(tmp_path: Path) -> None:
    def state() -> tuple[bool, int | None]:
        return process.is_running, process.exit_status

    process = program(tmp_path / "log")
    with process:
        assert state() == (True, None)
        os.kill(process.pid, signal.SIGKILL)
        eventually(lambda: state() == (False, -signal.SIGKILL))
    assert state() == (False, None)


def test_a_streamer_that_dies_is_started_again_and_that_is_said(tmp_path: Path) -> None:
    reports: list[str] = []
    with program(tmp_path / "streamer") as streamer, program(tmp_path / "server") as server:
        first = streamer.pid

        def wait(seconds: float) -> None:
            if streamer.pid != first:
                raise KeyboardInterrupt
            if streamer.is_running:
                os.kill(first, signal.SIGKILL)
                eventually(lambda: not streamer.is_running)

        with pytest.raises(KeyboardInterrupt):
            up.keep_running(streamer, [server], report=reports.append, wait=wait)

        assert streamer.is_running
    assert [report.partition(";")[0] for report in reports] == [
        "The program has ended (exit status -9)",
        "It runs, and goes on with the calls that the other one had.",
    ]
    assert str(tmp_path / "streamer") in reports[0]


def test_a_streamer_that_does_not_stay_is_started_ever_more_seldom(tmp_path: Path) -> None:
    reports: list[str] = []
    pauses: list[float] = []
    streamer = ChildProcess(
        name="streamer",
        command=[sys.executable, "-c", "raise SystemExit('no table')"],
        port=free_port(),
        health_path="/",
        log=tmp_path / "log",
    )

    def wait(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 18:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        up.keep_running(streamer, [], report=reports.append, wait=wait)

    assert pauses[1::2] == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert "no table" in reports[1]


def test_a_server_that_dies_ends_the_environment(tmp_path: Path) -> None:
    with program(tmp_path / "streamer") as streamer, program(tmp_path / "server") as server:
        os.kill(server.pid, signal.SIGKILL)
        eventually(lambda: not server.is_running)

        with pytest.raises(up.ServerEnded, match=r"program has ended \(exit status -9\)"):
            up.keep_running(streamer, [server], report=lambda _: None, wait=lambda _: None)


def test_a_streamer_process_is_the_streamer() -> None:
    command = [sys.executable, "-m", "local.streamer_process"]
    with subprocess.Popen(
        command, cwd=ROOT, env={}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.wait(timeout=PATIENCE_SECONDS) == os.EX_CONFIG
        assert process.stdout is not None
        assert "TABLE_NAME" in process.stdout.read()


def test_a_free_port_is_none_that_linux_or_macos_gives_to_outgoing_connections_by_default() -> None:
    assert all(1024 <= free_port() < 32_768 for _ in range(100))
