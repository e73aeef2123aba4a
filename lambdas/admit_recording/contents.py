"""Which recording of a call stands for others with the same bytes.

The same bytes come again: an SDK repeats a PUT whose answer got lost, an object is copied in place for another key or
other metadata, a recording is put under a second key. Each of them is another version or object for S3, with an ETag of
its own where KMS encrypts, and another recording to us. They are told to be the same by the checksum that S3 keeps of
the whole object.

One item for each content of a call names the recording that is, or was, transcribed: its *holder*. It is taken and
passed on by conditional writes, so that of any number of recordings with one content exactly one gets through. A holder
that failed, was rejected or is gone loses it to the next, in one transaction with a look at the holder's claim: the
failed one, should it be repeated at that very moment, finds the content taken.

What cannot be told: an object of which S3 keeps no checksum of the whole (multipart uploads with a composite one, old
objects in buckets encrypted with KMS), and two objects whose checksums are of different kinds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from callscribe.aws_refusals import cancellation_codes
from callscribe.contract.schema import SCHEMA_VERSION
from callscribe.contract.table_keys import CALL_INDEX, EXPIRY, call_partition, claim_key, claim_range, content_key
from lambdas.admit_recording.objects import digest_in
from lambdas.common.claims import IN_PROGRESS, REPEATABLE, ClaimStatus
from lambdas.common.errors import TransientError, error_code

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3 import S3Client

    from callscribe.contract.table_keys import ItemKey
    from callscribe.recordings.calls import CallRecording
    from lambdas.admit_recording.objects import StoredObject
    from lambdas.common.claims import Claims

# A lost conditional write means somebody else made progress, so a few rounds always suffice.
_MAX_ROUNDS: Final = 5
_CONDITION_FAILED: Final = "ConditionalCheckFailed"
# A claim of these has no transcript, and none is to be expected of it.
_WITHOUT_TRANSCRIPT: Final = REPEATABLE | {ClaimStatus.KEPT, ClaimStatus.DUPLICATE}


@dataclass(frozen=True, kw_only=True)
class Ours:
    """The content belongs to the recording itself.

    Attributes:
        earlier_holder: Of the recordings that held it before, whose work came to nothing, the last one that may have
            been paid for; `None` if there was none, or if nothing is known of the content.
    """

    earlier_holder: str | None = None


@dataclass(frozen=True, kw_only=True)
class Held:
    """The content belongs to another recording of the call.

    Attributes:
        recording_id: That recording.
        in_progress: Whether an execution works on it.
        covered: Whether the call's live transcript stands for it.
    """

    recording_id: str
    in_progress: bool
    covered: bool


class Contents:
    """The contents of the recordings in one table.

    Args:
        table: The table of transcripts and claims.
        claims: The claims in that table.
        s3: Client that may read the recordings.
    """

    def __init__(self, *, table: Table, claims: Claims, s3: S3Client) -> None:
        self._table = table
        self._claims = claims
        self._s3 = s3

    def take(
        self, stored: StoredObject, call: CallRecording, *, execution: str, now: datetime, wanted: bool = False
    ) -> Ours | Held:
        """Make a claimed recording the holder of its content, unless another one is that with good reason.

        Args:
            stored: The recording, which our execution has claimed.
            call: Its call.
            execution: Our execution, which works on no other recording any more.
            now: The time.
            wanted: Whether it is to be transcribed although a live transcript stands for the holder.

        Raises:
            TransientError: Others kept changing the holder.
        """
        if stored.digest is None:
            return Ours()
        ours = stored.provenance.recording_id
        key = content_key(call.clinic_id, call.call_id, call.kind, stored.size_bytes, stored.digest)
        for _ in range(_MAX_ROUNDS):
            item = self._table.get_item(Key=key.primary(), ConsistentRead=True).get("Item")
            if item is None:
                self._create(key, self._earlier(stored, call) or ours, now=now)
                continue
            holder = str(item["recording_id"])
            if holder == ours:
                return _ours(ours, item.get("earlier_holder"))
            claim = self._claims.get(holder)
            if claim is not None and not _given_up(claim, execution=execution, now=now, wanted=wanted):
                return _held(claim)
            earlier = _paid_for(holder, claim, before=item.get("earlier_holder"))
            if self._pass_on(key, holder, claim, ours, earlier=earlier, now=now):
                return _ours(ours, earlier)
        raise TransientError("Content.Contention", "the holder of the recording's content was changed all the time")

    def _earlier(self, stored: StoredObject, call: CallRecording) -> str | None:
        """Return a recording of the call with this content that was claimed before contents were noted."""
        index = self._table.query(
            IndexName=CALL_INDEX,
            KeyConditionExpression=Key("GSI1PK").eq(call_partition(call.call_id))
            & Key("GSI1SK").begins_with(claim_range(call.kind)),
            ProjectionExpression="PK",
            Select="SPECIFIC_ATTRIBUTES",
        )
        for found in index["Items"]:
            claim = self._claims.get(str(found["PK"]).partition("#")[2])
            if claim is None or claim["recording_id"] == stored.provenance.recording_id or "digest" in claim:
                continue
            if claim["clinic_id"] != call.clinic_id:
                continue
            if claim["size_bytes"] == stored.size_bytes and self._digest_of(claim) == stored.digest:
                return str(claim["recording_id"])
        return None

    def _digest_of(self, claim: Mapping[str, Any]) -> str | None:
        version = {"VersionId": claim["version_id"]} if "version_id" in claim else {}
        try:
            head = self._s3.head_object(Bucket=claim["bucket"], Key=claim["s3_key"], ChecksumMode="ENABLED", **version)
        except ClientError as error:
            # Gone, hidden behind a delete marker (405), or in a bucket that is not ours to read any more.
            if error_code(error) in {"400", "403", "404", "405", "NoSuchKey", "NoSuchVersion", "NoSuchBucket"}:
                return None
            raise
        return digest_in(head) if "version_id" in claim or head["ETag"].strip('"') == claim["etag"] else None

    def _create(self, key: ItemKey, holder: str, *, now: datetime) -> None:
        item: dict[str, Any] = {
            **key.attributes(),
            "type": "content",
            "schema_version": SCHEMA_VERSION,
            "recording_id": holder,
            "updated_at": now.isoformat(),
        }
        if self._claims.retention is not None:
            item[EXPIRY] = int((now + self._claims.retention).timestamp())
        try:
            self._table.put_item(Item=item, ConditionExpression="attribute_not_exists(PK)")
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise

    def _pass_on(
        self,
        key: ItemKey,
        holder: str,
        claim: Mapping[str, Any] | None,
        heir: str,
        *,
        earlier: str,
        now: datetime,
    ) -> bool:
        """Make *heir* the holder, provided that nothing has changed; False if something has."""
        try:
            self._table.meta.client.transact_write_items(
                TransactItems=[
                    {
                        "Update": {
                            "TableName": self._table.name,
                            "Key": key.primary(),
                            "UpdateExpression": "SET recording_id = :heir, earlier_holder = :earlier,"
                            " updated_at = :now",
                            "ConditionExpression": "recording_id = :holder",
                            "ExpressionAttributeValues": {
                                ":heir": heir,
                                ":holder": holder,
                                ":earlier": earlier,
                                ":now": now.isoformat(),
                            },
                        }
                    },
                    {"ConditionCheck": self._unchanged(holder, claim)},
                ]
            )
        except ClientError as error:
            if _CONDITION_FAILED in cancellation_codes(error.response):
                return False
            raise
        return True

    def _unchanged(self, holder: str, claim: Mapping[str, Any] | None) -> Any:
        check = {"TableName": self._table.name, "Key": claim_key(holder, None, None).primary()}
        if claim is None:
            return {**check, "ConditionExpression": "attribute_not_exists(PK)"}
        return {
            **check,
            "ConditionExpression": "#status = :status AND execution = :execution AND lease_until = :until",
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": {
                ":status": claim["status"],
                ":execution": claim["execution"],
                ":until": claim["lease_until"],
            },
        }


def _given_up(claim: Mapping[str, Any], *, execution: str, now: datetime, wanted: bool) -> bool:
    status = ClaimStatus(str(claim["status"]))
    if status in IN_PROGRESS:
        return claim["execution"] == execution or int(claim["lease_until"]) < now.timestamp()
    return status in _WITHOUT_TRANSCRIPT or (wanted and status is ClaimStatus.COVERED)


def _paid_for(holder: str, claim: Mapping[str, Any] | None, *, before: object) -> str:
    """Return who may have been paid for: a holder that asked nobody leaves that to the one before it."""
    asked = claim is None or int(claim["deepgram_requests"]) > 0
    return holder if asked or before is None else str(before)


def _ours(recording_id: str, earlier: object) -> Ours:
    # A recording that gets its content back has its own reply anyway.
    return Ours(earlier_holder=None if earlier in (None, recording_id) else str(earlier))


def _held(claim: Mapping[str, Any]) -> Held:
    status = ClaimStatus(str(claim["status"]))
    return Held(
        recording_id=str(claim["recording_id"]),
        in_progress=status in IN_PROGRESS,
        covered=status is ClaimStatus.COVERED,
    )
