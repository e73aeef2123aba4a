"""Permissions for roles: the fewest actions, with the use of the key that goes with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal
from weakref import WeakKeyDictionary

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sqs as sqs

# ARN and region of keys. One key is allowed to many, and to ask for both takes four messages to the CDK's process.
_KEYS: Final = WeakKeyDictionary[kms.IKey, tuple[str, str]]()


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
    table: dynamodb.ITable,
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
    if key not in _KEYS:
        _KEYS[key] = key.key_arn, key.env.region
    arn, region = _KEYS[key]
    return iam.Grant.add_to_principal(
        grantee=grantee,
        actions=["kms:Decrypt", "kms:GenerateDataKey"] if write else ["kms:Decrypt"],
        resource_arns=[arn],
        # The key's region, which for an imported one is that of its ARN, not that of the stack it is named in. The
        # suffix is the same in all partitions (AWS KMS Developer Guide, "kms:ViaService").
        conditions={"StringEquals": {"kms:ViaService": f"{service}.{region}.amazonaws.com"}},
    )


def allow_secret(grantee: iam.IGrantable, secret: secretsmanager.ISecret) -> iam.Grant:
    """Allow reading *secret*, and the use of its key that goes with it."""
    # Secrets Manager ends the ARN of a secret with six characters, which one imported by name or partial ARN is known
    # without (AWS Secrets Manager User Guide, "Secret ARN").
    arn = secret.secret_full_arn or f"{secret.secret_arn}-??????"
    grant = iam.Grant.add_to_principal(grantee=grantee, actions=["secretsmanager:GetSecretValue"], resource_arns=[arn])
    key = secret.encryption_key
    return grant.combine(allow_key(grantee, key, "secretsmanager", write=False)) if key else grant


def allow_messages(grantee: iam.IGrantable, queue: sqs.IQueue, *actions: str) -> iam.Grant:
    """Allow *actions* on the messages of *queue*, and the use of its key that goes with them.

    ``sqs.IQueue.grant_*`` also allow every way of using the key.
    """
    grant = iam.Grant.add_to_principal(grantee=grantee, actions=list(actions), resource_arns=[queue.queue_arn])
    key = queue.encryption_master_key
    return grant.combine(allow_key(grantee, key, "sqs", write="sqs:SendMessage" in actions)) if key else grant
