"""What the constructs share and nobody else needs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from aws_cdk import Acknowledgment, ArnFormat, Aws, Duration, RemovalPolicy, Stack, Token, Validations
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sqs as sqs
from constructs import Construct, IConstruct

METRICS_NAMESPACE: Final = "CallScribe"
"""CloudWatch namespace of the metrics that the functions write in embedded metric format."""
RATE_LIMITED_METRIC: Final = "DeepgramRateLimited"
"""Counts Deepgram's answers 429. The one dimension of the metrics, ``service``, is ``POWERTOOLS_SERVICE_NAME``."""

REQUESTS_METRIC: Final = "DeepgramRequests"
"""Counts the requests sent to Deepgram."""
AUDIO_METRIC: Final = "AudioSeconds"
"""Counts the seconds of audio transcribed."""
TROUBLED_CALL_AGE_METRIC: Final = "TroubledCallAge"
"""Tells how long a call has waited that could not be transcribed once more."""

INLINE_POLICY: Final = {
    "HIPAA.Security-IAMNoInlinePolicy": "the policy belongs to this one role and changes with it; a managed policy "
    "could be attached to others"
}
"""Why roles carry their policy inline."""

CHANNEL_SEGMENT: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,48}[A-Za-z0-9])?")
"""What stands between two slashes of a channel (AppSync Events Developer Guide, "Understanding channel namespaces")."""

_INSTANCE_ARN = re.compile(r"arn:[\w-]+:connect:(?P<region>[\w-]+):\d{12}:instance/[\w-]+")
_CLINIC_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def acknowledge(scope: IConstruct, reasons: Mapping[str, str]) -> None:
    """Acknowledge ``{rule id: reason}`` of cdk-nag on *scope* and everything below it.

    The ids are qualified with their pack (``AwsSolutions::AwsSolutions-S1``): the bare id silences the finding too, but
    only the qualified one is kept, with its reason, in ``validation-report.json``.
    """
    Validations.of(scope).acknowledge(
        *(Acknowledgment(id=f"{rule.partition('-')[0]}::{rule}", reason=why) for rule, why in reasons.items())
    )


def acknowledge_wildcards(scope: IConstruct, reasons: Mapping[str, str]) -> None:
    """Acknowledge ``{resource with a wildcard: reason}`` in the policies below *scope*.

    Args:
        scope: Construct that owns the policies.
        reasons: Why each resource is named by a wildcard. Each resource as it stands in the policy; a reference to a
            resource of another stack counts as that resource (:mod:`constructs_lib.policies` sees to it).
    """
    stack = Stack.of(scope)
    acknowledge(
        scope, {f"AwsSolutions-IAM5[Resource::{flat(stack.resolve(arn))}]": why for arn, why in reasons.items()}
    )


def flat(value: Any) -> str:
    """Write a resolved ARN the way cdk-nag names it in a finding: ``<LogicalId.Arn>/*``."""
    match value:
        case str():
            return value
        case {"Fn::Join": [delimiter, [*parts]]}:
            return str(delimiter).join(map(flat, parts))
        case {"Fn::GetAtt": [resource, attribute]}:
            return f"<{resource}.{attribute}>"
        case {"Ref": resource}:
            return f"<{resource}>"
        case _:
            return json.dumps(value, separators=(",", ":"))


def own_key(scope: Construct, *, removal_policy: RemovalPolicy, description: str) -> kms.Key:
    """Create the customer-managed key of a construct that was given none."""
    return kms.Key(scope, "Key", description=description, enable_key_rotation=True, removal_policy=removal_policy)


def private_bucket(
    scope: Construct,
    construct_id: str,
    *,
    key: kms.IKey,
    access_logs: s3.IBucket,
    expire_after: Duration | None,
    removal_policy: RemovalPolicy,
) -> s3.Bucket:
    """Create an encrypted, versioned, logged bucket that only TLS reaches."""
    bucket = s3.Bucket(
        scope,
        construct_id,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        bucket_key_enabled=True,
        encryption_key=key,
        enforce_ssl=True,
        minimum_tls_version=1.2,
        versioned=True,
        lifecycle_rules=[
            s3.LifecycleRule(
                abort_incomplete_multipart_upload_after=Duration.days(1),
                expiration=expire_after,
                noncurrent_version_expiration=Duration.days(30),
            )
        ],
        removal_policy=removal_policy,
        server_access_logs_bucket=access_logs,
        server_access_logs_prefix=f"{scope.node.id}/",
    )
    acknowledge(
        bucket,
        {
            "HIPAA.Security-S3BucketReplicationEnabled": "what callers say stays in the region of the contact centre; "
            "versioning protects against deletion and overwriting"
        },
    )
    return bucket


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


def allow_objects(
    grantee: iam.IGrantable,
    bucket: s3.IBucket,
    *actions: str,
    prefix: str = "",
    key: kms.IKey | None = None,
    write: bool = False,
) -> iam.Grant:
    """Allow object-level *actions* under *prefix*, and the use of the bucket's key that goes with them.

    ``s3.IBucket.grant_read`` and its like also allow listing and every present and future ``Get*`` action.
    """
    grant = iam.Grant.add_to_principal(
        grantee=grantee, actions=list(actions), resource_arns=[bucket.arn_for_objects(f"{prefix}*")]
    )
    key = key or bucket.encryption_key
    return grant.combine(allow_key(grantee, key, "s3", write=write)) if key else grant


