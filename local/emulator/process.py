"""Run the emulator as a child process."""

import contextlib
import json
import os
import shutil
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from local.access.keys import AccessKey
from local.access.signatures import signed
from local.emulator.gateway import HEALTH_PATH, STALLS_PATH, WORKERS_PATH
from local.emulator.settings import REGION
from local.server_process import ServerProcess


class Emulator(ServerProcess):
    """The emulator in a child process.

    Args:
        port: TCP port on the loopback address.
        directory: Where its log and temporary files go.
        runtime_python: The Python that runs Lambda functions.
        arguments: Further arguments of ``python -m local.emulator``.
        key: The session's access key. Default: a new one.

    Attributes:
        key: The session's access key, without which it answers nobody.
    """

    def __init__(
        self,
        *,
        port: int,
        directory: Path,
        runtime_python: Path,
        arguments: Sequence[str] = (),
        key: AccessKey | None = None,
    ) -> None:
        self.key = key or AccessKey.generate()
        self._state_directory = directory.absolute() / f"emulator-{port}"
        super().__init__(
            name="emulator",
            module="local.emulator",
            arguments=[
                *("--state-directory", str(self._state_directory)),
                *("--runtime-python", str(runtime_python)),
                *arguments,
            ],
            port=port,
            health_path=HEALTH_PATH,
            log=directory / f"emulator-{port}.log",
            environment=self.key.environment,
        )

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that point an AWS SDK or the CDK command line at the emulator, and at nothing else."""
        return {
            "AWS_ACCESS_KEY_ID": self.key.access_key_id,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_SECRET_ACCESS_KEY": self.key.secret_access_key,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def stop(self) -> None:
        """Stop it and its workers, and remove its files; more than once does no harm."""
        super().stop()
        shutil.rmtree(self._state_directory, ignore_errors=True)  # unless it had to be killed, it has done so itself

    def workers(self) -> list[dict[str, Any]]:
        """The Lambda worker processes: ``function``, ``pid`` and whether they are ``busy``."""
        workers: list[dict[str, Any]] = self._ask("GET", WORKERS_PATH)
        return workers

    @contextlib.contextmanager
    def stall(self, operation: str) -> Iterator[Callable[[], int]]:
        """Leave requests of an operation unheard, such as ``AWSStepFunctions.SendTaskSuccess``.

        Yields:
            A function that says how many wait in vain.
        """
        self._ask("PUT", STALLS_PATH + operation)
        try:
            yield lambda: int(self._ask("GET", STALLS_PATH + operation))
        finally:
            self._ask("DELETE", STALLS_PATH + operation)

    def _ask(self, method: str, path: str) -> Any:
        request = signed(method, self.url + path, None, self.key.credentials)
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
            return json.load(response)
