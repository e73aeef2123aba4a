"""Brings shards to what the table has.

A change says only which call has changed, or may have. What the call is now is read after the part was read in which it
stands, and the part is written only if nobody has written it since: whoever comes later has read later. So it does not
matter in which order changes come, how often, or how many work on them.
"""

from __future__ import annotations

import gzip
import random
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
from boto3.dynamodb.conditions import Key

from callscribe.contract.object_keys import SEARCH_STATE, clinic_shards, shard_part_key, shard_part_of
from callscribe.contract.table_keys import EXPIRY, clinic_partition, has_expired, transcript_key, transcript_range
from callscribe.documents import InvalidDocument, from_document
from callscribe.search.shards import (
    FIGURES,
    FIRST,
    IDENTITY,
    MOST_BYTES,
    CallKey,
    Entry,
    Part,
    SearchState,
    entry_of,
    part_of,
    read_part,
    version_of,
    written_part,
)
from callscribe.serialization import decode_json, encode_json
from callscribe.table_values import plain
from lambdas.common.archive import TooLarge
from lambdas.common.errors import TransientError
from lambdas.common.items import items_by_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3 import S3Client

    from callscribe.transcript import Transcript
    from lambdas.common.archive import Archive, ArchivedObject

_MOST_ATTEMPTS: Final = 8
_BASE_DELAY_SECONDS: Final = 0.05
_READERS: Final = 8


@dataclass(frozen=True, kw_only=True)
class Updated:
    """What was done.

    Attributes:
        calls: Calls that were looked at.
        without_words: Those of them whose document is not there or cannot be read.
    """

    calls: int = 0
    without_words: int = 0

    def __add__(self, other: Updated) -> Updated:
        return Updated(calls=self.calls + other.calls, without_words=self.without_words + other.without_words)


class _Changed(Exception):
    """Somebody else has written, or divided, a part meanwhile."""


