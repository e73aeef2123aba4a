"""A live streamer under test, with its surroundings, and its image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from aws_cdk import App, Environment, Stack
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template

from constructs_lib import LiveStreamer
from constructs_lib._streamer_image import streamer_image
from tests.conftest import FLAGS, REGION
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


class SynthesisedImage:
    """The streamer's image as an app's synthesis leaves it for Docker."""

    def __init__(self, **options: Any) -> None:
        app = App(context=FLAGS, builtin_cloud_formation_validation=False)
        stack = Stack(app, "Test", env=Environment(region=REGION))
        image = streamer_image(**{"architecture": lambda_.Architecture.ARM_64, "base_image": None, **options})
        ecs.FargateTaskDefinition(stack, "Task").add_container("Streamer", image=image)
        app.synth()
        outdir = Path(app.outdir)
        images: dict[str, Any] = json.loads((outdir / "Test.assets.json").read_text())["dockerImages"]
        [[self.hash, asset]] = images.items()
        self.source: dict[str, Any] = asset["source"]
        self.context: Path = outdir / self.source["directory"]

    def files(self) -> set[str]:
        return {path.relative_to(self.context).as_posix() for path in self.context.rglob("*") if path.is_file()}
