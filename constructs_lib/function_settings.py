"""What functions run on, and where."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_lambda as lambda_

from constructs_lib._checks import check_architecture, check_runtime, text
from constructs_lib._python_code import DEFAULT_ARCHITECTURE, DEFAULT_RUNTIME


@dataclass(frozen=True, kw_only=True)
class FunctionSettings:
    """What the functions of a construct have in common.

    Raises:
        ValueError: If the functions cannot run on *runtime* or *architecture*, or *vpc_subnets* are given without
            *vpc*.
    """

    runtime: lambda_.Runtime = DEFAULT_RUNTIME
    """Python version, 3.11 or newer. Default: the newest that Lambda has."""
    architecture: lambda_.Architecture = DEFAULT_ARCHITECTURE
    """Processor. Default: arm64."""
    bundling_platform: str | None = None
    """Platform the dependencies are chosen for, as ``uv --python-platform`` names it. Default: the Linux of Lambda;
    another one is for functions that run elsewhere, such as on an emulator."""
    vpc: ec2.IVpc | None = None
    """Network to run in. Default: none of yours."""
    vpc_subnets: ec2.SubnetSelection | None = None
    """Subnets of *vpc*. Default: the private ones with a way out."""

    def __post_init__(self) -> None:
        """Check each option, and that they go together."""
        check_runtime(self.runtime)
        check_architecture(self.architecture)
        if self.bundling_platform is not None:
            text("bundling_platform", self.bundling_platform)
        if self.vpc is None and self.vpc_subnets is not None:
            raise ValueError("vpc_subnets without a vpc: pass the vpc they belong to as well")
