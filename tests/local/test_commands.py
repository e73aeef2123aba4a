"""``make demo``, ``make local`` and the drop-in say plainly why they cannot do what they were asked."""

import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local import demo, drop, prepare, ring, up, wer
from local.access.keys import AccessKey
from local.console import Person
from local.ports import MEDIA_PORT, SPEECH_PORT, require_free_ports
from local.server_process import ROOT, ServerDidNotStart, free_port
from operations.environment import EMULATOR_PORT
from tests.patience import PATIENCE_SECONDS

SERVERS = ("EMULATOR", "SPEECH", "MEDIA")
_CLIENT = (
    "import boto3; session = boto3.Session(); "
    "print(session.client('sqs').meta.endpoint_url, session.get_credentials().secret_key)"
)
SAMPLE = ROOT / "local" / "samples" / "call1_glaucoma_appointment.wav"


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


@pytest.mark.parametrize("command", [lambda: demo.main([]), lambda: up.main([])])
@pytest.mark.parametrize("server", SERVERS)
def test_a_taken_port_is_named_before_anything_starts(
    command: Callable[[], int],
    server: str,
    taken_port: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in SERVERS:
        port = taken_port if name == server else free_port()
        monkeypatch.setenv(f"CALLSCRIBE_{name}_PORT", str(port))
    monkeypatch.setenv("COLUMNS", "200")

    assert command() == 1

    said = " ".join(capsys.readouterr().err.split())
    assert f"port {taken_port} on 127.0.0.1" in said
    assert "is taken" in said
    assert re.findall(r"CALLSCRIBE_(\w+)_PORT=\d+", said) == [server]


def test_all_ports_that_are_taken_are_named_at_once(taken_port: int) -> None:
    ports = {SPEECH_PORT: taken_port, EMULATOR_PORT: free_port(), MEDIA_PORT: taken_port}

    with pytest.raises(ServerDidNotStart, match=r"are taken.*CALLSCRIBE_SPEECH_PORT=\d+ CALLSCRIBE_MEDIA_PORT=\d+$"):
        require_free_ports(ports)


@pytest.mark.parametrize(
    "command", [lambda: demo.main([]), lambda: up.main([]), lambda: prepare.main([]), lambda: ring.main([str(SAMPLE)])]
)
@pytest.mark.parametrize("value", ["http", "0", "70000", "-1", "８０"])
def test_what_is_no_port_is_refused_with_the_name_of_its_variable(
    command: Callable[[], int], value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in SERVERS:
        monkeypatch.setenv(f"CALLSCRIBE_{name}_PORT", value)

    assert command() == 1

    assert re.search(r"CALLSCRIBE_\w+_PORT must be a port, 1 to 65535", " ".join(capsys.readouterr().err.split()))


@pytest.mark.parametrize("command", [demo, up, prepare, drop, ring, wer], ids=lambda module: module.__name__)
def test_help_starts_nothing(command: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["--help"])

    assert ended.value.code == 0
    assert f"usage: python -m {command.__name__}" in capsys.readouterr().out


@pytest.mark.parametrize("command", [lambda: drop.main([str(SAMPLE)]), lambda: ring.main([str(SAMPLE)])])
def test_without_a_running_environment_a_command_says_so(
    command: Callable[[], int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CALLSCRIBE_EMULATOR_PORT", str(free_port()))
    monkeypatch.setenv("COLUMNS", "200")

    assert command() > 0

    assert "start the environment with `make local`" in capsys.readouterr().err


# What is printed, up to the next heading, in a shell with a profile of its user's own: keys by themselves, or by file.
@pytest.mark.parametrize(("since", "until"), [("AWS SDKs and tools", "… the key"), ("from a file", "  ports ")])
def test_what_make_local_prints_is_all_that_a_client_of_aws_needs(tmp_path: Path, since: str, until: str) -> None:
    key, log = AccessKey.generate(), ROOT / ".local" / "log"
    server = SimpleNamespace(url="http://127.0.0.1:4999", port=4999, log=log)
    session: Any = SimpleNamespace(
        emulator=server,
        speech=server,
        media=server,
        access_key=key,
        credentials=tmp_path / "my files" / "credentials-4999",
        environment=SimpleNamespace(output=lambda name: f"http://127.0.0.1:4999/{name}/"),
    )
    session.credentials.parent.mkdir()
    key.write(session.credentials)
    ann = Person(name="ann", password="of-this-session", groups=["demo-clinic"])

    printed = up._help(session, Path(log), [ann])

    commands = printed[printed.index(since) + len(since) : printed.index(until)]
    told = subprocess.run(
        ["bash", "-euc", f"{commands}\n{shlex.quote(sys.executable)} -c {shlex.quote(_CLIENT)}"],
        env={"PATH": os.defpath, "AWS_PROFILE": "of-the-user", "AWS_SESSION_TOKEN": "of-the-user"},
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    ).stdout.split()
    assert told == ["http://127.0.0.1:4999", key.secret_access_key]
