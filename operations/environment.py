"""One deployed environment as the command lines see it: where its queues, table and buckets are."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.configloader import raw_config_parse
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import BotoCoreError, ClientError

from callscribe.serialization import InvalidData, decode_json

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_stepfunctions.client import SFNClient

STACKS = ("Storage", "Batch", "Live")
_REQUIRED_STACKS = ("Storage", "Batch")  # an environment may do without live calls
_CONFIG = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 5})
# "Local" is always the embedded emulator, whatever credentials the shell holds: no command given for it reaches AWS.
_EMULATOR_NAME = "Local"
_EMULATOR_REGION = "us-east-1"
_HIGHEST_PORT = 65535
EMULATOR_DIRECTORY = Path(__file__).parents[1] / ".local"
"""Where the local environment keeps what it needs while it runs."""


class UnusableEnvironment(Exception):
    """The environment cannot be used as asked; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Port:
    """Where a server of the local environment listens.

    Attributes:
        server: How messages call the server.
        variable: Environment variable that chooses another port.
        default: The port without it.
    """

    server: str
    variable: str
    default: int

    def number(self) -> int:
        """The port to use now.

        Raises:
            UnusableEnvironment: The variable holds no port.
        """
        text = os.environ.get(self.variable) or str(self.default)
        if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= _HIGHEST_PORT):
            raise UnusableEnvironment(f"{self.variable} must be a port, 1 to {_HIGHEST_PORT}, not {text!r}")
        return int(text)


EMULATOR_PORT = Port(server="emulator", variable="CALLSCRIBE_EMULATOR_PORT", default=4566)


