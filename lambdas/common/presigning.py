"""A URL by which somebody can fetch one recording, and nothing else, for a few minutes.

The URL is signed by a role that can only read recordings, with a session narrowed further to the one object and
version: whoever gets hold of the URL, or of the session behind it, has that recording and no other.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from lambdas.common.aws import S3_CONFIG
from lambdas.common.errors import SafeError, error_code

if TYPE_CHECKING:
    from datetime import timedelta

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sts import STSClient

    from callscribe.recordings.recording import RecordingObject

# IAM User Guide, "IAM and AWS STS quotas".
_MAX_POLICY_CHARACTERS = 2048
_MIN_SESSION_SECONDS = 900


class RecordingUnavailable(SafeError):
    """The recording was deleted or replaced after it was admitted."""


class Presigner:
    """Signs URLs with the presigning role.

    Args:
        sts: Client that may assume the role.
        role_arn: The presigning role.
        region: Region of the recordings.
        lifetime: How long a URL is good for; it only has to cover the download.
    """

    def __init__(self, *, sts: STSClient, role_arn: str, region: str, lifetime: timedelta) -> None:
        self._sts = sts
        self._role_arn = role_arn
        self._region = region
        self._lifetime = lifetime

    def presign(self, recording: RecordingObject) -> str:
        """Return a URL for a GET of exactly this recording.

        The object is looked at first, since a call may have waited for hours: a request that could only fail, or
        that would get something else, is not sent. In a bucket without versions the content could still change
        between this look and the download, moments later.

        Raises:
            RecordingUnavailable: The recording is gone (`RecordingMissing`) or was replaced (`RecordingReplaced`).
        """
        s3 = self._narrowed_client(recording)
        target = {"Bucket": recording.bucket, "Key": recording.key}
        if recording.version_id is not None:
            target["VersionId"] = recording.version_id
        try:
            head = s3.head_object(**target)  # type: ignore[arg-type]
        except ClientError as error:
            # Without the right to list the bucket, which the role does not have, S3 answers 403 for a missing object.
            if error_code(error) in {"403", "404"}:
                raise RecordingUnavailable(
                    "RecordingMissing", "the recording was deleted, or the presigning role may not read it"
                ) from None
            raise
        if head["ETag"].strip('"') != recording.etag:
            raise RecordingUnavailable("RecordingReplaced", "the recording was replaced; the new one has its own event")
        return s3.generate_presigned_url("get_object", Params=target, ExpiresIn=int(self._lifetime.total_seconds()))

    def _narrowed_client(self, recording: RecordingObject) -> S3Client:
        credentials = self._sts.assume_role(
            RoleArn=self._role_arn,
            RoleSessionName=f"callscribe-{recording.recording_id[:40]}",
            Policy=session_policy(recording, partition=self._role_arn.split(":")[1], region=self._region),
            DurationSeconds=max(_MIN_SESSION_SECONDS, int(self._lifetime.total_seconds())),
        )["Credentials"]
        return boto3.client(
            "s3",
            region_name=self._region,
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
            config=S3_CONFIG,
        )


def session_policy(recording: RecordingObject, *, partition: str, region: str) -> str:
    """Return the policy that leaves of the presigning role only the right to read this recording.

    A key too long for a session policy ends in a wildcard. In a bucket with versions the policy still fits the one
    object only, because it names the version.
    """
    resource = f"arn:{partition}:s3:::{recording.bucket}/{_literal(recording.key)}"
    policy = _policy(recording, resource=resource, region=region)
    excess = 1
    while len(policy) > _MAX_POLICY_CHARACTERS:
        shortened = recording.key[:-excess]
        policy = _policy(
            recording, resource=f"arn:{partition}:s3:::{recording.bucket}/{_literal(shortened)}*", region=region
        )
        excess += 1
    return policy


def _policy(recording: RecordingObject, *, resource: str, region: str) -> str:
    read: dict[str, Any] = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": resource}
    if recording.version_id is not None:
        read["Action"] = "s3:GetObjectVersion"
        read["Condition"] = {"StringEquals": {"s3:VersionId": recording.version_id}}
    decrypt = {
        "Effect": "Allow",
        "Action": "kms:Decrypt",
        "Resource": "*",
        # The suffix is the same in all partitions (AWS KMS Developer Guide, "kms:ViaService").
        "Condition": {"StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [read, decrypt]}, separators=(",", ":"))


def _literal(key: str) -> str:
    """Write a key so that IAM takes none of its characters for a wildcard (IAM User Guide, "Policy variables")."""
    return "".join(f"${{{character}}}" if character in "*?$" else character for character in key)
