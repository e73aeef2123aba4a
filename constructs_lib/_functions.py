"""Lambda functions of the runtime code, with the least they need to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import jsii
from aws_cdk import Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct, IValidation

from callscribe.environments.functions import FunctionEnvironment, powertools_variables
from constructs_lib import _grants, _nag
from constructs_lib._checks import check_private_subnets, check_subnets
from constructs_lib._logs import LogSettings
from constructs_lib._names import account_wide_name
from constructs_lib._python_code import ENCODER_WEIGHTS, RuntimeCode
from constructs_lib.function_settings import FunctionSettings, FunctionSize
from constructs_lib.sentence_encoder import SentenceEncoder

# What Lambda does for a function in a VPC (AWS: "Giving Lambda functions access to resources in an Amazon VPC").
_NETWORK_INTERFACE_ACTIONS = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)

# What the encoder takes, and as much again for a long call; docs/benchmarks.md.
_LEAST_ENCODER_MEMORY_MIB = 768


@dataclass(frozen=True, kw_only=True)
class SharedByFunctions:
    """What all functions of a construct have in common."""

    table: dynamodb.ITable
    """Table they work on."""
    settings: FunctionSettings
    """What they run on, and where."""
    logs: LogSettings
    """How their logs are kept."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Files beside their code, by path."""
    encoder: SentenceEncoder | None = None
    """Encoder beside their code; None where they do not judge by one."""

    @property
    def encoder_weights(self) -> str | None:
        """Folder of the encoder's weights, within their code."""
        return None if self.encoder is None else ENCODER_WEIGHTS

    @cached_property
    def code(self) -> RuntimeCode:
        """Their code."""
        return RuntimeCode(
            runtime=self.settings.runtime,
            architecture=self.settings.architecture,
            platform=self.settings.bundling_platform,
            files=self.files,
            encoder=self.encoder,
        )


