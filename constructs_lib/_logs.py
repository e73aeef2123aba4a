"""Encrypted log groups."""

from __future__ import annotations

from aws_cdk import ArnFormat, RemovalPolicy, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from constructs_lib._keys import allow_service


def log_group(
    scope: Construct, construct_id: str, *, key: kms.IKey, retention: logs.RetentionDays, name: str | None = None
) -> logs.LogGroup:
    """Create an encrypted log group that goes with its stack."""
    stack = Stack.of(scope)
    arns = stack.format_arn(
        service="logs", resource="log-group", resource_name="*", arn_format=ArnFormat.COLON_RESOURCE_NAME
    )
    allow_service(
        key,
        f"logs.{stack.region}.amazonaws.com",
        # What the service asks for (CloudWatch Logs: "Encrypt log data in CloudWatch Logs using AWS KMS").
        *("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"),
        conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": arns}},
    )
    return logs.LogGroup(
        scope,
        construct_id,
        encryption_key=key,
        log_group_name=name,
        retention=retention,
        removal_policy=RemovalPolicy.DESTROY,
    )
