"""Sessions in which a request reads: each names one clinic, so that a query for another one's calls is refused by AWS.

The function itself may read no call. It assumes a role that may, with a policy that leaves of it the clinic's partition
of the table and the clinic's folder of the archive (DynamoDB Developer Guide, "Using IAM policy conditions for
fine-grained access control"). There is no other way to a client than by a user, whose clinic it is.
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import boto3

from callscribe.contract.object_keys import SEARCH_STATE, clinic_shards, clinic_transcripts
from callscribe.contract.table_keys import call_partition, clinic_partition, live_calls_partition
from lambdas.call_console.errors import Forbidden, NotFound
from lambdas.common.archive import Archive
from lambdas.common.aws import CONFIG, S3_CONFIG

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sts import STSClient

    from callscribe.console.access import User

_SESSION_SECONDS: Final = 900
"""The shortest that STS offers (AWS STS API Reference, "AssumeRole")."""
_SPARE_SECONDS: Final = 60
"""A session is not used any more when it has less left: longer than any request takes."""
_MOST_SESSIONS: Final = 32
LIVE_DAYS: Final = 7
"""How many days before today (UTC) a clinic's live calls can be read by their day."""


@dataclass(frozen=True, kw_only=True)
class ClinicSession:
    """What one clinic's calls can be read with, and nothing else.

    Attributes:
        clinic_id: The clinic.
        table: The table; queries for other partitions are refused.
        s3: A client for the clinic's folder of the archive.
        archive: The archive; documents of other clinics are refused.
    """

    clinic_id: str
    table: Table
    s3: S3Client
    archive: Archive


@dataclass(frozen=True, kw_only=True)
class SearchSession:
    """What one clinic's words can be searched with, and nothing else.

    Attributes:
        clinic_id: The clinic.
        s3: Lists the clinic's shards.
        shards: Reads them; those of other clinics are refused.
    """

    clinic_id: str
    s3: S3Client
    shards: Archive


class ClinicSessions:
    """Opens sessions, and keeps those of the latest clinics while they last.

    Args:
        sts: Client that may assume the role.
        role_arn: The role that may read calls.
        writer_role_arn: The role that may write what people say of calls.
        region: Where they are.
        table_name: The table.
        archive_bucket: The archive.
        search_bucket: Where the shards are that are searched; None where nothing is.
    """

    def __init__(
        self,
        *,
        sts: STSClient,
        role_arn: str,
        writer_role_arn: str,
        region: str,
        table_name: str,
        archive_bucket: str,
        search_bucket: str | None = None,
    ) -> None:
        self._sts = sts
        self._role_arn = role_arn
        self._writer_role_arn = writer_role_arn
        self._region = region
        self._table_name = table_name
        self._archive_bucket = archive_bucket
        self._search_bucket = search_bucket
        self._kept_searches: OrderedDict[str, tuple[float, SearchSession]] = OrderedDict()
        self._kept: OrderedDict[tuple[str, str | None], tuple[float, ClinicSession]] = OrderedDict()

    def of(self, user: User, clinic_id: str) -> ClinicSession:
        """Return the session of a clinic.

        Raises:
            NotFound: The clinic is not the user's, whether or not there is one.
        """
        if clinic_id not in user.clinics:
            raise NotFound
        return self._kept_or_new(clinic_id, None)

    def of_call(self, clinic: ClinicSession, call_id: str) -> ClinicSession:
        """Return a session that reads what belongs to one call and stands below no clinic: claims, and live words.

        A call id that is no contact's can be another clinic's, too: what is found tells its clinic, and must be asked.

        Args:
            clinic: The session in which the call was found to be the clinic's.
            call_id: The call.
        """
        return self._kept_or_new(clinic.clinic_id, call_id)

    def of_partitions(self, clinic: ClinicSession, partitions: Sequence[str]) -> ClinicSession:
        """Return a session that reads what stands below no clinic, by its partitions, and nothing else.

        What is found tells its clinic, and must be asked.

        Args:
            clinic: Whose calls are looked for.
            partitions: Partition keys of the table or an index.
        """
        return self._open(clinic.clinic_id, partitions)

    def search(self, clinic: ClinicSession) -> SearchSession:
        """Return what the words of a clinic are searched with.

        Args:
            clinic: The clinic's session, which only its people get.

        Raises:
            NotFound: Nothing is searched here.
        """
        if self._search_bucket is None:
            raise NotFound
        kept = self._kept_searches.get(clinic.clinic_id)
        if kept is None or kept[0] <= time.monotonic():
            policy = search_policy(
                clinic.clinic_id, partition=self._role_arn.split(":")[1], search_bucket=self._search_bucket
            )
            keys = self._keys(self._role_arn, clinic.clinic_id, policy)
            s3: S3Client = boto3.client("s3", config=S3_CONFIG, **keys)  # type: ignore[call-overload]
            session = SearchSession(
                clinic_id=clinic.clinic_id, s3=s3, shards=Archive(s3=s3, bucket=self._search_bucket)
            )
            kept = (time.monotonic() + _SESSION_SECONDS - _SPARE_SECONDS, session)
            self._kept_searches[clinic.clinic_id] = kept
        self._kept_searches.move_to_end(clinic.clinic_id)
        while len(self._kept_searches) > _MOST_SESSIONS:
            self._kept_searches.popitem(last=False)
        return kept[1]

    def _kept_or_new(self, clinic_id: str, call_id: str | None) -> ClinicSession:
        kept = self._kept.get((clinic_id, call_id))
        if kept is None or kept[0] <= time.monotonic():
            partitions = _clinics_partitions(clinic_id) if call_id is None else [call_partition(call_id)]
            kept = (time.monotonic() + _SESSION_SECONDS - _SPARE_SECONDS, self._open(clinic_id, partitions))
            self._kept[clinic_id, call_id] = kept
        self._kept.move_to_end((clinic_id, call_id))
        while len(self._kept) > _MOST_SESSIONS:
            self._kept.popitem(last=False)
        return kept[1]

    def writer(self, user: User, clinic_id: str) -> Table:
        """Return the table as one can be written to who says something of a clinic's calls.

        Raises:
            NotFound: The clinic is not the user's, whether or not there is one.
            Forbidden: The user has no role that may.
        """
        if clinic_id not in user.clinics:
            raise NotFound
        if not user.reviews:
            raise Forbidden("it takes the role qa or admin to correct or to review a call")
        keys = self._keys(self._writer_role_arn, clinic_id, writer_policy(clinic_id))
        dynamodb: Any = boto3.resource("dynamodb", config=CONFIG, **keys)  # type: ignore[call-overload]
        table: Table = dynamodb.Table(self._table_name)
        return table

    def _keys(self, role_arn: str, clinic_id: str, policy: str) -> dict[str, str]:
        credentials = self._sts.assume_role(
            RoleArn=role_arn,
            RoleSessionName=f"clinic-{clinic_id}"[:64],
            Policy=policy,
            DurationSeconds=_SESSION_SECONDS,
        )["Credentials"]
        return {
            "region_name": self._region,
            "aws_access_key_id": credentials["AccessKeyId"],
            "aws_secret_access_key": credentials["SecretAccessKey"],
            "aws_session_token": credentials["SessionToken"],
        }

    def _open(self, clinic_id: str, partitions: Sequence[str]) -> ClinicSession:
        policy = session_policy(
            clinic_id,
            partitions,
            partition=self._role_arn.split(":")[1],
            archive_bucket=self._archive_bucket,
        )
        keys = self._keys(self._role_arn, clinic_id, policy)
        s3: S3Client = boto3.client("s3", config=S3_CONFIG, **keys)  # type: ignore[call-overload]
        dynamodb: Any = boto3.resource("dynamodb", config=CONFIG, **keys)  # type: ignore[call-overload]
        return ClinicSession(
            clinic_id=clinic_id,
            table=dynamodb.Table(self._table_name),
            s3=s3,
            archive=Archive(s3=s3, bucket=self._archive_bucket),
        )


