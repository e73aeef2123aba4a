"""One deployment as the commands see it: where its queues, table and buckets are.

It is a stage of this repository's app (`--environment Dev`), any stacks whose constructs name their parts in outputs
(`--stack Calls`, see `constructs_lib.export_for_operators`), or single resources (`--table transcripts`).
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.configloader import raw_config_parse
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import create_loader
from botocore.regions import EndpointResolver

from callscribe.contract.outputs import DeploymentOutput, exported
from callscribe.serialization import InvalidData, decode_json

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_stepfunctions.client import SFNClient

STACKS = ("Storage", "Batch", "Live", "Console")
_REQUIRED_STACKS = ("Storage", "Batch")  # an environment may do without live calls
_CONFIG = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 5})
# "Local" is always the embedded emulator, whatever credentials the shell holds: no command given for it reaches AWS.
_EMULATOR_NAME = "Local"
_EMULATOR_REGION = "us-east-1"
_HIGHEST_PORT = 65535
EMULATOR_DIRECTORY = Path(__file__).parents[1] / ".local"
"""Where the local environment keeps what it needs while it runs."""


RESOURCES: Final = tuple(
    output
    for output in DeploymentOutput
    if output
    not in (
        *(DeploymentOutput.CONNECT_INSTANCE, DeploymentOutput.MEDIA_STREAM_PREFIX),
        *(DeploymentOutput.DEFAULT_CLINIC, DeploymentOutput.TIME_ZONES, DeploymentOutput.ROLE_NAMES),
    )
)
"""The outputs that name resources of AWS; commands have options of their own for the instance and its streams."""


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
    """A deployment: what its stacks' outputs name, and the clients to use it.

    Args:
        name: The stage, as in ``Dev``, or the stacks.
        outputs: What is named, by the names of :class:`DeploymentOutput`.
        session: Credentials and region.
        endpoint_url: Where AWS is instead of its public endpoints. Default: the endpoints of the session.
        stacks: The stacks, where they are not those of a stage.
        selection: How a command line names it. Default: ``--environment`` and the name.
    """

    name: str
    outputs: Mapping[str, str]
    session: boto3.Session
    endpoint_url: str | None = None
    stacks: Sequence[str] | None = None
    selection: Sequence[str] | None = None

    def command(self, *words: str) -> str:
        """The command line that runs a command on this deployment, for people to copy."""
        selection = ("--environment", self.name) if self.selection is None else self.selection
        return shlex.join(("callscribe", words[0], *selection, *words[1:]))

    @property
    def alarm_prefixes(self) -> Sequence[str]:
        """How the names of its alarms begin, which CloudFormation makes of the stacks' names."""
        return [f"{self.name}-"] if self.stacks is None else [f"{stack}-" for stack in self.stacks]

    @property
    def deploy_again(self) -> str:
        """What deploys its stacks once more."""
        return f"cdk deploy '{self.name}/*'" if self.stacks is None else "your app's deployment"

    def output(self, name: str) -> str:
        """What the output *name* names.

        Raises:
            UnusableEnvironment: No stack has such an output, and it was not named either.
        """
        try:
            return self.outputs[name]
        except KeyError:
            pass
        if self.stacks is None:
            stacks = ", ".join(_stacks_of(self.name))
            raise UnusableEnvironment(f"no output {name} in {stacks}: deploy this version of the stacks first")
        if self.stacks:
            raise UnusableEnvironment(
                f"no output of {', '.join(self.stacks)} names {name}: name the stack that has it with another --stack, "
                f"or the resource with {option_of(name)}"
            )
        raise UnusableEnvironment(f"{option_of(name)} is missing")

    def default_clinic(self) -> str:
        """The clinic that is meant where none is named.

        Raises:
            argparse.ArgumentError: The deployment names none.
        """
        try:
            return self.outputs[DeploymentOutput.DEFAULT_CLINIC]
        except KeyError:
            raise argparse.ArgumentError(
                None, "this deployment has no default clinic: name one with --clinic"
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


def option_of(name: str) -> str:
    """The option that names a single resource: ``--work-queue`` for ``WorkQueueUrl``."""
    words = re.findall("[A-Z][a-z]*", name.removesuffix("Name").removesuffix("Url").removesuffix("Arn"))
    return f"--{'-'.join(words).lower()}"


def add_arguments(parser: argparse.ArgumentParser, *outputs: DeploymentOutput) -> None:
    """Add the arguments that say which deployment is meant and how it is reached.

    Args:
        parser: Of a command.
        *outputs: What the command uses, each of which can be named by an option of its own.
    """
    where = parser.add_argument_group("which deployment")
    where.add_argument("--environment", metavar="NAME", help="a stage of CallScribe's own app: Local, Dev, Prod, …")
    where.add_argument(
        "--stack",
        action="append",
        metavar="NAME",
        help="name or ARN of a stack with CallScribe's constructs, once for each stack; the ARN brings the region",
    )
    where.add_argument(
        "--construct",
        metavar="PATH",
        help="path of the construct below its stack, as Shop/Calls, where stacks have several",
    )
    where.add_argument(
        "--stack-outputs",
        type=Path,
        metavar="FILE",
        help="file written by `cdk deploy --outputs-file`, read instead of asking CloudFormation",
    )
    where.add_argument("--endpoint-url", metavar="URL", help="where AWS is, if not at its public endpoints")
    where.add_argument("--profile", help="named profile of your AWS configuration")
    where.add_argument(
        "--region", help="region of the deployment; default: that of the resources named, or of your AWS configuration"
    )
    single = parser.add_argument_group("single resources, in place of outputs or beside them")
    for output in outputs:
        single.add_argument(option_of(output), dest=output, metavar="X", help=f"in place of the output {output}")


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
    """Find the deployment that *arguments*, parsed with :func:`add_arguments`, name.

    Raises:
        argparse.ArgumentError: They name none, or one in two ways.
        UnusableEnvironment: There is no such deployment, or AWS cannot be reached.
    """
    named: dict[str, str] = {
        output: _plain(output, value)
        for output in DeploymentOutput
        if (value := getattr(arguments, output, None)) is not None
    }
    stacks: Sequence[str] = arguments.stack or ()
    if arguments.environment and stacks:
        raise argparse.ArgumentError(None, "--environment and --stack are two ways to say it: use one")
    if not (arguments.environment or stacks or named):
        raise argparse.ArgumentError(None, "say which deployment: --environment NAME, --stack NAME or single resources")
    if arguments.environment == _EMULATOR_NAME:
        found = emulator(endpoint_url=arguments.endpoint_url, stack_outputs=arguments.stack_outputs)
        return replace(found, outputs={**found.outputs, **named})
    names = _stacks_of(arguments.environment) if arguments.environment else [_name_in(stack) for stack in stacks]
    in_file = _read_outputs(arguments.stack_outputs, names)
    values = (value for outputs in (in_file or {}).values() for value in outputs.values())
    session = _session(arguments, (*stacks, *named.values(), *values))
    if arguments.environment:
        found = _environment(arguments.environment, session, arguments.endpoint_url, in_file)
        return replace(found, outputs={**found.outputs, **named})
    by_stack = (
        {_name_in(stack): _described(session, arguments.endpoint_url, stack) for stack in stacks}
        if in_file is None
        else in_file
    )
    return Environment(
        name=", ".join(names) or "these resources",
        outputs={**_exported(by_stack, arguments.construct), **named},
        session=session,
        endpoint_url=arguments.endpoint_url,
        stacks=names,
        selection=[
            *(word for stack in stacks for word in ("--stack", stack)),
            *(("--construct", arguments.construct) if arguments.construct else ()),
            *(word for output, value in named.items() for word in (option_of(output), value)),
        ],
    )


def _session(arguments: argparse.Namespace, named: Iterable[str]) -> boto3.Session:
    """Credentials, and the region that is given, or else that of what is named."""
    regions = {region for name in named if (region := _region_in(name))}
    if arguments.region is None and len(regions) > 1:
        raise UnusableEnvironment(
            f"what was named is in several regions, {', '.join(sorted(regions))}: say which with --region"
        )
    try:
        session = boto3.Session(
            profile_name=arguments.profile, region_name=arguments.region or next(iter(regions), None)
        )
    except BotoCoreError as error:
        raise UnusableEnvironment(str(error)) from error
    if session.region_name is None:
        raise UnusableEnvironment("there is no region: name it with --region, AWS_REGION or in your AWS configuration")
    return session


def _region_in(name: str) -> str | None:
    """The region of an ARN or of a queue's URL; None where neither says one."""
    found = re.match(r"arn:[\w-]+:[\w-]+:([a-z0-9-]+):|https://sqs(?:-fips)?\.([a-z0-9-]+)\.", name)
    return None if found is None else found[1] or found[2]


def _name_in(stack: str) -> str:
    """The name of a stack that is named, perhaps by its ARN (``arn:…:stack/NAME/ID``)."""
    return stack.split("/")[1] if stack.startswith("arn:") and stack.count("/") else stack


def _plain(output: DeploymentOutput, value: str) -> str:
    """What the clients take, of an ARN that people have at hand."""
    if not value.startswith("arn:"):
        return value
    _, partition, service, region, account, resource = (*value.split(":", 5), *[""] * 5)[:6]
    if service == "s3":
        return resource
    if service == "sqs" and output.endswith("Url"):
        endpoints = EndpointResolver(create_loader().load_data("endpoints"))
        return f"https://sqs.{region}.{endpoints.get_partition_dns_suffix(partition)}/{account}/{resource}"
    return resource.rpartition("/")[2] if output.endswith("Name") and service == "ecs" else value


def _exported(by_stack: Mapping[str, Mapping[str, str]], construct: str | None) -> dict[str, str]:
    """What constructs name in the outputs of some stacks.

    Raises:
        UnusableEnvironment: None does, or several do and *construct* does not say which is meant.
    """
    wanted = None if construct is None else re.sub(r"\W", "", construct)
    found: dict[str, dict[str, str]] = {}
    for outputs in by_stack.values():
        for key, value in outputs.items():
            if (entry := exported(key)) and wanted in (None, entry[0]):
                found.setdefault(entry[1], {})[entry[0]] = value
    if by_stack and not found:
        which = "no construct of CallScribe" if construct is None else f"no construct {construct}"
        raise UnusableEnvironment(
            f"{which} names its parts in {', '.join(by_stack)}: deploy it with this version, call export_for_operators "
            "for parts of your own, or name single resources"
        )
    several = sorted({path or "(the stack itself)" for paths in found.values() if len(paths) > 1 for path in paths})
    if several:
        raise UnusableEnvironment(f"there are several: say which with --construct: {', '.join(several)}")
    return {name: value for name, paths in found.items() for value in paths.values()}


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
    in_file = _read_outputs(stack_outputs, _stacks_of(_EMULATOR_NAME))
    return _environment(_EMULATOR_NAME, session, endpoint_url, in_file)


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
    name: str, session: boto3.Session, endpoint_url: str | None, in_file: Mapping[str, Mapping[str, str]] | None
) -> Environment:
    by_stack = _outputs_of_stage(session, endpoint_url, name) if in_file is None else in_file.values()
    outputs = {key: value for of_stack in by_stack for key, value in of_stack.items()}
    return Environment(name=name, outputs=outputs, session=session, endpoint_url=endpoint_url)


