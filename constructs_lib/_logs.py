"""Encrypted log groups."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import ArnFormat, Aws, RemovalPolicy, Stack, Token
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk.region_info import RegionInfo
from constructs import Construct

from constructs_lib._keys import allow_service


@dataclass(frozen=True, kw_only=True)
class LogSettings:
    """How the log groups of a construct are kept."""

    key: kms.IKey
    """Encrypts them."""
    retention: logs.RetentionDays
    """How long what they hold is kept."""

    def group(self, scope: Construct, construct_id: str, *, name: str | None = None) -> logs.LogGroup:
        """Create a log group that goes with its stack.

        Args:
            scope: Parent construct.
            construct_id: Identifier, unique in *scope*.
            name: Its name. Default: CloudFormation's choice.
        """
        stack = Stack.of(scope)
        arns = stack.format_arn(
            service="logs", resource="log-group", resource_name="*", arn_format=ArnFormat.COLON_RESOURCE_NAME
        )
        allow_service(
            self.key,
            _service_in(stack.region),
            # What the service asks for (CloudWatch Logs: "Encrypt log data in CloudWatch Logs using AWS KMS").
            *("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"),
            conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": arns}},
        )
        return logs.LogGroup(
            scope,
            construct_id,
            encryption_key=self.key,
            log_group_name=name,
            retention=self.retention,
            removal_policy=RemovalPolicy.DESTROY,
        )


def _service_in(region: str) -> str:
    """Return the name of CloudWatch Logs in a region, which has the suffix of its partition."""
    suffix = None if Token.is_unresolved(region) else RegionInfo.get(region).domain_suffix
    return f"logs.{region}.{suffix or Aws.URL_SUFFIX}"
