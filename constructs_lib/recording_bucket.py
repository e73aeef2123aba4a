"""Where Amazon Connect leaves call recordings."""

from __future__ import annotations

from typing import cast

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from constructs_lib import _buckets, _checks, _grants, _keys


class RecordingBucket(Construct):
    """Define an encrypted, versioned bucket that sends EventBridge an event for every new recording.

    Args:
        scope: Parent construct.
        construct_id: Identifier, unique in *scope*. Part of the logical ids: renaming it replaces the bucket.
        key: Key that encrypts the recordings. Default: a new key with rotation on.
        access_logs: Bucket that server access logs go to. Default: a new bucket that keeps them for a year.
        expire_after: Age at which a recording is deleted, whole days. Default: never. A recording that was overwritten
            or deleted can be restored for 30 days.
        removal_policy: What deleting the stack does to the recordings. Default: keep them.

    Raises:
        ValueError: If *expire_after* is not a number of whole days.
    """

    bucket: s3.Bucket
    """The recordings."""
    key: kms.IKey
    """Encrypts :attr:`bucket`."""
    access_logs: s3.IBucket
    """Receives the server access logs of :attr:`bucket`."""

    @_checks.takes_objects
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        key: kms.IKey | None = None,
        access_logs: s3.IBucket | None = None,
        expire_after: Duration | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        super().__init__(scope, construct_id)
        self.key = key or _keys.own_key(self, removal_policy=removal_policy, description="Call recordings")
        self.access_logs = access_logs or _buckets.access_log_bucket(self, removal_policy=removal_policy)
        self.bucket = _buckets.private_bucket(
            self,
            "Bucket",
            key=self.key,
            access_logs=self.access_logs,
            expire_after=expire_after,
            removal_policy=removal_policy,
        )
        # `event_bridge_enabled=True` would bring a custom resource, a Lambda and its role; CloudFormation needs none.
        cast(s3.CfnBucket, self.bucket.node.default_child).add_property_override(
            "NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled", True
        )

    def grant_read(self, grantee: iam.IGrantable, *, prefix: str = "") -> iam.Grant:
        """Allow *grantee* to read and decrypt recordings whose key begins with *prefix*, in any version."""
        return _grants.allow_objects(grantee, self.bucket, "s3:GetObject", "s3:GetObjectVersion", prefix=prefix)

    def grant_put(self, grantee: iam.IGrantable, *, prefix: str = "") -> iam.Grant:
        """Allow *grantee* to add recordings whose key begins with *prefix*."""
        return _grants.allow_objects(grantee, self.bucket, "s3:PutObject", prefix=prefix, write=True)

    @_checks.takes_objects
    def on_recording(
        self,
        construct_id: str,
        *,
        target: events.IRuleTarget,
        suffix: str = ".wav",
        scope: Construct | None = None,
    ) -> events.Rule:
        """Send *target* one event for each new recording whose key ends with *suffix*.

        With *scope*, the rule is defined there: where the target is in a stack that this one does not refer to.

        Raises:
            ValueError: If the target is a queue of another stack, and *scope* is not of that one.
        """
        _checks.check_target(scope or self, target)
        return events.Rule(
            scope or self,
            construct_id,
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={"bucket": {"name": [self.bucket.bucket_name]}, "object": {"key": [{"suffix": suffix}]}},
            ),
            targets=[target],
        )
