"""Run the emulator as a child process."""

import json
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from local.emulator.gateway import WORKERS_PATH
from local.emulator.server import REGION
from local.server_process import ServerProcess


class Emulator(ServerProcess):
    """The emulator in a child process.

    Args:
        port: TCP port on the loopback address.
        directory: Where its log and temporary files go.
        runtime_python: The Python that runs Lambda functions.
        arguments: Further arguments of ``python -m local.emulator``.
    """

    def __init__(self, *, port: int, directory: Path, runtime_python: Path, arguments: Sequence[str] = ()) -> None:
        super().__init__(
            name="emulator",
            module="local.emulator",
            arguments=[
                *("--state-directory", str(directory.absolute() / f"emulator-{port}")),
                *("--runtime-python", str(runtime_python)),
                *arguments,
            ],
            port=port,
            health_path="/_ministack/health",
            log=directory / f"emulator-{port}.log",
        )

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that point an AWS SDK or the CDK command line at the emulator."""
        return {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_SECRET_ACCESS_KEY": "test",
        }

    def workers(self) -> list[dict[str, Any]]:
        """The Lambda worker processes: ``function``, ``pid`` and whether they are ``busy``."""
        with urllib.request.urlopen(self.url + WORKERS_PATH, timeout=5) as response:  # noqa: S310
            workers: list[dict[str, Any]] = json.load(response)
        return workers