class Shards:
    """What is searched, of all clinics.

    Args:
        table: The table of transcripts.
        archive: Where the documents are.
        shards: Where the shards are.
        s3: Lists them.
        most_bytes: Size from which on a part is divided.
        pause: Waits some seconds.
        clock: Tells the time, in seconds since 1970.
    """

    def __init__(
        self,
        *,
        table: Table,
        archive: Archive,
        shards: Archive,
        s3: S3Client,
        most_bytes: int = MOST_BYTES,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._table = table
        self._archive = archive
        self._shards = shards
        self._s3 = s3
        self._most_bytes = most_bytes
        self._pause = pause
        self._clock = clock

    def update(self, clinic_id: str, keys: Sequence[CallKey]) -> Updated:
        """Bring some calls of a clinic to what the table has of them.

        Raises:
            TransientError: Others keep writing the same part, or a service throttles.
        """
        by_month: dict[str, set[CallKey]] = {}
        for key in keys:
            by_month.setdefault(key.month, set()).add(key)
        return sum((self._update_month(clinic_id, month, by_month[month]) for month in sorted(by_month)), Updated())

    def update_month(self, clinic_id: str, month: str, *, after: str | None, most: int) -> tuple[Updated, str | None]:
        """Bring the next calls of a month to what the table has, those that it has no more among them.

        Args:
            clinic_id: The clinic.
            month: The month, yyyy-mm.
            after: The place behind which to go on; None at the begin of the month.
            most: How many calls at once.

        Returns:
            What was done, and where to go on; None at the end of the month.
        """
        keys = {*self._stored(clinic_id, month), *self._indexed(clinic_id, month)}
        left = sorted((key for key in keys if after is None or key.place > after), key=lambda key: key.place)
        done = self.update(clinic_id, left[:most])
        return done, left[most - 1].place if len(left) > most else None

    def _stored(self, clinic_id: str, month: str) -> Iterator[CallKey]:
        """The calls of a month that the table has."""
        days = Key("SK").between(transcript_range(f"{month}-01"), f"{transcript_range(f'{month}-31')}\uffff")
        condition = Key("PK").eq(clinic_partition(clinic_id)) & days
        start: dict[str, Any] = {}
        while True:
            page = self._table.query(
                KeyConditionExpression=condition, ProjectionExpression="SK", ConsistentRead=True, **start
            )
            yield from filter(None, (CallKey.of_sort_key(str(item["SK"])) for item in page["Items"]))
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def _indexed(self, clinic_id: str, month: str) -> Iterator[CallKey]:
        """The calls of a month that are searched."""
        for name in self._names(clinic_id, month):
            archived = self._shards.read(shard_part_key(clinic_id, month, name))
            part = Part() if archived is None else read_part(archived.content)
            yield from (entry.key for entry in (*part.entries, *part.moving))

    def begin(self, *, now: datetime) -> None:
        """Note since when changes have been followed, unless that is noted."""
        state = SearchState(since=now.isoformat())
        if self._shards.read(SEARCH_STATE) is None:
            self._shards.write_over(None, SEARCH_STATE, encode_json(state))

    def complete(self, *, now: datetime) -> None:
        """Note that nothing is left of what was stored before.

        Raises:
            TransientError: Somebody else has noted something at this moment.
        """
        seen = self._shards.read(SEARCH_STATE)
        known = SearchState(since=now.isoformat()) if seen is None else decode_json(SearchState, seen.content, "state")
        if not self._shards.write_over(seen, SEARCH_STATE, encode_json(msgspec.structs.replace(known, whole=True))):
            raise TransientError("Search.Changed", "the state of the search has changed at this moment")

    def _update_month(self, clinic_id: str, month: str, keys: set[CallKey]) -> Updated:
        done = Updated()
        for attempt in range(_MOST_ATTEMPTS):
            if attempt:
                self._pause(random.uniform(0, _BASE_DELAY_SECONDS * 2**attempt))  # noqa: S311
            names = self._names(clinic_id, month)
            by_part: dict[str, list[CallKey]] = {}
            for key in keys:
                by_part.setdefault(part_of(names, key), []).append(key)
            for name, some in by_part.items():
                try:
                    done += self._update_part(clinic_id, month, name, some, before=_before(names, name))
                except _Changed:
                    continue
                keys = keys.difference(some)
            if not keys:
                return done
        raise TransientError("Search.Changed", "others keep writing the same part of a shard")

    def _names(self, clinic_id: str, month: str) -> list[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._shards.bucket, Prefix=f"{clinic_shards(clinic_id)}{month}/"
        )
        return sorted(shard_part_of(entry["Key"])[1] for page in pages for entry in page.get("Contents", []))

    def _update_part(
        self, clinic_id: str, month: str, name: str, keys: Sequence[CallKey], before: str | None
    ) -> Updated:
        """Bring the calls of one part to what they are.

        Raises:
            _Changed: It was written or divided meanwhile; nothing of it was lost.
        """
        if before is not None:
            # Where whoever divided it died, the part before has words of this one still.
            self._read(clinic_id, month, before)
        seen, part = self._read(clinic_id, month, name)
        if (seen is None and name != FIRST) or not all(map(part.has, keys)):
            raise _Changed
        changes = self._as_they_are(clinic_id, keys, {entry.key: entry for entry in part.entries})
        done = Updated(
            calls=len(keys), without_words=sum(entry is not None and entry.text is None for entry in changes.values())
        )
        changed = part.changed(changes, now=self._clock())
        if changed.entries == part.entries:
            return done
        content = written_part(changed)
        if len(content) > self._most_bytes and len(changed.entries) > 1:
            changed = changed.divided()
            content = written_part(changed)
        if not self._shards.write_over(seen, shard_part_key(clinic_id, month, name), content):
            raise _Changed
        if changed.moving:
            with suppress(_Changed):  # whoever has changed it since has finished that
                self._read(clinic_id, month, name)
        return done

    def _read(self, clinic_id: str, month: str, name: str) -> tuple[ArchivedObject | None, Part]:
        """Return a part; one that is being divided is divided first.

        Raises:
            _Changed: It was divided here, or is by somebody else: what is there now has to be asked for.
        """
        place = shard_part_key(clinic_id, month, name)
        seen = self._shards.read(place)
        if seen is None:
            return None, Part()
        part = read_part(seen.content)
        if not part.moving:
            return seen, part
        assert part.until is not None  # noqa: S101 - what moves goes somewhere
        new = shard_part_key(clinic_id, month, part.until)
        if self._shards.write_over(None, new, written_part(part.split_off())) or self._shards.read(new) is not None:
            self._shards.write_over(seen, place, written_part(part.let_go()))
        raise _Changed

    def _as_they_are(
        self, clinic_id: str, keys: Sequence[CallKey], known: Mapping[CallKey, Entry]
    ) -> dict[CallKey, Entry | None]:
        partition = clinic_partition(clinic_id)
        sort_keys = {key: transcript_key(clinic_id, key.day, key.call_id, key.kind).sk for key in keys}
        wanted = {*FIGURES, *IDENTITY}
        items = items_by_key(self._table, [(partition, sk) for sk in sort_keys.values()], wanted, consistent=True)

        def entry(key: CallKey) -> Entry | None:
            stored = items.get((partition, sort_keys[key]))
            if stored is None or stored.get("type") != "transcript":
                return None
            item = plain(stored)
            if has_expired(item.get(EXPIRY), now=self._clock()):
                return None
            earlier = known.get(key)
            if earlier is not None and earlier.text is not None and earlier.version == version_of(item):
                now = entry_of(key, item, None)
                return msgspec.structs.replace(now, text=earlier.text, starts=earlier.starts, roles=earlier.roles)
            return entry_of(key, item, self._transcript(item))

        with ThreadPoolExecutor(_READERS) as readers:
            return dict(zip(keys, readers.map(entry, keys), strict=True))

    def _transcript(self, item: Mapping[str, Any]) -> Transcript | None:
        try:
            document = self._archive.read(item["transcript_key"])
            return None if document is None else from_document(document.content)
        except (TooLarge, InvalidDocument, gzip.BadGzipFile, EOFError, zlib.error):
            return None


def _before(names: Sequence[str], name: str) -> str | None:
    return max((other for other in names if other < name), default=None)
