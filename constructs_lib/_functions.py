"""A Lambda function of the runtime code, with the least it needs to run."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration, Names
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from callscribe.contract import metrics
from constructs_lib import _grants, _logs, _nag
from constructs_lib._python_code import runtime_code

# What Lambda does for a function in a VPC (AWS: "Giving Lambda functions access to resources in an Amazon VPC").
_NETWORK_INTERFACE_ACTIONS = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)


class RuntimeFunction(Construct):
    """Define a function with its own role, encrypted logs and tracing.

    Args:
        scope: Parent construct.
        construct_id: Identifier, unique in *scope*.
        module: Folder below ``lambdas`` that holds the handler.
        description: What the function does.
        table: Table it works on. Access to it is the caller's to grant.
        archive: Bucket of replies and transcripts. Access to it is the caller's to grant. Default: it uses none.
        environment: Variables beyond those that all functions have.
        timeout: Longest run.
        memory_mib: Memory, and with it the share of a processor, in MiB.
        key: Key that encrypts the logs.
        log_retention: How long logs are kept.
        vpc: Network to run in. Default: none of yours.
        vpc_subnets: Subnets of *vpc*. Default: the private ones with a way out.
        runtime: Python version.
        architecture: Processor.
        platform: Platform the wheels are chosen for. Default: the Linux of Lambda.
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
    service: str
    """Name under which the function writes logs and metrics; unique in the account."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        module: str,
        description: str,
        table: dynamodb.ITableV2,
        environment: Mapping[str, str],
        timeout: Duration,
        memory_mib: int,
        key: kms.IKey,
        log_retention: logs.RetentionDays,
        vpc: ec2.IVpc | None,
        vpc_subnets: ec2.SubnetSelection | None,
        runtime: lambda_.Runtime,
        architecture: lambda_.Architecture,
        platform: str | None,
        archive: s3.IBucket | None = None,
        failed_events: sqs.IQueue | None = None,
        without_failed_events: str = "the function is never invoked asynchronously; the workflow and the queue keep "
        "what failed",
    ) -> None:
        super().__init__(scope, construct_id)
        self.timeout = timeout
        self.service = Names.unique_resource_name(self, separator="-", max_length=80)
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group = _logs.log_group(self, "Logs", key=key, retention=log_retention)
        self.function = lambda_.Function(
            self,
            "Function",
            description=description,
            code=runtime_code(runtime=runtime, architecture=architecture, platform=platform),
            handler=f"lambdas.{module}.handler.handle",
            runtime=runtime,
            architecture=architecture,
            environment={
                "TABLE_NAME": table.table_name,
                **({"ARCHIVE_BUCKET": archive.bucket_name} if archive else {}),
                "POWERTOOLS_SERVICE_NAME": self.service,
                "POWERTOOLS_METRICS_NAMESPACE": metrics.NAMESPACE,
                **environment,
            },
            timeout=timeout,
            memory_size=memory_mib,
            role=self.role,
            log_group=log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            application_log_level_v2=lambda_.ApplicationLogLevel.INFO,
            tracing=lambda_.Tracing.ACTIVE,
            dead_letter_queue=failed_events,
            recursive_loop=lambda_.RecursiveLoop.TERMINATE,
            vpc=vpc,
            vpc_subnets=self._subnets(vpc, vpc_subnets),
            security_groups=[self._security_group(vpc)] if vpc else None,
        )
        log_group.grant(self.role, "logs:CreateLogStream", "logs:PutLogEvents")
        reasons = {"*": "X-Ray has no resources to name; the function may only send its own traces"}
        if vpc:
            # Not part of `role=`: CDK adds these to the roles it makes itself only.
            self.role.add_to_policy(iam.PolicyStatement(actions=[*_NETWORK_INTERFACE_ACTIONS], resources=["*"]))
            reasons["*"] += "; Lambda itself makes the network interfaces, whose ids are not known before"
        _nag.acknowledge_wildcards(self.role, reasons)
        _nag.acknowledge(self.role, _nag.INLINE_POLICY)
        _nag.acknowledge(
            self.function,
            {
                "HIPAA.Security-LambdaConcurrency": "the queue in front of Deepgram limits the calls in work; reserved "
                "concurrency would take capacity from the account's other functions",
            },
        )
        if failed_events is None:
            _nag.acknowledge(self.function, {"HIPAA.Security-LambdaDLQ": without_failed_events})
        elif failed_events.encryption_master_key:
            _grants.allow_key(self.role, failed_events.encryption_master_key, "sqs", write=True)
        if vpc is None:
            _nag.acknowledge(
                self.function,
                {
                    "HIPAA.Security-LambdaInsideVPC": "the function reaches AWS and Deepgram by TLS with its role's "
                    "credentials and opens no port; a VPC is offered as an option"
                },
            )

    def _subnets(self, vpc: ec2.IVpc | None, chosen: ec2.SubnetSelection | None) -> ec2.SubnetSelection | None:
        if vpc is None:
            if chosen is not None:
                raise ValueError("vpc_subnets without a vpc: pass the vpc they belong to as well")
            return None
        return chosen or ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS)

    def _security_group(self, vpc: ec2.IVpc) -> ec2.SecurityGroup:
        group = ec2.SecurityGroup(
            self, "SecurityGroup", vpc=vpc, allow_all_outbound=False, description="Out by TLS only"
        )
        group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "AWS and Deepgram")
        return group
