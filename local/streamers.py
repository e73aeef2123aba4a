"""The streamer as a process of this machine: what ECS would run as a task of the deployed service."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from local.emulator.gateway import TASK_CREDENTIALS_PATH, task_token
from local.server_process import HOST, ROOT, ChildProcess, free_port
from operations.environment import Environment

_HEALTH_PATH = "/health"
# What a container has besides its task definition's variables.
_PASSED_ON = ("HOME", "LANG", "PATH", "TMPDIR")
# Fargate kills a task this long after its SIGTERM, see the stop timeout of the container.
_STOP_SECONDS = 120.0


class Streamer(ChildProcess):
    """A streamer in a child process, started from the deployed task definition.

    It has the definition's variables and the credentials of the task's role, and nothing of the machine around it;
    addresses are those of the emulator. :meth:`kill` is a task that vanishes, :meth:`stop` one that ECS stops.

    Args:
        environment: The deployed environment.
        name: Names its log, and messages.
        directory: Where the log goes.
        changes: Variables to set otherwise than the task definition does.
    """

    def __init__(
        self, environment: Environment, *, name: str, directory: Path, changes: Mapping[str, str] | None = None
    ) -> None:
        port = free_port()
        emulator = urlsplit(environment.endpoint_url or "").port
        super().__init__(
            name=f"streamer {name}",
            command=[sys.executable, "-m", "local.streamer_process"],
            environment={
                **_variables(environment),
                "HEALTH_HOST": HOST,
                "HEALTH_PORT": str(port),
                **(changes or {}),
            },
            port=port,
            health_path=_HEALTH_PATH,
            log=directory / f"streamer-{name}-{emulator}.log",
            stop_seconds=_STOP_SECONDS,
        )


def _variables(environment: Environment) -> dict[str, str]:
    ecs = environment.session.client("ecs", endpoint_url=environment.endpoint_url)
    arn = environment.output("StreamerTaskDefinitionArn")
    definition = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
    (container,) = definition["containerDefinitions"]
    endpoint = environment.endpoint_url or ""
    role = definition["taskRoleArn"].rpartition("/")[2]
    credentials = environment.session.get_credentials()
    if credentials is None:
        raise RuntimeError("the session has no access key")
    variables = {entry["name"]: entry["value"] for entry in container["environment"]}
    return {
        **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        **variables,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": task_token(credentials.secret_key, role),
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{endpoint}{TASK_CREDENTIALS_PATH}{role}",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": str(environment.session.region_name),
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