@jsii.implements(IValidation)
class RuntimeFunction(Construct):
    """Define a function with its own role, encrypted logs and tracing.

    Args:
        scope: Parent construct.
        construct_id: Identifier, unique in *scope*.
        shared: What it has in common with the other functions of its construct. Access to the table is the caller's to
            grant.
        reads: What the function is told by its environment, and with it which function it is; see :meth:`configure`.
        description: What the function does.
        timeout: Longest run, unless the settings name another.
        memory_mib: Memory, and with it the share of a processor, in MiB, unless the settings name another.
        failed_events: Where the events go that an asynchronous invocation failed on, after Lambda's retries.
            Default: nowhere.
        without_failed_events: Why no failed event need be kept. Default: the function is never invoked asynchronously.
    """

    function: lambda_.Function
    """The function."""
    role: iam.Role
    """What the function may do."""
    timeout: Duration
    """Longest run."""
    reserved_concurrency: int | None
    """Runs at once that are kept for the function; None where it shares the account's."""
    service: str
    """Name under which the function writes logs and metrics; unique in the account."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        shared: SharedByFunctions,
        *,
        reads: type[FunctionEnvironment],
        description: str,
        timeout: Duration,
        memory_mib: int,
        failed_events: sqs.IQueue | None = None,
        without_failed_events: str = "the function is never invoked asynchronously; the workflow and the queue keep "
        "what failed",
    ) -> None:
        super().__init__(scope, construct_id)
        self._reads, self._configured = reads, False
        self.node.add_validation(self)
        settings = shared.settings
        size = settings.sizes.get(reads.MODULE, FunctionSize())
        if shared.encoder is not None and (size.memory_mib or memory_mib) < _LEAST_ENCODER_MEMORY_MIB:
            raise ValueError(
                f"memory_mib of {size.memory_mib} of {reads.MODULE} is too little for encoder: choose "
                f"{_LEAST_ENCODER_MEMORY_MIB} or more, or drop it"
            )
        self.timeout = timeout = size.timeout or timeout
        self.reserved_concurrency = size.reserved_concurrency
        self.service = account_wide_name(self, max_length=80)
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group = settings.log_group or shared.logs.group(self, "Logs")
        with shared.code.packaged() as code:
            self.function = lambda_.Function(
                self,
                "Function",
                description=description,
                code=code,
                handler=f"lambdas.{reads.MODULE}.handler.handle",
                runtime=settings.runtime,
                architecture=settings.architecture,
                environment=powertools_variables(self.service),
                timeout=timeout,
                memory_size=size.memory_mib or memory_mib,
                reserved_concurrent_executions=size.reserved_concurrency,
                role=self.role,
                log_group=log_group,
                logging_format=lambda_.LoggingFormat.JSON,
                application_log_level_v2=lambda_.ApplicationLogLevel.INFO,
                tracing=lambda_.Tracing.ACTIVE,
                dead_letter_queue=failed_events,
                recursive_loop=lambda_.RecursiveLoop.TERMINATE,
                vpc=settings.vpc,
                vpc_subnets=self._subnets(settings),
                security_groups=[self._security_group(settings.vpc)] if settings.vpc else None,
            )
        log_group.grant(self.role, "logs:CreateLogStream", "logs:PutLogEvents")
        self._allow_running(in_vpc=settings.vpc is not None)
        self._acknowledge(
            in_vpc=settings.vpc is not None, without_failed_events=None if failed_events else without_failed_events
        )
        if failed_events and (key := failed_events.encryption_master_key):
            _grants.allow_key(self.role, key, "sqs", write=True)

    def configure(self, environment: FunctionEnvironment) -> None:
        """Tell the function what it reads; once more to change it. A function that was told nothing fails at synth."""
        if type(environment) is not self._reads:
            raise TypeError(f"{self.node.path} reads {self._reads.__name__}, not {type(environment).__name__}")
        self._configured = True
        for name, value in environment.to_variables().items():
            self.function.add_environment(name, value)

    def validate(self) -> list[str]:
        """Refuse a function that was told nothing."""
        return [] if self._configured else [f"the function was told nothing: configure it with {self._reads.__name__}"]

    def _allow_running(self, *, in_vpc: bool) -> None:
        reasons = {"*": "X-Ray has no resources to name; the function may only send its own traces"}
        if in_vpc:
            # Not part of `role=`: CDK adds these to the roles it makes itself only.
            self.role.add_to_policy(iam.PolicyStatement(actions=[*_NETWORK_INTERFACE_ACTIONS], resources=["*"]))
            reasons["*"] += "; Lambda itself makes the network interfaces, whose ids are not known before"
        _nag.acknowledge_wildcards(self.role, reasons)
        _nag.acknowledge(self.role, _nag.INLINE_POLICY)

    def _acknowledge(self, *, in_vpc: bool, without_failed_events: str | None) -> None:
        reasons = {}
        if self.reserved_concurrency is None:
            reasons["HIPAA.Security-LambdaConcurrency"] = (
                "the queue in front of Deepgram limits the calls in work; reserved concurrency would take capacity "
                "from the account's other functions"
            )
        if not in_vpc:
            reasons["HIPAA.Security-LambdaInsideVPC"] = (
                "the function reaches AWS and Deepgram by TLS with its role's credentials and opens no port; a VPC is "
                "offered as an option"
            )
        if without_failed_events is not None:
            reasons["HIPAA.Security-LambdaDLQ"] = without_failed_events
        if reasons:
            _nag.acknowledge(self.function, reasons)

    def _subnets(self, settings: FunctionSettings) -> ec2.SubnetSelection | None:
        if settings.vpc is None:
            return None
        if settings.vpc_subnets is None:
            check_private_subnets(settings.vpc)
            return ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS)
        check_subnets(self, settings.vpc, settings.vpc_subnets)
        return settings.vpc_subnets

    def _security_group(self, vpc: ec2.IVpc) -> ec2.SecurityGroup:
        group = ec2.SecurityGroup(
            self, "SecurityGroup", vpc=vpc, allow_all_outbound=False, description="Out by TLS only"
        )
        group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "AWS and Deepgram")
        return group
