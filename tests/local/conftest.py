"""A running emulator for all tests of the local environment that need nothing deployed on it."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.emulator.process import Emulator
from local.emulator.runtime import install_runtime
from local.server_process import HOST, ROOT, free_port
from tests.local.kinesis_video_control import Simulator


@pytest.fixture(scope="session")
def runtime_python() -> Path:
    return install_runtime(ROOT / ".local")


@pytest.fixture(scope="session")
def kinesis_video() -> Iterator[Simulator]:
    with Simulator() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def emulator(
    runtime_python: Path, tmp_path_factory: pytest.TempPathFactory, kinesis_video: Simulator
) -> Iterator[Emulator]:
    # What a state machine waits for ten minutes takes less than a second.
    arguments = ["--kinesis-video-url", f"http://{HOST}:{kinesis_video.server_port}", "--wait-scale", "0.001"]
    directory = tmp_path_factory.mktemp("emulator")
    with Emulator(port=free_port(), directory=directory, runtime_python=runtime_python, arguments=arguments) as running:
        yield running