def _clinics_partitions(clinic_id: str) -> list[str]:
    """A clinic's transcripts, and its live calls of the days that a session can see: it may last over midnight."""
    today = datetime.now(UTC).date()
    days = [today + timedelta(days=number) for number in range(-LIVE_DAYS, 2)]
    return [clinic_partition(clinic_id), *(live_calls_partition(clinic_id, day.isoformat()) for day in days)]


def session_policy(clinic_id: str, partitions: Sequence[str], *, partition: str, archive_bucket: str) -> str:
    """Return the policy that leaves of the role only what is one clinic's.

    Args:
        clinic_id: The clinic; its id has no character that a policy takes for a wildcard (`CLINIC_ID`).
        partitions: Partition keys of the table and its indexes that may be read.
        partition: Of AWS: `aws`, or that of another part of the world.
        archive_bucket: The archive.
    """
    folder, bucket = clinic_transcripts(clinic_id), f"arn:{partition}:s3:::{archive_bucket}"
    items: dict[str, Any] = {
        "Effect": "Allow",
        "Action": "dynamodb:*",
        "Resource": "*",
        "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": list(partitions)}},
    }
    objects = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{bucket}/{folder}*"}
    listing = {
        "Effect": "Allow",
        "Action": "s3:ListBucket",
        "Resource": bucket,
        "Condition": {"StringLike": {"s3:prefix": f"{folder}*"}},
    }
    decrypt = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [items, objects, listing, decrypt]}, separators=(",", ":"))


def search_policy(clinic_id: str, *, partition: str, search_bucket: str) -> str:
    """Return the policy that leaves of the role only one clinic's shards, and what is known of all of them together."""
    folder, bucket = clinic_shards(clinic_id), f"arn:{partition}:s3:::{search_bucket}"
    objects = {
        "Effect": "Allow",
        "Action": "s3:GetObject",
        "Resource": [f"{bucket}/{folder}*", f"{bucket}/{SEARCH_STATE}"],
    }
    listing = {
        "Effect": "Allow",
        "Action": "s3:ListBucket",
        "Resource": bucket,
        "Condition": {"StringEquals": {"s3:prefix": [folder, SEARCH_STATE]}},
    }
    decrypt = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [objects, listing, decrypt]}, separators=(",", ":"))


def writer_policy(clinic_id: str) -> str:
    """Return the policy that leaves of the writer's role only one clinic's partition of the table."""
    items = {
        "Effect": "Allow",
        "Action": "dynamodb:PutItem",
        "Resource": "*",
        "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [clinic_partition(clinic_id)]}},
    }
    key = {"Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [items, key]}, separators=(",", ":"))
