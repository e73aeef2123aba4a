"""What a check finds, and what the checks are given."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, Final, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError

from callscribe.contract.outputs import DeploymentOutput

from .. import environment
from ..environment import Environment, UnusableEnvironment


class State(StrEnum):
    """How a part of the environment is.

    `warning`: it works, but not as it may be meant to. `failed`: calls suffer, or will. `unknown`: it could not be
    looked at. `skipped`: it is not there to be looked at.
    """

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "could not check"
    SKIPPED = "skipped"


STATE_STYLES: Final = {
    State.OK: "green",
    State.WARNING: "yellow",
    State.FAILED: "bold red",
    State.UNKNOWN: "yellow",
    State.SKIPPED: "dim",
}
"""How each is shown on a terminal."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the report.

    Attributes:
        state: How it is.
        what: What was found; no key, number or word of a call.
        remedy: What to do about it; "" where nothing is to be done.
    """

    state: State
    what: str
    remedy: str = ""

    def to_json(self, part: str) -> dict[str, str]:
        """The line as an object, for the part that it is about."""
        return {"part": part, "state": self.state.name.lower(), "what": self.what, "remedy": self.remedy}


def ok(what: str) -> Finding:
    """Something is as it should be."""
    return Finding(state=State.OK, what=what)


def warning(what: str, remedy: str) -> Finding:
    """Something may not be meant so."""
    return Finding(state=State.WARNING, what=what, remedy=remedy)


def failed(what: str, remedy: str) -> Finding:
    """Something is broken."""
    return Finding(state=State.FAILED, what=what, remedy=remedy)


def unknown(what: str, remedy: str = "") -> Finding:
    """Something could not be looked at."""
    return Finding(state=State.UNKNOWN, what=what, remedy=remedy)


def skipped(what: str, remedy: str = "") -> Finding:
    """Something is not there to be looked at."""
    return Finding(state=State.SKIPPED, what=what, remedy=remedy)


@dataclass(frozen=True)
class Examined:
    """The environment that is looked at.

    Attributes:
        target: The environment.
        client: Makes a client of an AWS service by its name.
        instance_arn: Amazon Connect instance; `None` leaves it out.
        expected_calls: Calls that run at the same time; `None` leaves the quotas out.
        stream_prefix: Beginning of the names of the instance's Kinesis video streams.
    """

    target: Environment
    client: Callable[[str], Any]
    instance_arn: str | None = None
    expected_calls: int | None = None
    stream_prefix: str = "callscribe"

    @property
    def is_local(self) -> bool:
        """Whether it is the environment that `make local` keeps running on this machine."""
        return self.target.name == "Local"

    @property
    def live(self) -> bool:
        """Whether running calls are transcribed there."""
        return "StreamerServiceName" in self.target.outputs

    @cached_property
    def task_definition(self) -> dict[str, Any]:
        """The streamer's task definition, as ECS describes it."""
        arn = self.target.output("StreamerTaskDefinitionArn")
        described: dict[str, Any] = self.client("ecs").describe_task_definition(taskDefinition=arn)["taskDefinition"]
        return described

    @property
    def streamer(self) -> dict[str, Any]:
        """The container of the streamer in its task definition."""
        container: dict[str, Any] = self.task_definition["containerDefinitions"][0]
        return container

    def setting(self, name: str) -> str:
        """Environment variable of the streamer; "" where it has none of that name."""
        values: dict[str, str] = {entry["name"]: entry["value"] for entry in self.streamer.get("environment", [])}
        return values.get(name, "")


def add_target_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say which deployment is looked at, and which instance and streams are its own."""
    environment.add_arguments(parser, *environment.RESOURCES)
    parser.add_argument("--instance", metavar="ARN", help="the Amazon Connect instance; default: the deployed wiring's")
    parser.add_argument(
        "--stream-prefix",
        metavar="PREFIX",
        help="beginning of the names of the instance's Kinesis video streams; default: the deployed wiring's",
    )


def examined(arguments: argparse.Namespace, *, expected_calls: int | None = None) -> Examined:
    """What *arguments*, parsed with :func:`add_target_arguments`, say is looked at.

    Raises:
        argparse.ArgumentError: They name no deployment, or one in two ways.
        UnusableEnvironment: There is no such deployment, or AWS cannot be reached.
    """
    target = environment.connect(arguments)
    return Examined(
        target,
        target.client,
        instance_arn=arguments.instance or target.outputs.get(DeploymentOutput.CONNECT_INSTANCE),
        expected_calls=expected_calls,
        stream_prefix=arguments.stream_prefix or target.outputs.get(DeploymentOutput.MEDIA_STREAM_PREFIX, "callscribe"),
    )


Check: TypeAlias = Callable[[Examined], Iterator[Finding]]


def examine(check: Check, examined: Examined) -> list[Finding]:
    """Run a check to its end or to its first failure, which becomes a finding beside those made before it.

    The text of an error is not shown: AWS may quote what it was sent.
    """
    found = []
    try:
        for finding in check(examined):
            found.append(finding)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "Unknown")
        found.append(unknown(f"{error.operation_name} ended with {code}", _remedy(code, error.operation_name)))
    except UnusableEnvironment as error:
        found.append(unknown(str(error)))
    except BotoCoreError as error:
        found.append(unknown(f"AWS could not be asked: {type(error).__name__}"))
    except Exception as error:  # noqa: BLE001 - one check must not keep the others from running
        found.append(unknown(f"the check itself broke: {type(error).__name__}"))
    return found


def _remedy(code: str, operation: str) -> str:
    if "AccessDenied" in code or "NotAuthorized" in code or "UnauthorizedOperation" in code:
        return f"run it with a role that may {operation}"
    return ""
