"""Buckets as every construct makes them: encrypted, versioned, logged, reached by TLS only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from constructs_lib._checks import whole_days
from constructs_lib._keys import same_account
from constructs_lib._nag import acknowledge


def private_bucket(
    scope: Construct,
    construct_id: str,
    *,
    key: kms.IKey,
    access_logs: s3.IBucket,
    expire_after: Duration | None,
    removal_policy: RemovalPolicy,
    lifecycle_rules: Sequence[s3.LifecycleRule] = (),
    versioned: bool = True,
) -> s3.Bucket:
    """Create an encrypted, logged bucket that only TLS reaches, and that keeps former versions for a month.

    Without versions, what is deleted or written over is gone at once.

    Raises:
        ValueError: If *expire_after* is no whole days.
    """
    days = whole_days("expire_after", expire_after)
    bucket = s3.Bucket(
        scope,
        construct_id,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        bucket_key_enabled=True,
        encryption_key=key,
        enforce_ssl=True,
        minimum_tls_version=1.2,
        versioned=versioned,
        lifecycle_rules=[
            s3.LifecycleRule(
                abort_incomplete_multipart_upload_after=Duration.days(1),
                expiration=None if days is None else Duration.days(days),
                noncurrent_version_expiration=Duration.days(30) if versioned else None,
            ),
            *lifecycle_rules,
        ],
        removal_policy=removal_policy,
    )
    _deliver_access_logs(bucket, access_logs, prefix=f"{scope.node.id}/")
    acknowledge(
        bucket,
        {
            "HIPAA.Security-S3BucketReplicationEnabled": "what callers say stays in the region of the contact centre; "
            "versioning protects against deletion and overwriting"
        },
    )
    return bucket


def _deliver_access_logs(bucket: s3.Bucket, access_logs: s3.IBucket, *, prefix: str) -> None:
    """Have S3 log who reaches *bucket*, by the policy of *access_logs*.

    ``server_access_logs_bucket=`` would open it by an ACL instead where the app has not set the feature flag
    ``@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy``.
    """
    cast(s3.CfnBucket, bucket.node.default_child).logging_configuration = s3.CfnBucket.LoggingConfigurationProperty(
        destination_bucket_name=access_logs.bucket_name, log_file_prefix=prefix
    )
    access_logs.add_to_resource_policy(
        iam.PolicyStatement(
            actions=["s3:PutObject"],
            principals=[iam.ServicePrincipal("logging.s3.amazonaws.com")],
            resources=[access_logs.arn_for_objects(f"{prefix}*")],
            conditions={**same_account(), "ArnLike": {"aws:SourceArn": bucket.bucket_arn}},
        )
    )


def access_log_bucket(scope: Construct, *, removal_policy: RemovalPolicy) -> s3.Bucket:
    """Create the bucket that S3 server access logs of *scope* go to, kept for a year."""
    bucket = s3.Bucket(
        scope,
        "AccessLogs",
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        encryption=s3.BucketEncryption.S3_MANAGED,
        enforce_ssl=True,
        minimum_tls_version=1.2,
        versioned=True,
        lifecycle_rules=[
            s3.LifecycleRule(expiration=Duration.days(365), noncurrent_version_expiration=Duration.days(1))
        ],
        removal_policy=removal_policy,
    )
    acknowledge(
        bucket,
        {
            "HIPAA.Security-S3DefaultEncryptionKMS": "S3 delivers server access logs only to buckets encrypted with "
            "S3-managed keys",
            "HIPAA.Security-S3BucketReplicationEnabled": "access logs name objects and callers, never their content; "
            "a copy in another region would help no one",
        },
    )
    return bucket