def allow_listing(grantee: iam.IGrantable, bucket: s3.IBucket) -> iam.Grant:
    """Allow listing, without which S3 answers 403 instead of 404 for an object that is not there.

    Not narrowed to a prefix: a request for an object has none to compare with.
    """
    return iam.Grant.add_to_principal(grantee=grantee, actions=["s3:ListBucket"], resource_arns=[bucket.bucket_arn])


def allow_items(
    grantee: iam.IGrantable,
    table: dynamodb.ITableV2,
    *actions: str,
    write: bool = True,
    conditions: Mapping[str, Mapping[str, Any]] | None = None,
) -> iam.Grant:
    """Allow *actions* on the items of *table* under *conditions*, and the use of its key that goes with them."""
    grant = iam.Grant.add_to_principal(
        grantee=grantee, actions=list(actions), resource_arns=[table.table_arn], conditions=conditions
    )
    key = table.encryption_key
    return grant.combine(allow_key(grantee, key, "dynamodb", write=write)) if key else grant


def allow_key(
    grantee: iam.IGrantable,
    key: kms.IKey,
    service: Literal["dynamodb", "kinesisvideo", "s3", "secretsmanager", "sqs"],
    *,
    write: bool,
) -> iam.Grant:
    """Allow the use of *key* through *service* and no other way."""
    return iam.Grant.add_to_principal(
        grantee=grantee,
        actions=["kms:Decrypt", "kms:GenerateDataKey"] if write else ["kms:Decrypt"],
        resource_arns=[key.key_arn],
        conditions={"StringEquals": {"kms:ViaService": f"{service}.{Stack.of(key).region}.amazonaws.com"}},
    )


def allow_secret(grantee: iam.IGrantable, secret: secretsmanager.ISecret) -> iam.Grant:
    """Allow reading *secret*, and the use of its key that goes with it."""
    grant = iam.Grant.add_to_principal(
        grantee=grantee, actions=["secretsmanager:GetSecretValue"], resource_arns=[secret.secret_arn]
    )
    key = secret.encryption_key
    return grant.combine(allow_key(grantee, key, "secretsmanager", write=False)) if key else grant


def allow_messages(grantee: iam.IGrantable, queue: sqs.IQueue, *actions: str) -> iam.Grant:
    """Allow *actions* on the messages of *queue*, and the use of its key that goes with them.

    ``sqs.IQueue.grant_*`` also allow every way of using the key.
    """
    grant = iam.Grant.add_to_principal(grantee=grantee, actions=list(actions), resource_arns=[queue.queue_arn])
    key = queue.encryption_master_key
    return grant.combine(allow_key(grantee, key, "sqs", write="sqs:SendMessage" in actions)) if key else grant


def same_account() -> dict[str, dict[str, str]]:
    """Condition under which a service acts for this account only."""
    return {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}


def allow_service(key: kms.IKey, service: str, *actions: str, conditions: Mapping[str, Mapping[str, str]]) -> None:
    """Let an AWS service use *key* under *conditions*. A key that CDK only knows by reference stays as it is."""
    key.add_to_resource_policy(
        iam.PolicyStatement(
            actions=list(actions),
            principals=[iam.ServicePrincipal(service)],
            resources=["*"],
            conditions=dict(conditions),
        )
    )


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


def check_clinic_id(clinic_id: str) -> str:
    """Return *clinic_id*, which becomes part of object keys, table keys and parameter names.

    Raises:
        ValueError: If it holds anything but letters, digits, ``.``, ``_`` and ``-``.
    """
    if not _CLINIC_ID.fullmatch(clinic_id):
        raise ValueError(
            f"clinic id {clinic_id!r} cannot be part of a key: use 1 to 64 letters, digits, '.', '_' and '-', "
            "beginning with a letter or digit"
        )
    return clinic_id


def check_live_clinic_id(clinic_id: str) -> str:
    """Return *clinic_id*, which becomes part of the channels of live calls.

    Raises:
        ValueError: If it does not fit in a channel.
    """
    if not CHANNEL_SEGMENT.fullmatch(clinic_id):
        raise ValueError(
            f"clinic id {clinic_id!r} cannot be part of a channel: use 1 to 50 letters, digits and dashes, no dash "
            "first or last"
        )
    return clinic_id


def check_instance(scope: Construct, arn: str) -> str:
    """Return *arn*, which names the Amazon Connect instance that *scope* works with.

    Raises:
        ValueError: If it is not the ARN of an instance, or of one in another region.
    """
    if Token.is_unresolved(arn):
        return arn
    found = _INSTANCE_ARN.fullmatch(arn)
    if not found:
        raise ValueError(
            f"instance_arn {arn!r} is not the ARN of an Amazon Connect instance: "
            "use arn:aws:connect:{region}:{account}:instance/{instance id}, as the console's overview shows it"
        )
    region = Stack.of(scope).region
    if not Token.is_unresolved(region) and found["region"] != region:
        raise ValueError(
            f"the instance is in {found['region']} and this stack in {region}: Connect takes streams, keys and "
            "functions of its own region only; deploy the stack there"
        )
    return arn


def seconds_within(name: str, value: Duration, *, at_least: Duration, at_most: Duration) -> int:
    """Return *value* in seconds.

    Raises:
        ValueError: If it lies outside the two bounds.
    """
    seconds = int(value.to_seconds())
    if not at_least.to_seconds() <= seconds <= at_most.to_seconds():
        raise ValueError(
            f"{name} of {value.to_human_string()} is out of range: choose {at_least.to_human_string()} to "
            f"{at_most.to_human_string()}"
        )
    return seconds


def quoted(values: Sequence[str]) -> str:
    """Write *values* for an error message: ``'a', 'b'``."""
    return ", ".join(map(repr, values))
