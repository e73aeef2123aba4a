"""The local environment as a whole: its servers, the deployed stacks, the key in its secret, and streamers."""

import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.text import Text

from local import cdk
from local.access.keys import AccessKey
from local.emulator.process import Emulator
from local.emulator.runtime import install_runtime
from local.emulator.settings import ACCOUNT_ID, REGION
from local.ports import MEDIA_PORT, SPEECH_PORT, require_free_ports
from local.programs import ProgramFailed
from local.server_process import HOST, ServerDidNotStart, ServerProcess
from local.speech.authentication import KEY_VARIABLE
from local.speech.engines.installed import has_whisper
from local.streamers import Streamer
from operations.environment import (
    EMULATOR_DIRECTORY,
    EMULATOR_PORT,
    Environment,
    UnusableEnvironment,
    emulator,
    emulator_credentials,
)

DIRECTORY = EMULATOR_DIRECTORY
_REMIND_SECONDS = 10.0

FAILURES: Final = (ServerDidNotStart, ProgramFailed, UnusableEnvironment, BotoCoreError, ClientError, OSError)
"""What can go wrong with a session; each says in a sentence what did."""

Report = Callable[[str], None]


class LocalSession:
    """Everything that `make demo`, `make local` and the end-to-end tests run on.

    Args:
        emulator_port: Port of the emulator.
        speech_port: Port of the speech server; the stacks are synthesised for it.
        media_port: Port of the Kinesis Video simulator.
        speech_arguments: Further arguments of ``python -m local.speech``.
        emulator_arguments: Further arguments of ``python -m local.emulator``.
        analyst_url: Where something speaks as Amazon Bedrock does; the stacks are synthesised for it. Default: calls
            have no analyst.
        report: Told what is being done, as a short sentence.

    Attributes:
        access_key: Without it the emulated account and the Kinesis Video simulator answer nobody.
        credentials: File in which other programs of this user find it, for as long as the session runs.
        key: Deepgram's key, without which the speech server answers nobody.
    """

    def __init__(
        self,
        *,
        emulator_port: int,
        speech_port: int,
        media_port: int,
        speech_arguments: Sequence[str] = (),
        emulator_arguments: Sequence[str] = (),
        analyst_url: str | None = None,
        report: Report = lambda _: None,
    ) -> None:
        self.access_key = AccessKey.generate()
        self.credentials = emulator_credentials(emulator_port)
        self.key = secrets.token_hex(20)
        self.speech = speech_server(speech_port, self.key, *speech_arguments)
        self.media = _media_server(media_port, self.access_key, f"http://{HOST}:{emulator_port}")
        self._streamers: list[Streamer] = []
        self._emulator_port = emulator_port
        self._emulator_arguments = emulator_arguments
        self._emulator: Emulator | None = None
        self._environment: Environment | None = None
        self._analyst_url = analyst_url
        self._report = report

    @property
    def emulator(self) -> Emulator:
        """The running emulator."""
        if self._emulator is None:
            raise RuntimeError("the session is not started")
        return self._emulator

    @property
    def environment(self) -> Environment:
        """The deployed environment: stack outputs and clients."""
        if self._environment is None:
            raise RuntimeError("the session is not started")
        return self._environment

    def start(self) -> None:
        """Start the servers, deploy the stacks and set the key.

        Raises:
            ServerDidNotStart: A server did not start, for example because its port is taken.
            ProgramFailed: The stacks could not be synthesised or deployed, or what runs functions not installed.
            UnusableEnvironment: What was deployed cannot be found.
        """
        if not has_whisper():
            self._report("using pocketsphinx, which mistakes every sixth word: Whisper has no package for this machine")
        # Before the work that takes long.
        require_free_ports(
            {EMULATOR_PORT: self._emulator_port, SPEECH_PORT: self.speech.port, MEDIA_PORT: self.media.port}
        )
        try:
            self.access_key.write(self.credentials)
            with ThreadPoolExecutor() as pool:
                assembly = pool.submit(self._synthesise)
                account = pool.submit(self._open_account)
                servers = [pool.submit(server.start) for server in (self.speech, self.media)]
                for started in (*servers, account):
                    started.result()
                self._deploy(assembly.result())
        except BaseException:
            self.stop()
            raise
        self.set_key(self.key)

    def set_key(self, value: str) -> None:
        """Set the value of the Deepgram secret, as an operator does."""
        client = self.environment.session.client("secretsmanager", endpoint_url=self.emulator.url)
        client.put_secret_value(SecretId=self.environment.output("DeepgramSecretArn"), SecretString=value)

    def streamer(self, name: str, environment: Environment | None = None, /, **changes: str) -> Streamer:
        """A streamer that the session stops with everything else; it is not started yet.

        Args:
            name: Names its log, and messages.
            environment: Whose task it is. Default: that of the session.
            **changes: Variables to set otherwise than the task definition does.
        """
        streamer = Streamer(environment or self.environment, name=name, directory=DIRECTORY, changes=changes)
        self._streamers.append(streamer)
        return streamer

    def stop(self) -> None:
        """Stop the streamers, the servers and everything they started; more than once does no harm."""
        for streamer in self._streamers:
            streamer.stop()
        self.speech.stop()
        self.media.stop()
        if self._emulator is not None:
            self._emulator.stop()
        self.credentials.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _synthesise(self) -> Path:
        context = local_context(self.speech.url)
        if self._analyst_url is not None:
            context["callscribe:local-analyst-url"] = self._analyst_url
        assembly = cdk.assembly_for(DIRECTORY / "assemblies", context)
        if assembly.exists():
            return assembly
        with self._saying("synthesising the stacks, which the next start finds done"):
            cdk.synthesise(assembly, context)
        return assembly

    def _open_account(self) -> None:
        runtime = install_runtime(DIRECTORY)
        self._emulator = Emulator(
            port=self._emulator_port,
            directory=DIRECTORY,
            runtime_python=runtime,
            arguments=["--kinesis-video-url", self.media.url, *self._emulator_arguments],
            key=self.access_key,
        )
        with self._saying(f"starting the emulated AWS account on {self._emulator.url}"):
            self._emulator.start()
            cdk.bootstrap(ACCOUNT_ID, REGION, self._emulator.environment)

    def _deploy(self, assembly: Path) -> None:
        outputs_file = DIRECTORY / f"outputs-{self._emulator_port}.json"
        with self._saying("deploying the stacks with the CDK command line"):
            cdk.deploy(
                assembly,
                outputs_file,
                self.emulator.environment,
                report=lambda stack: self._report(f"{stack} is deployed"),
            )
        self._environment = emulator(endpoint_url=self.emulator.url, stack_outputs=outputs_file)

    @contextmanager
    def _saying(self, what: str) -> Iterator[None]:
        """Report what is being done, and from time to time that it still is."""
        started, done = time.monotonic(), threading.Event()

        def remind() -> None:
            while not done.wait(_REMIND_SECONDS):
                self._report(f"still {what.partition(',')[0]} ({time.monotonic() - started:.0f} s) …")

        reminder = threading.Thread(target=remind, daemon=True)
        self._report(f"{what} …")
        reminder.start()
        try:
            yield
        finally:
            done.set()
            reminder.join()


