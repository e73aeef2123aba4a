"""The calls in a deployed table and archive, for reading."""

from __future__ import annotations

import gzip
import random
import time
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError

from callscribe.contract.object_keys import live_document_key
from callscribe.contract.table_keys import (
    CALL_INDEX,
    FAILED_PARTITION,
    LISTED_ATTRIBUTES,
    LISTING_INDEX,
    call_partition,
    clinic_key,
    clinic_partition,
    disputed_clinics_partition,
    transcript_range,
)
from callscribe.conversation.flags import flag_names
from callscribe.documents import InvalidDocument, from_document
from callscribe.judgement.quality import InvalidRubric, load_rubric, score
from callscribe.serialization import decode_json

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3.client import S3Client

FAILED_ADMISSION = "failed-admission"
"""Type of the item of an admission that failed; there may be no claim."""
FAILED_STATUSES = ("failed", "rejected")
"""Statuses of a claim whose recording is not transcribed until somebody repeats it."""
IN_PROGRESS = ("claimed", "transcribed", "stored")
"""Statuses of a claim whose execution is not over."""
# A day of speech is less: one hour of two channels is about 4 MB.
_LARGEST_DOCUMENT = 128 * 1024 * 1024
# What DynamoDB reads at once (API Reference, "BatchGetItem").
_BATCH = 100
_MOST_ROUNDS = 6
_BASE_DELAY_SECONDS = 0.1
_UNLISTED = sorted({"flags", "flag_set", "reliability", *flag_names()} - {*LISTED_ATTRIBUTES})


