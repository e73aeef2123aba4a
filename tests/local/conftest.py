"""A running emulator for all tests of the local environment that need nothing deployed on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.emulator.process import Emulator
from local.emulator.runtime import install_runtime
from local.server_process import ROOT, free_port


@pytest.fixture(scope="session")
def runtime_python() -> Path:
    return install_runtime(ROOT / ".local")


@pytest.fixture(scope="session")
def kinesis_video_port() -> int:
    """Where the emulator expects the Kinesis Video simulator; nothing is there unless a test puts it there."""
    return free_port()


@pytest.fixture(scope="session")
def emulator(
    runtime_python: Path, tmp_path_factory: pytest.TempPathFactory, kinesis_video_port: int
) -> Iterator[Emulator]:
    arguments = ["--kinesis-video-url", f"http://127.0.0.1:{kinesis_video_port}"]
    directory = tmp_path_factory.mktemp("emulator")
    with Emulator(port=free_port(), directory=directory, runtime_python=runtime_python, arguments=arguments) as running:
        yield running
