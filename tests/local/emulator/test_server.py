"""The emulator as a process: for this machine only, and gone without a trace when it stops."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from local.emulator import version
from local.emulator.process import Emulator
from local.emulator.version import UnsupportedMiniStack, require_supported_version
from local.server_process import ServerDidNotStart, free_port
from tests.local.emulator.conftest import Account, eventually


def get(url: str, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=5) as response:
            status: int = response.status
    except urllib.error.HTTPError as error:
        status = error.code
    return status


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "attacker.example"},
        {"Host": "127.0.0.1.attacker.example:4566"},
        {"Origin": "https://attacker.example"},
        {"Origin": "http://localhost.attacker.example"},
        {"Origin": "null"},
    ],
)
def test_a_web_page_is_refused(emulator: Emulator, headers: dict[str, str]) -> None:
    assert get(f"{emulator.url}/_ministack/health", **headers) == 403


def test_a_program_on_this_machine_is_answered(emulator: Emulator) -> None:
    assert get(f"{emulator.url}/_ministack/health") == 200
    assert get(f"{emulator.url}/_ministack/health", Origin="http://localhost:3000") == 200


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads Linux's list of sockets")
def test_it_listens_on_the_loopback_address_only(emulator: Emulator) -> None:
    listening = "0A"
    rows = [row.split() for table in ("tcp", "tcp6") for row in Path("/proc/net", table).read_text().splitlines()[1:]]
    own = {f"socket:[{row[9]}]": row[1] for row in rows if row[3] == listening}
    descriptors = Path("/proc", str(emulator.pid), "fd").iterdir()

    addresses = [own[target] for link in descriptors if (target := str(link.readlink())) in own]

    loopback = "0100007F"
    assert f"{loopback}:{emulator.port:04X}" in addresses
    assert {address.partition(":")[0] for address in addresses} == {loopback}


def test_a_taken_port_is_named(runtime_python: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(ServerDidNotStart, match=f"needs port {port} on 127.0.0.1, which is taken"):
            Emulator(port=port, directory=tmp_path, runtime_python=runtime_python).start()


def busy_worker(emulator: Emulator) -> int:
    """Have a function work on an event for a minute; returns the process id of its worker."""
    account = Account(emulator)
    function = account.function("import time\ndef handle(event, context): time.sleep(60)\n", timeout=120)
    account.client("lambda").invoke(FunctionName=function, InvocationType="Event")
    (worker,) = eventually(lambda: [worker for worker in emulator.workers() if worker["busy"]])
    pid: int = worker["pid"]
    return pid


def test_stopping_ends_the_workers_and_removes_every_file(runtime_python: Path, tmp_path: Path) -> None:
    emulator = Emulator(port=free_port(), directory=tmp_path, runtime_python=runtime_python)
    with emulator:
        worker = busy_worker(emulator)

    assert not alive(worker)
    assert list(tmp_path.iterdir()) == [emulator.log]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_it_ends_with_whoever_started_it(runtime_python: Path, tmp_path: Path, number: int) -> None:
    program = (
        "import json, sys, time; from pathlib import Path; from local.emulator.process import Emulator\n"
        "port, directory, python = json.loads(sys.argv[1])\n"
        "emulator = Emulator(port=port, directory=Path(directory), runtime_python=Path(python))\n"
        "emulator.start(); print(emulator.pid, flush=True); time.sleep(60)\n"
    )
    arguments = json.dumps([free_port(), str(tmp_path), str(runtime_python)])
    command = [sys.executable, "-c", program, arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        emulator = int(parent.stdout.readline())

        parent.send_signal(number)

        eventually(lambda: not alive(emulator))


def test_another_ministack_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def installed(_: str) -> Any:
        return "1.6.0"

    monkeypatch.setattr(version, "version", installed)

    with pytest.raises(UnsupportedMiniStack, match=r"1\.5\.33 .* 1\.6\.0 is installed"):
        require_supported_version()


def test_the_installed_ministack_is_the_supported_one() -> None:
    require_supported_version()