@dataclass(frozen=True, kw_only=True)
class Environment:
    """A deployed environment: its stack outputs and the clients to use them.

    Args:
        name: The stage, as in ``Dev``.
        outputs: Stack outputs by name.
        session: Credentials and region.
        endpoint_url: Where AWS is instead of its public endpoints. Default: the endpoints of the session.
    """

    name: str
    outputs: Mapping[str, str]
    session: boto3.Session
    endpoint_url: str | None = None

    def output(self, name: str) -> str:
        """The stack output *name*.

        Raises:
            UnusableEnvironment: No stack of the environment has such an output.
        """
        try:
            return self.outputs[name]
        except KeyError:
            stacks = ", ".join(f"{self.name}-{stack}" for stack in STACKS)
            raise UnusableEnvironment(
                f"no output {name} in {stacks}: deploy this version of the stacks first"
            ) from None

    def client(self, service: str, *, read_timeout_seconds: float | None = None) -> Any:
        """A client for any service, by boto3's name of it.

        Args:
            service: The service.
            read_timeout_seconds: Longest wait for an answer. Default: what suits most requests.
        """
        config = _CONFIG if read_timeout_seconds is None else _CONFIG.merge(Config(read_timeout=read_timeout_seconds))
        return self.session.client(service, endpoint_url=self.endpoint_url, config=config)  # type: ignore[call-overload]

    def credentials(self) -> ReadOnlyCredentials:
        """The session's credentials as they are now, to sign what no client of boto3's sends.

        Raises:
            UnusableEnvironment: There are none.
        """
        credentials = self.session.get_credentials()
        if credentials is None:
            raise UnusableEnvironment("there are no AWS credentials to sign with")
        return credentials.get_frozen_credentials()

    def sqs(self) -> SQSClient:
        """A client for the queues."""
        return self.session.client("sqs", endpoint_url=self.endpoint_url, config=_CONFIG)

    def step_functions(self) -> SFNClient:
        """A client for the state machine."""
        return self.session.client("stepfunctions", endpoint_url=self.endpoint_url, config=_CONFIG)

    def s3(self) -> S3Client:
        """A client for the archive."""
        return self.session.client("s3", endpoint_url=self.endpoint_url, config=_CONFIG)

    def table(self) -> Table:
        """The table of transcripts and claims."""
        dynamodb = self.session.resource("dynamodb", endpoint_url=self.endpoint_url, config=_CONFIG)
        return dynamodb.Table(self.output("TableName"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say which environment is meant and how it is reached."""
    parser.add_argument("--environment", required=True, metavar="NAME", help="the stage: Local, Dev, Prod, …")
    parser.add_argument(
        "--stack-outputs",
        type=Path,
        metavar="FILE",
        help="file written by `cdk deploy --outputs-file`, read instead of asking CloudFormation",
    )
    parser.add_argument("--endpoint-url", metavar="URL", help="where AWS is, if not at its public endpoints")
    parser.add_argument("--profile", help="named profile of your AWS configuration")
    parser.add_argument("--region", help="region of the environment; default: the one of your AWS configuration")


def count_up_to(most: int) -> Callable[[str], int]:
    """Make an argument type for a whole number of 1 to *most*."""

    def count(text: str) -> int:
        if not 1 <= (number := int(text)) <= most:
            raise argparse.ArgumentTypeError(f"must be 1 to {most}")
        return number

    return count


def day(text: str) -> str:
    """Argument type for a day."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise argparse.ArgumentTypeError("must look like 2026-11-20")
    return text


def connect(arguments: argparse.Namespace) -> Environment:
    """Find the environment that *arguments*, parsed with :func:`add_arguments`, name.

    Raises:
        UnusableEnvironment: There is no such environment, or AWS cannot be reached.
    """
    if arguments.environment == _EMULATOR_NAME:
        return emulator(endpoint_url=arguments.endpoint_url, stack_outputs=arguments.stack_outputs)
    try:
        session = boto3.Session(profile_name=arguments.profile, region_name=arguments.region)
    except BotoCoreError as error:
        raise UnusableEnvironment(str(error)) from error
    return _environment(arguments.environment, session, arguments.endpoint_url, arguments.stack_outputs)


def emulator_credentials(port: int) -> Path:
    """Where the emulator on this port leaves the access key of its session, as a file of shared credentials."""
    return EMULATOR_DIRECTORY / f"credentials-{port}"


def emulator(*, endpoint_url: str | None = None, stack_outputs: Path | None = None) -> Environment:
    """Find the Local environment on the embedded emulator, with the access key that it has left for its user.

    Args:
        endpoint_url: Where the emulator is. Default: on `EMULATOR_PORT`.
        stack_outputs: File written by ``cdk deploy --outputs-file``. Default: the emulator is asked.

    Raises:
        UnusableEnvironment: It is not running, not deployed, or the emulator cannot be reached.
    """
    port = EMULATOR_PORT.number()
    endpoint_url = endpoint_url or f"http://127.0.0.1:{port}"
    access_key_id, secret_access_key = _emulator_key(urlsplit(endpoint_url).port or port)
    session = boto3.Session(
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret_access_key,
        region_name=_EMULATOR_REGION,
        # No profile: the one that the shell names is for real accounts, and may not even exist.
        botocore_session=botocore.session.Session(session_vars={"profile": (None, None, None, None)}),
    )
    return _environment(_EMULATOR_NAME, session, endpoint_url, stack_outputs)


def _emulator_key(port: int) -> tuple[str, str]:
    """The access key of the emulator on a port: its two halves."""
    path = emulator_credentials(port)
    try:
        profile = raw_config_parse(str(path))["default"]
        return profile["aws_access_key_id"], profile["aws_secret_access_key"]
    except (BotoCoreError, KeyError) as error:
        raise UnusableEnvironment(
            f"there is no access key in {path}: start the environment with `make local`"
        ) from error


def _environment(
    name: str, session: boto3.Session, endpoint_url: str | None, stack_outputs: Path | None
) -> Environment:
    outputs = (
        _outputs_in_file(stack_outputs, name) if stack_outputs else _outputs_of_stacks(session, endpoint_url, name)
    )
    return Environment(name=name, outputs=outputs, session=session, endpoint_url=endpoint_url)


def _outputs_in_file(path: Path, name: str) -> dict[str, str]:
    try:
        by_stack = decode_json(dict[str, dict[str, str]], path.read_bytes(), "the file")
    except (OSError, InvalidData) as error:
        raise UnusableEnvironment(f"cannot read stack outputs from {path}: {error}") from error
    return {key: value for stack in STACKS for key, value in by_stack.get(f"{name}-{stack}", {}).items()}


def _outputs_of_stacks(session: boto3.Session, endpoint_url: str | None, name: str) -> dict[str, str]:
    outputs: dict[str, str] = {}
    for stack in STACKS:
        try:
            cloudformation = session.client("cloudformation", endpoint_url=endpoint_url, config=_CONFIG)
            described = cloudformation.describe_stacks(StackName=f"{name}-{stack}")["Stacks"]
        except ClientError as error:
            if "does not exist" in str(error):
                if stack not in _REQUIRED_STACKS:
                    continue
                raise UnusableEnvironment(
                    f"there is no stack {name}-{stack} in {session.region_name}: "
                    f"check --environment, --region and --profile, or deploy it with: cdk deploy '{name}/*'"
                ) from error
            raise UnusableEnvironment(f"cannot describe stack {name}-{stack}: {error}") from error
        except BotoCoreError as error:
            raise UnusableEnvironment(f"cannot describe stack {name}-{stack}: {error}") from error
        for output in described[0].get("Outputs", []):
            outputs[output["OutputKey"]] = output["OutputValue"]
    return outputs