def _stacks_of(stage: str) -> list[str]:
    return [f"{stage}-{stack}" for stack in STACKS]


def _read_outputs(path: Path | None, stacks: Sequence[str]) -> dict[str, dict[str, str]] | None:
    """The outputs of some stacks, by stack, as a file has them; None without a file."""
    if path is None:
        return None
    try:
        by_stack = decode_json(dict[str, dict[str, str]], path.read_bytes(), "the file")
    except (OSError, InvalidData) as error:
        raise UnusableEnvironment(f"cannot read stack outputs from {path}: {error}") from error
    return {stack: by_stack.get(stack, {}) for stack in stacks}


class _NoSuchStack(UnusableEnvironment):
    """There is no such stack in the region."""


def _outputs_of_stage(session: boto3.Session, endpoint_url: str | None, name: str) -> Iterator[dict[str, str]]:
    for stack in STACKS:
        try:
            yield _described(session, endpoint_url, f"{name}-{stack}")
        except _NoSuchStack as missing:
            if stack in _REQUIRED_STACKS:
                raise UnusableEnvironment(
                    f"{missing}: check --environment, --region and --profile, or deploy it with: cdk deploy '{name}/*'"
                ) from missing
            yield {}


def _described(session: boto3.Session, endpoint_url: str | None, stack: str) -> dict[str, str]:
    """The outputs of a stack, by key.

    Raises:
        UnusableEnvironment: There is none, or CloudFormation does not tell.
    """
    try:
        cloudformation = session.client("cloudformation", endpoint_url=endpoint_url, config=_CONFIG)
        described = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            raise _NoSuchStack(f"there is no stack {_name_in(stack)} in {session.region_name}") from error
        raise UnusableEnvironment(f"cannot describe stack {_name_in(stack)}: {error}") from error
    except BotoCoreError as error:
        raise UnusableEnvironment(f"cannot describe stack {_name_in(stack)}: {error}") from error
    return {output["OutputKey"]: output["OutputValue"] for output in described[0].get("Outputs", [])}