def local_context(speech_url: str) -> dict[str, str]:
    """What the stacks of the Local stage are synthesised with, by name of the CDK context."""
    return {"callscribe:local-speech-url": speech_url}


def interactive_session(console: Console) -> LocalSession:
    """A session on the usual ports for a command that runs until it is done or Ctrl-C stops it.

    SIGTERM and SIGINT raise `KeyboardInterrupt` from here on, so that leaving the session stops its servers.
    """
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background jobs ignore SIGINT unless told otherwise
        signal.signal(number, signal.default_int_handler)
    return LocalSession(
        emulator_port=EMULATOR_PORT.number(),
        speech_port=SPEECH_PORT.number(),
        media_port=MEDIA_PORT.number(),
        report=lambda text: console.print(Text(f"  {text}"), soft_wrap=True),
    )


def speech_server(port: int, key: str, *arguments: str) -> ServerProcess:
    """The speech server in a child process; it insists on the key."""
    return ServerProcess(
        name="speech server",
        module="local.speech",
        arguments=arguments,
        port=port,
        health_path="/health",
        log=DIRECTORY / f"speech-{port}.log",
        environment={KEY_VARIABLE: key},
    )


def _media_server(port: int, key: AccessKey, emulator_url: str) -> ServerProcess:
    return ServerProcess(
        name="Kinesis Video simulator",
        module="local.kinesis_video",
        arguments=["--emulator-url", emulator_url],
        port=port,
        health_path="/health",
        log=DIRECTORY / f"kinesis-video-{port}.log",
        environment=key.environment,
    )
