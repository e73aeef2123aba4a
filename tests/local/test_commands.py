"""``make demo``, ``make local`` and the drop-in say plainly why they cannot do what they were asked."""

import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from local import demo, drop, ring, up, watch
from local.access.keys import AccessKey
from local.server_process import ROOT, free_port

SERVERS = ("EMULATOR", "SPEECH", "MEDIA")
SAMPLE = ROOT / "local" / "samples" / "call1_glaucoma_appointment.wav"


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


@pytest.mark.parametrize("command", [demo.main, up.main])
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

    assert f"port {taken_port} on 127.0.0.1, which is taken" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", [lambda: drop.main([str(SAMPLE)]), lambda: ring.main([str(SAMPLE)]), lambda: watch.main([])]
)
def test_without_a_running_environment_a_command_says_so(
    command: Callable[[], int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CALLSCRIBE_EMULATOR_PORT", str(free_port()))
    monkeypatch.setenv("COLUMNS", "200")

    assert command() > 0

    assert "start the environment with `make local`" in capsys.readouterr().err


def test_what_make_local_prints_is_all_that_a_client_of_aws_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    key, log = AccessKey.generate(), ROOT / ".local" / "log"
    server = SimpleNamespace(url="http://127.0.0.1:4999", log=log)
    session: Any = SimpleNamespace(
        emulator=server, speech=server, access_key=key, credentials=ROOT / ".local" / "credentials-4999"
    )
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)

    printed = up._help(session, Path(log))

    command = printed[printed.index("export ") : printed.index("or the same key")]
    for name, value in re.findall(r"(AWS_\w+)=(\S+)", command):
        monkeypatch.setenv(name, value)
    client = boto3.Session().client("sqs")
    credentials = boto3.Session().get_credentials()
    assert client.meta.endpoint_url == "http://127.0.0.1:4999"
    assert credentials is not None
    assert credentials.secret_key == key.secret_access_key
