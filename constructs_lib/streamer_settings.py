"""How many calls are followed at once and for how long, and what the tasks run on that follow them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from aws_cdk import Duration, Token
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_lambda as lambda_

from callscribe.contract import limits
from constructs_lib._checks import check_architecture, check_fields, integer, one_of, seconds_within, word
from constructs_lib._python_code import DEFAULT_ARCHITECTURE

Egress = Literal["private-subnets", "public-addresses"]

ZONES = 2
"""Availability zones of the new network."""
# So many were measured to be more than one processor should have.
_MOST_SLOTS = 300
_MOST_TASKS = 1000
_LONGEST_CALL = Duration.seconds(limits.LONGEST_LIVE_CALL_SECONDS)
_LONGEST_SILENCE = Duration.seconds(limits.LONGEST_IDLE_SECONDS)
_LONGEST_LEASE = Duration.seconds(limits.LONGEST_LEASE_SECONDS)


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """How many calls can be followed at once: *slots_per_task* times the number of tasks.

    Raises:
        ValueError: If a number is out of range.
    """

    slots_per_task: int = 100
    """Calls that a task follows at once, up to 300. Default: 100, which kept a processor busy for less than half of the
    time in measurements."""
    min_tasks: int = 1
    """Fewest tasks. Default: 1; two survive the loss of one without a pause, and calls that come all at once wait
    minutes for tasks beyond the fewest."""
    max_tasks: int | None = None
    """Most tasks. Default: *min_tasks*, without scaling."""

    def __post_init__(self) -> None:
        """Check that the numbers go together."""
        check_fields(self)
        integer("min_tasks", self.min_tasks)
        if self.max_tasks is not None:
            integer("max_tasks", self.max_tasks)
        if not 1 <= integer("slots_per_task", self.slots_per_task) <= _MOST_SLOTS:
            raise ValueError(
                f"slots_per_task of {self.slots_per_task} is out of range: choose 1 to {_MOST_SLOTS}, which keep one "
                "processor busy, and more tasks for more calls"
            )
        if not 1 <= self.min_tasks <= self.most_tasks <= _MOST_TASKS:
            raise ValueError(
                f"min_tasks of {self.min_tasks} and max_tasks of {self.most_tasks} do not go together: choose 1 to "
                f"{_MOST_TASKS}, the fewest first; without a task no call is followed"
            )

    @property
    def most_tasks(self) -> int:
        """Most tasks, whether or not they are fixed."""
        return self.min_tasks if self.max_tasks is None else self.max_tasks

    @property
    def scales(self) -> bool:
        """Whether the number of tasks follows the calls."""
        return self.min_tasks < self.most_tasks


@dataclass(frozen=True, kw_only=True)
class CallLimits:
    """When a live call is over, and when another streamer takes it.

    Raises:
        ValueError: If a time is out of range.
    """

    max_call_duration: Duration = field(default_factory=lambda: Duration.hours(4))
    """Longest call, up to 11 hours; its transcript ends there, incomplete. Default: 4 hours."""
    idle_limit: Duration = field(default_factory=lambda: Duration.minutes(2))
    """Silence of a stream after which its call counts as over, unproven; up to an hour. Default: 2 minutes."""
    start_wait: Duration = field(default_factory=lambda: Duration.minutes(1))
    """Longest wait for the first audio of a call, up to an hour. Default: a minute."""
    lease: Duration = field(default_factory=lambda: Duration.seconds(30))
    """Time after which the calls of a dead streamer go to others, 6 seconds to 5 minutes. Default: 30 seconds."""

    def __post_init__(self) -> None:
        """Check every time."""
        check_fields(self)
        second = Duration.seconds(1)
        seconds_within("max_call_duration", self.max_call_duration, at_least=second, at_most=_LONGEST_CALL)
        seconds_within("idle_limit", self.idle_limit, at_least=second, at_most=_LONGEST_SILENCE)
        seconds_within("start_wait", self.start_wait, at_least=second, at_most=_LONGEST_SILENCE)
        seconds_within("lease", self.lease, at_least=Duration.seconds(6), at_most=_LONGEST_LEASE)


@dataclass(frozen=True, kw_only=True)
class TaskSettings:
    """What the tasks of a live streamer run on, and where.

    Raises:
        ValueError: If an option cannot be what it is meant to be, or options exclude each other.
    """

    architecture: lambda_.Architecture = DEFAULT_ARCHITECTURE
    """Processor. Default: arm64."""
    image: ecs.ContainerImage | None = None
    """What the tasks run, built for *architecture*. Default: the streamer that comes with the constructs."""
    base_image: str | None = None
    """Image with Python that the default image is built on, best named by its digest. Default: the one that its
    Dockerfile names by a tag."""
    vpc: ec2.IVpc | None = None
    """Network to run in. Default: a new one in two zones."""
    vpc_subnets: ec2.SubnetSelection | None = None
    """Subnets of *vpc*. Default: the private ones with a way out, or the public ones, as *egress* says."""
    egress: Egress = "private-subnets"
    """How tasks reach AWS and Deepgram. ``"private-subnets"``: tasks have no public address; the new network has NAT
    gateways, which are paid by the hour and the GB. ``"public-addresses"``: tasks run in public subnets, each with a
    public IPv4 address of its own, and there is no NAT gateway. Nobody gets in either way: the security group lets
    nothing in, and no port is served but the health check's, on loopback. What is given up is the second wall, should
    someone open the security group, and fixed addresses that a firewall at the other end could go by; and policies such
    as Security Hub's ECS.2 forbid it. There is no choice by IPv6, which nothing is known to reach
    Deepgram by. Default: private subnets."""
    nat_gateways: int | None = None
    """NAT gateways of the new network, 1 or 2. Default: one in each zone."""
    cluster: ecs.ICluster | None = None
    """Cluster to run in, in *vpc*. Scaling reads its Container Insights. Default: a new one."""

    def __post_init__(self) -> None:
        """Check each option, and that they go together."""
        check_fields(self)
        check_architecture(self.architecture)
        if self.base_image is not None:
            word("base_image", self.base_image)
        one_of("egress", self.egress, get_args(Egress))
        if self.nat_gateways is not None and integer("nat_gateways", self.nat_gateways) < 1:
            raise ValueError(
                f"nat_gateways of {self.nat_gateways} leave the new network without a way to Deepgram: choose 1 or "
                "more, or pass a vpc with a way out of its own"
            )
        if self.nat_gateways is not None and self.nat_gateways > ZONES:
            raise ValueError(
                f"nat_gateways of {self.nat_gateways} are more than the new network has zones: choose 1 to {ZONES}, or "
                "pass a vpc of your own"
            )
        for clash, fix in (
            (
                self.image is not None and self.base_image is not None,
                "base_image is for the default image: drop it or image",
            ),
            (
                self.vpc is None and self.vpc_subnets is not None,
                "vpc_subnets without a vpc: pass the vpc they belong to as well",
            ),
            (
                self.vpc is None and self.cluster is not None,
                "cluster without a vpc: pass the vpc it belongs to as well",
            ),
            (
                self.vpc is not None and self.nat_gateways is not None,
                "nat_gateways are for the new network: drop them or vpc",
            ),
            (
                self.public_addresses and self.nat_gateways is not None,
                "nat_gateways are for egress from private subnets: drop them or egress",
            ),
        ):
            if clash:
                raise ValueError(fix)
        if self.vpc is not None and self.cluster is not None:
            _check_cluster(self.cluster, self.vpc)

    @property
    def public_addresses(self) -> bool:
        """Whether each task has a public address."""
        return self.egress == "public-addresses"


def _check_cluster(cluster: ecs.ICluster, vpc: ec2.IVpc) -> None:
    """Check that *cluster* is in *vpc*, as far as that can be known."""
    try:
        own = cluster.vpc
    except RuntimeError as error:  # CDK's, of a cluster that is known by its ARN alone
        raise ValueError(
            "cluster does not say which network it is in: import it with Cluster.from_cluster_attributes("
            "cluster_name=…, vpc=…) instead of from_cluster_arn"
        ) from error
    known = not Token.is_unresolved(own.vpc_id) and not Token.is_unresolved(vpc.vpc_id)
    if own.vpc_id != vpc.vpc_id and (known or (isinstance(own, ec2.Vpc) and isinstance(vpc, ec2.Vpc))):
        raise ValueError(
            f"cluster {cluster.node.path} is in the network {own.node.path} and not in vpc {vpc.node.path}, and tasks "
            "run in their cluster's: pass the vpc of the cluster"
        )