class CallStore:
    """Reads the calls of one environment.

    Args:
        table: Transcripts and claims.
        s3: Client that may read the archive.
    """

    def __init__(self, *, table: Table, s3: S3Client) -> None:
        self._table = table
        self._s3 = s3

    def of_clinic(self, clinic_id: str, *, day: str | None, limit: int) -> list[dict[str, Any]]:
        """The transcripts of a clinic without their words, the newest call first; *day* (yyyy-mm-dd) picks one day.

        Not all flags are in the list: see :meth:`with_flags`.

        Transcripts that were stored before the table had its list are not among them; see :meth:`unlisted`.
        """
        clinic = Key("GSI2PK").eq(clinic_partition(clinic_id))
        condition = clinic if day is None else clinic & Key("GSI2SK").begins_with(day)

        def page(**start: Any) -> Mapping[str, Any]:
            return self._table.query(
                IndexName=LISTING_INDEX,
                KeyConditionExpression=condition,
                ScanIndexForward=False,
                Limit=limit,
                **start,
            )

        return list(islice(items_of(page), limit))

    def with_flags(self, listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Listed transcripts with the flags that their list has no room for, read from the items in batches.

        That costs half a read unit for each 4 KB of an item, its words included (DynamoDB Developer Guide, "Read
        consistency"): some five for a call of ten minutes, so that a list of fifty takes 250 units. What cannot be
        read, or has been deleted since, stays as it is.
        """
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for first in range(0, len(listed), _BATCH):
            keys = [{"PK": item["PK"], "SK": item["SK"]} for item in listed[first : first + _BATCH]]
            found |= {(item["PK"], item["SK"]): item for item in self._read(keys)}
        return [item | found.get((item["PK"], item["SK"]), {}) for item in listed]

    def _read(self, keys: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        names = {f"#{number}": name for number, name in enumerate(("PK", "SK", *_UNLISTED))}
        for attempt in range(_MOST_ROUNDS):
            if attempt:
                time.sleep(random.uniform(0, _BASE_DELAY_SECONDS * 2**attempt))  # noqa: S311
            answer = self._table.meta.client.batch_get_item(
                RequestItems={
                    self._table.name: {
                        "Keys": keys,
                        "ProjectionExpression": ", ".join(names),
                        "ExpressionAttributeNames": names,
                    }
                }
            )
            yield from answer["Responses"].get(self._table.name, [])
            unread = answer["UnprocessedKeys"].get(self._table.name)
            if unread is None:
                return
            keys = [{"PK": key["PK"], "SK": key["SK"]} for key in unread["Keys"]]

    def unlisted(self, clinic_id: str) -> bool:
        """Whether a clinic has transcripts that :meth:`of_clinic` does not find: its oldest one tells."""
        oldest = self._table.query(
            KeyConditionExpression=Key("PK").eq(clinic_partition(clinic_id))
            & Key("SK").begins_with(transcript_range()),
            ProjectionExpression="GSI2PK",
            Limit=1,
        )["Items"]
        return bool(oldest) and "GSI2PK" not in oldest[0]

    def knows(self, clinic_id: str) -> bool:
        """Whether there is any transcript of a clinic."""
        condition = Key("PK").eq(clinic_partition(clinic_id)) & Key("SK").begins_with(transcript_range())
        return bool(self._table.query(KeyConditionExpression=condition, ProjectionExpression="PK", Limit=1)["Items"])

    def of_call(self, call_id: str) -> list[dict[str, Any]]:
        """Everything about a call: its transcripts, and the claims on its recordings."""
        condition = Key("GSI1PK").eq(call_partition(call_id))

        def page(**start: Any) -> Mapping[str, Any]:
            return self._table.query(IndexName=CALL_INDEX, KeyConditionExpression=condition, **start)

        return list(items_of(page))

    def failed(self, *, limit: int) -> list[dict[str, Any]]:
        """What failed or was rejected, the latest first: claims, and admissions that came to none."""

        def page(**start: Any) -> Mapping[str, Any]:
            return self._table.query(
                IndexName=LISTING_INDEX,
                KeyConditionExpression=Key("GSI2PK").eq(FAILED_PARTITION),
                ScanIndexForward=False,
                ProjectionExpression="PK, SK",
                **start,
            )

        # The list has their keys, and figures of transcripts; what happened to them is on the items.
        found = (self._table.get_item(Key=key).get("Item") for key in items_of(page))
        return list(islice((item for item in found if item and item.get("GSI2PK") == FAILED_PARTITION), limit))

    def unfinished(self) -> Iterator[dict[str, Any]]:
        """What failed or was rejected, and the claims in progress, in no order. Reads the whole table."""
        condition = Attr("type").is_in(["claim", FAILED_ADMISSION]) & Attr("status").is_in(
            [*FAILED_STATUSES, *IN_PROGRESS]
        )

        def page(**start: Any) -> Mapping[str, Any]:
            return self._table.scan(FilterExpression=condition, **start)

        return items_of(page)

    def clinic_of(self, call_id: str) -> dict[str, Any] | None:
        """The decision whose call it is; ``None`` where there is none, as of calls from before decisions were kept."""
        return self._table.get_item(Key=clinic_key(call_id).primary(), ConsistentRead=True).get("Item")

    def disputed(self, day: str, *, limit: int) -> list[dict[str, Any]]:
        """The decisions that something new spoke against last on this day (yyyy-mm-dd, UTC)."""
        condition = Key("GSI1PK").eq(disputed_clinics_partition(day))

        def page(**start: Any) -> Mapping[str, Any]:
            return self._table.query(IndexName=CALL_INDEX, KeyConditionExpression=condition, **start)

        return list(islice(items_of(page), limit))

    def whole(self, item: dict[str, Any]) -> dict[str, Any]:
        """*item* with what was too large for it and is in the archive only."""
        missing = item.get("only_in_s3")
        if not missing:
            return item
        document = decode_json(
            dict[str, Any], self._document(item["archive_bucket"], item["transcript_key"]), "the document"
        )
        return item | {name: _of_document(document, name) for name in missing if name in document}

    def live_score(self, item: Mapping[str, Any], live_call: Mapping[str, Any]) -> dict[str, Any] | None:
        """The score that the live transcript of a call has by the rubric of its recording, whose transcript shows now.

        It is computed from the document, which stays in the archive when that of the recording takes its place.

        Args:
            item: Transcript of the recording, with its score.
            live_call: State of the live call.

        Returns:
            None where the rubric is not known here in the version that the recording was scored by, as one of
            somebody's own, or the document is gone or unreadable.
        """
        quality = item["quality"]
        key = live_document_key(live_call["clinic_id"], live_call["day"], live_call["call_id"])
        try:
            rubric = load_rubric(quality["rubric"])
            if rubric.version != int(quality["version"]):
                return None
            return score(from_document(self._document(item["archive_bucket"], key)), rubric).to_dict()
        except (InvalidRubric, InvalidDocument):
            return None
        except ClientError as error:
            # Who may not list a bucket is refused what is not there.
            if error.response["Error"]["Code"] in ("NoSuchKey", "AccessDenied"):
                return None
            raise

    def _document(self, bucket: str, key: str) -> bytes:
        with (
            self._s3.get_object(Bucket=bucket, Key=key)["Body"] as packed,
            gzip.GzipFile(fileobj=packed) as unpacked,
        ):
            return unpacked.read(_LARGEST_DOCUMENT)


def _of_document(document: Mapping[str, Any], name: str) -> Any:
    """What stands under *name* on an item, which has of the summary the text only."""
    return document["summary"]["text"] if name == "summary" else document[name]


def items_of(page: Any) -> Iterator[dict[str, Any]]:
    """Every item of a query or scan; reads the next page when it is needed."""
    start: dict[str, Any] = {}
    while True:
        result = page(**start)
        yield from result["Items"]
        if "LastEvaluatedKey" not in result:
            return
        start = {"ExclusiveStartKey": result["LastEvaluatedKey"]}
