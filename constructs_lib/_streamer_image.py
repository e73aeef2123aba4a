"""The container image of the live streamer, built from the sources that come with the constructs."""

from __future__ import annotations

from typing import Final

from aws_cdk import IgnoreMode
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_lambda as lambda_

from constructs_lib import _sources

DOCKERFILE: Final = "streamer/Dockerfile"

_PLATFORMS = {"arm64": ecr_assets.Platform.LINUX_ARM64, "x86_64": ecr_assets.Platform.LINUX_AMD64}


def streamer_image(*, architecture: lambda_.Architecture, base_image: str | None) -> ecs.AssetImage:
    """Describe the image; Docker is needed to deploy it, not to synthesise.

    Its hash covers what Docker sees and is the same in a checkout and in the wheel.

    Args:
        architecture: Processor it runs on.
        base_image: Image with Python to build on. Default: the one that the Dockerfile names.
    """
    return ecs.ContainerImage.from_asset(
        str(_sources.ROOT),
        file=DOCKERFILE,
        platform=_PLATFORMS[architecture.name],
        build_args={"PYTHON_IMAGE": base_image} if base_image else None,
        ignore_mode=IgnoreMode.DOCKER,
        exclude=context_rules(),
    )


def context_rules() -> list[str]:
    """Read the rules of what belongs in the build context, in the order in which they apply."""
    lines = (_sources.ROOT / f"{DOCKERFILE}.dockerignore").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]
