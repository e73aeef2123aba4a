"""Where Deepgram's replies and the finished transcripts are kept in full."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from callscribe.contract.object_keys import REPLIES, TRANSCRIPTS
from constructs_lib import _buckets, _checks, _grants, _keys


class TranscriptArchive(Construct):
    """Define an encrypted, versioned bucket for replies (``replies/``) and transcripts (``transcripts/``).

    Args:
        scope: Parent construct.
        construct_id: Identifier, unique in *scope*. Part of the logical ids: renaming it replaces the bucket.
        key: Key that encrypts the objects. Default: a new key with rotation on.
        access_logs: Bucket that server access logs go to. Default: a new bucket that keeps them for a year.
        expire_after: Age at which an object is deleted, whole days. Default: never.
        replies_expire_after: Age at which Deepgram's replies are deleted for good, whole days: they hold what
            ``redact`` leaves out of the transcripts. A call that failed can be repeated from its reply, and an older
            document rebuilt, for as long only; later, a redrive asks Deepgram again. Default: as *expire_after*.
        removal_policy: What deleting the stack does to the objects. Default: keep them.

    Raises:
        ValueError: If an age is not a number of whole days, or *replies_expire_after* longer than *expire_after*.
    """

    bucket: s3.Bucket
    """The replies and transcripts."""
    key: kms.IKey
    """Encrypts :attr:`bucket`."""

    @_checks.takes_objects
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        key: kms.IKey | None = None,
        access_logs: s3.IBucket | None = None,
        expire_after: Duration | None = None,
        replies_expire_after: Duration | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        super().__init__(scope, construct_id)
        self.key = key or _keys.own_key(self, removal_policy=removal_policy, description="Archived transcripts")
        self.bucket = _buckets.private_bucket(
            self,
            "Bucket",
            key=self.key,
            access_logs=access_logs or _buckets.access_log_bucket(self, removal_policy=removal_policy),
            expire_after=expire_after,
            removal_policy=removal_policy,
            lifecycle_rules=_of_replies(replies_expire_after, expire_after),
        )

    def grant_read_transcripts(self, grantee: iam.IGrantable, *, clinic_id: str | None = None) -> iam.Grant:
        """Allow *grantee* to read transcripts, of one clinic or of all, but not Deepgram's replies."""
        prefix = TRANSCRIPTS if clinic_id is None else f"{TRANSCRIPTS}{_checks.check_clinic_id(clinic_id)}/"
        return _grants.allow_objects(grantee, self.bucket, "s3:GetObject", prefix=prefix)


def _of_replies(age: Duration | None, of_all: Duration | None) -> list[s3.LifecycleRule]:
    days = _checks.whole_days("replies_expire_after", age)
    if days is None:
        return []
    if of_all is not None and days > of_all.to_days():
        raise ValueError(
            f"replies_expire_after of {days} days is longer than expire_after of {of_all.to_human_string()}: "
            "everything is deleted by then"
        )
    # Deletion leaves an older version, which goes a day later: S3 counts in whole days.
    return [
        s3.LifecycleRule(prefix=REPLIES, expiration=Duration.days(days), noncurrent_version_expiration=Duration.days(1))
    ]
