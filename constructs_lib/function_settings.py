"""What functions run on, and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs

from callscribe.environments.functions import FunctionEnvironment
from constructs_lib._checks import (
    check_architecture,
    check_fields,
    check_runtime,
    integer,
    one_of,
    seconds_within,
    word,
)
from constructs_lib._python_code import DEFAULT_ARCHITECTURE, DEFAULT_RUNTIME

# MiB and time (AWS: "Lambda quotas").
_LEAST_MEMORY, _MOST_MEMORY = 128, 10_240
_LONGEST_RUN = Duration.minutes(15)
_OTHER_TIMEOUTS: Final = {
    "transcribe_call": "set request_timeout of requests, which it follows",
    "analyse_call": "set request_timeout and max_attempts of analyst, which it follows",
    "start_live_call": "Amazon Connect waits for it no longer",
    "end_live_call": "Amazon Connect waits for it no longer",
}
"""Why a function's timeout is no option."""


@dataclass(frozen=True, kw_only=True)
class FunctionSize:
    """What one function may take, where its own default does not do.

    Raises:
        ValueError: If a number is out of range.
    """

    memory_mib: int | None = None
    """Memory, and with it the share of a processor, in MiB. Default: what the function was measured to need."""
    timeout: Duration | None = None
    """Longest run, up to 15 minutes. Default: the function's own."""
    reserved_concurrency: int | None = None
    """Runs at once that are kept for the function, and that it is held to. Default: those of the account, together with
    all other functions."""

    def __post_init__(self) -> None:
        """Check each number."""
        check_fields(self)
        if self.memory_mib is not None and not _LEAST_MEMORY <= integer("memory_mib", self.memory_mib) <= _MOST_MEMORY:
            raise ValueError(
                f"memory_mib of {self.memory_mib} is out of range: choose {_LEAST_MEMORY} to {_MOST_MEMORY}"
            )
        if self.timeout is not None:
            seconds_within("timeout", self.timeout, at_least=Duration.seconds(1), at_most=_LONGEST_RUN)
        if self.reserved_concurrency is not None and integer("reserved_concurrency", self.reserved_concurrency) < 1:
            raise ValueError(
                f"reserved_concurrency of {self.reserved_concurrency} never lets the function run: choose 1 or more"
            )


@dataclass(frozen=True, kw_only=True)
class FunctionSettings:
    """What the functions of a construct have in common.

    Raises:
        ValueError: If the functions cannot run on *runtime* or *architecture*, *vpc_subnets* are given without *vpc*,
            or *sizes* names a function or an option that there is not.
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
    sizes: Mapping[str, FunctionSize] = field(default_factory=dict)
    """Memory, timeout and reserved concurrency of single functions, by their folder in ``lambdas``, such as
    ``admit_recording``. Default: each its own."""
    log_group: logs.ILogGroup | None = None
    """Log group of all functions, encrypted and kept as you have it. Default: an encrypted one for each function."""

    def __post_init__(self) -> None:
        """Check each option, and that they go together."""
        check_fields(self)
        check_runtime(self.runtime)
        check_architecture(self.architecture)
        if self.bundling_platform is not None:
            word("bundling_platform", self.bundling_platform)
        if self.vpc is None and self.vpc_subnets is not None:
            raise ValueError("vpc_subnets without a vpc: pass the vpc they belong to as well")
        if not isinstance(self.sizes, Mapping):
            raise ValueError(
                f"sizes of {self.sizes!r} are no mapping: pass {{'admit_recording': FunctionSize(memory_mib=2048)}}"
            )
        for name, size in self.sizes.items():
            one_of("function", name, sorted(one.MODULE for one in FunctionEnvironment.__subclasses__()))
            if not isinstance(size, FunctionSize):
                raise ValueError(f"size {size!r} of {name} is none: pass FunctionSize(…)")
            if size.timeout is not None and name in _OTHER_TIMEOUTS:
                raise ValueError(f"timeout of {name} is no option: {_OTHER_TIMEOUTS[name]}")
