"""The emulator as a process: for this machine only, and gone without a trace when it stops."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.emulator import version
from local.emulator.process import Emulator
from local.emulator.version import UnsupportedMiniStack, require_supported_version
from local.server_process import ServerDidNotStart, free_port, port_is_free
from tests.fakes.sockets import SOCKETS_ARE_LISTED, listening
from tests.local.emulator.conftest import Account
from tests.patience import eventually


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.skipif(not SOCKETS_ARE_LISTED, reason="reads Linux's list of sockets")
def test_it_listens_on_the_loopback_address_only(emulator: Emulator) -> None:
    addresses = listening([emulator.pid])

    assert ("127.0.0.1", emulator.port) in addresses
    assert {address for address, _ in addresses} == {"127.0.0.1"}


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
    port = free_port()
    arguments = json.dumps([port, str(tmp_path), str(runtime_python)])
    command = [sys.executable, "-c", program, arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert int(parent.stdout.readline())

        parent.send_signal(number)

        # Told by its port: a process whose parent is gone may stay listed for as long as nobody asks for its end.
        eventually(lambda: port_is_free(port))


def test_another_ministack_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def installed(_: str) -> Any:
        return "1.6.0"

    monkeypatch.setattr(version, "version", installed)

    with pytest.raises(UnsupportedMiniStack, match=r"1\.5\.33 .* 1\.6\.0 is installed"):
        require_supported_version()


def test_the_installed_ministack_is_the_supported_one() -> None:
    require_supported_version()
