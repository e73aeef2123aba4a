"""A live streamer under test, with its surroundings."""

from __future__ import annotations

from typing import Any, cast

from aws_cdk import Stack
from aws_cdk.assertions import Template

from constructs_lib import LiveStreamer
from tests.constructs_lib.parts import Surroundings, logical_id

STREAM_PREFIX = "callscribe"


def new_streamer(stack: Stack, **options: Any) -> LiveStreamer:
    around = Surroundings.of(stack)
    arguments = {"secret": around.secret.secret, "stream_prefix": STREAM_PREFIX, **options}
    return LiveStreamer(stack, "Live", table=around.table.table, archive=around.archive.bucket, **arguments)


def task(template: Template, streamer: LiveStreamer) -> dict[str, Any]:
    """Properties of the task definition."""
    found = template.to_json()["Resources"][logical_id(streamer.task_definition)]["Properties"]
    return cast(dict[str, Any], found)


def container(template: Template, streamer: LiveStreamer) -> dict[str, Any]:
    [found] = task(template, streamer)["ContainerDefinitions"]
    return cast(dict[str, Any], found)


def variables(template: Template, streamer: LiveStreamer) -> dict[str, Any]:
    """What the streamer is told by its environment."""
    return {variable["Name"]: variable["Value"] for variable in container(template, streamer)["Environment"]}
