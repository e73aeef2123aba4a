"""The calls of one clinic: the list, one of them whole, and its recording."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec
from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from callscribe.console.listing import MOST_ROWS, ROW_PATHS, UNLISTED, CallRow, Position, row_of
from callscribe.contract.call_kind import CallKind
from callscribe.contract.messages import DrawMessage
from callscribe.contract.object_keys import document_key, is_document, waveform_key
from callscribe.contract.table_keys import (
    CALL_INDEX,
    EXPIRY,
    LISTING_INDEX,
    RECORDINGS,
    ROW_ATTRIBUTES,
    ROW_INDEX,
    call_partition,
    claim_range,
    clinic_partition,
    has_expired,
    transcript_key,
)
from callscribe.documents import from_document
from callscribe.recordings.keys import MAX_ID_BYTES
from callscribe.recordings.recording import RecordingObject
from callscribe.serialization import decode_json
from callscribe.table_values import plain
from callscribe.waveform import Waveform
from lambdas.call_console.errors import BadRequest, Conflict, NotFound, Unavailable
from lambdas.common.claims import ClaimStatus
from lambdas.common.errors import TransientError, error_code
from lambdas.common.items import items_by_key
from lambdas.common.presigning import RecordingUnavailable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from mypy_boto3_dynamodb.service_resource import Table

    from callscribe.console.listing import ListQuery
    from callscribe.transcript import Transcript
    from lambdas.call_console.sessions import ClinicSession, ClinicSessions
    from lambdas.common.presigning import Presigner

_MOST_EXAMINED: Final = 1000
"""Most calls that one request looks at, however few of them are wanted."""
# All by placeholders: some names are DynamoDB's own words.
_NAMES: Final = {f"#{name}": name for path in ROW_PATHS for name in path.split(".")}
_ROW_NAMES: Final = tuple(".".join(f"#{name}" for name in path.split(".")) for path in ROW_PATHS)
_OF_RECORDING: Final = frozenset({"PK", "recording_id", "bucket", "s3_key", "version_id", "etag"})
_WHOLE: Final = frozenset({"SK", *ROW_ATTRIBUTES, *UNLISTED, *_OF_RECORDING, "transcript_key", "analysis"})
_NO_INDEX: Final = frozenset({"ValidationException", "ResourceNotFoundException"})
"""DynamoDB's answers to a query of an index that is not there or is being filled."""
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_VERSION: Final = re.compile(r"live|[0-9a-f]{64}")
_LIVE: Final = "live"
_SUFFIX: Final = ".json.gz"


@dataclass(frozen=True, kw_only=True)
class CallPage:
    """Some calls of the list.

    Attributes:
        calls: The calls, the newest first.
        examined: How many were looked at for them.
        cursor: Where the list goes on; None at its end.
    """

    calls: tuple[CallRow, ...]
    examined: int
    cursor: str | None


@dataclass(frozen=True, kw_only=True)
class CallAddress:
    """A call of a clinic.

    Attributes:
        day: Its date, UTC.
        call_id: The call.
        kind: The agent's conversation, or the automated part before it.
    """

    day: str
    call_id: str
    kind: CallKind

    @classmethod
    def of(cls, day: str, call_id: str, kind: str | None) -> CallAddress:
        """Read an address.

        Raises:
            NotFound: No call can be there.
            BadRequest: The kind is none.
        """
        if not _DAY.fullmatch(day) or not 0 < len(call_id.encode("utf-8", "replace")) <= MAX_ID_BYTES:
            raise NotFound
        try:
            return cls(day=day, call_id=call_id, kind=CallKind(kind or CallKind.AGENT))
        except ValueError:
            raise BadRequest(f"kind is none of {', '.join(CallKind)}") from None


@dataclass(frozen=True, kw_only=True)
class Version:
    """A stored transcript of a call.

    Attributes:
        recording_id: The recording; None for the live transcript.
        source: `batch` or `live`.
        stored_at: When it was written last.
        shown: Whether it is the one in the list.
    """

    recording_id: str | None
    source: str
    stored_at: datetime
    shown: bool


@dataclass(frozen=True, kw_only=True)
class WholeCall:
    """A call with all that is known of it. The document is JSON as it is stored.

    Attributes:
        call: Its row.
        document: The transcript document.
        quality: The score.
        analysis: What a language model says.
        versions: All stored transcripts.
        audio: Whether there is a recording.
    """

    call: CallRow
    document: msgspec.Raw
    quality: Mapping[str, Any] | None
    analysis: Mapping[str, Any] | None
    versions: tuple[Version, ...]
    audio: bool


@dataclass(frozen=True, kw_only=True)
class AudioLink:
    """Where a recording can be fetched, for minutes.

    Attributes:
        url: The address, of one object.
        expires_at: When it ends.
    """

    url: str
    expires_at: datetime


class ClinicCalls:
    """Reads the calls of one clinic.

    Args:
        session: What is the clinic's.
        sessions: Opens sessions for what stands by call.
    """

    def __init__(self, session: ClinicSession, sessions: ClinicSessions) -> None:
        self._session = session
        self._sessions = sessions
        self._table = session.table

    def page(self, query: ListQuery) -> CallPage:
        """Return some calls of the list.

        Raises:
            BadRequest: The cursor is outside of the list.
            Unavailable: DynamoDB throttles.
        """
        found: list[CallRow] = []
        position = query.after
        examined = 0
        while examined < _MOST_EXAMINED:
            listed, more = self._listed(query, position)
            for item, row in self._wanted(query, listed):
                examined += 1
                position = Position(item["GSI2SK"], item["SK"])
                if row is not None:
                    found.append(row)
                if len(found) == query.limit:
                    is_last = not more and item is listed[-1]
                    return CallPage(
                        calls=tuple(found), examined=examined, cursor=None if is_last else position.cursor()
                    )
            if not more:
                return CallPage(calls=tuple(found), examined=examined, cursor=None)
        return CallPage(calls=tuple(found), examined=examined, cursor=None if position is None else position.cursor())

    def _listed(self, query: ListQuery, position: Position | None) -> tuple[list[dict[str, Any]], bool]:
        partition = clinic_partition(self._session.clinic_id)
        condition: Any = Key("GSI2PK").eq(partition)
        if query.begins_at is not None and query.ends_before is not None:
            if query.begins_at >= query.ends_before:
                return [], False
            condition &= Key("GSI2SK").between(query.begins_at, query.ends_before)
        elif query.begins_at is not None:
            condition &= Key("GSI2SK").gte(query.begins_at)
        elif query.ends_before is not None:
            condition &= Key("GSI2SK").lt(query.ends_before)
        start = {} if position is None else {"ExclusiveStartKey": position.start_key(self._session.clinic_id)}
        asked: dict[str, Any] = {
            "KeyConditionExpression": condition,
            "ScanIndexForward": False,
            "Limit": MOST_ROWS if query.picks else query.limit,
            "ProjectionExpression": ", ".join(_ROW_NAMES),
            "ExpressionAttributeNames": _NAMES,
            **start,
        }
        try:
            answer = self._table.query(IndexName=ROW_INDEX, **asked)
        except ClientError as error:
            # A table that has no such index yet, or is filling it: what it lacks is read from the items then.
            if error_code(error) not in _NO_INDEX:
                raise
            answer = self._table.query(IndexName=LISTING_INDEX, **asked)
        return answer["Items"], "LastEvaluatedKey" in answer

    def _wanted(
        self, query: ListQuery, listed: list[dict[str, Any]]
    ) -> Iterator[tuple[dict[str, Any], CallRow | None]]:
        """Every listed item with its row, or None where the call is not wanted."""
        candidates = [item for item in listed if query.admits_figures(row_of(plain(item)))]
        # Items that were stored before flags stood together have them one by one, and of some nothing is known.
        incomplete = [(item["PK"], item["SK"]) for item in candidates if "flags" not in item]
        rest = read_items(self._table, incomplete, {*UNLISTED, EXPIRY})
        now = time.time()
        for item in listed:
            key = (item["PK"], item["SK"])
            # An item that is gone since is no call any more.
            is_there = "flags" in item or key in rest
            whole = item | rest.get(key, {})
            row = row_of(plain(whole))
            wanted = is_there and query.admits(row) and not has_expired(whole.get(EXPIRY), now=now)
            yield item, row if wanted else None

    def whole(self, address: CallAddress, *, version: str | None = None) -> WholeCall:
        """Return a call with one of its transcripts.

        Args:
            address: The call.
            version: A recording's id, or `live`; None for the transcript that is shown.

        Raises:
            NotFound: There is none.
        """
        item = item_of(self._session, address, _WHOLE)
        stored = tuple(self._versions(address, item))
        shown = str(item["transcript_key"])
        key = shown if version is None else self._version_key(address, version)
        document = self._session.archive.read(key)
        if document is None:
            raise NotFound
        is_shown = key == shown
        quality, analysis = (plain(item.get(name)) if is_shown else None for name in ("quality", "analysis"))
        return WholeCall(
            call=row_of(plain(item)),
            document=msgspec.Raw(document.content),
            quality=quality,
            analysis=analysis,
            versions=stored,
            audio=self._recording(address, item) is not None,
        )

    def transcript(self, address: CallAddress, *, version: str) -> Transcript:
        """Return one of a call's transcripts.

        Args:
            address: The call.
            version: A recording's id, or `live`.

        Raises:
            NotFound: There is none.
        """
        document = self._session.archive.read(self._version_key(address, version))
        if document is None:
            raise NotFound
        return from_document(document.content)

    def audio(self, address: CallAddress, presigner: Presigner, *, lifetime: timedelta, now: datetime) -> AudioLink:
        """Return where the recording can be fetched.

        Raises:
            NotFound: There is no such call, or no recording of it, or it was deleted.
            Conflict: It was replaced.
        """
        recording = self._recording(address, item_of(self._session, address, _OF_RECORDING))
        if recording is None:
            raise NotFound
        try:
            return AudioLink(url=presigner.presign(recording), expires_at=now.astimezone(UTC) + lifetime)
        except RecordingUnavailable as unavailable:
            if unavailable.code == "RecordingMissing":
                raise NotFound from None
            raise Conflict(unavailable.message) from None

    def waveform(self, address: CallAddress) -> tuple[DrawMessage | None, Waveform | None]:
        """Return what has the waveform of a call's recording drawn, None without a recording, and the waveform.

        Raises:
            NotFound: There is no such call.
        """
        recording = self._recording(address, item_of(self._session, address, _OF_RECORDING))
        if recording is None:
            return None, None
        document = self._version_key(address, recording.recording_id)
        kept = self._session.archive.read(waveform_key(document))
        return (
            DrawMessage(recording_id=recording.recording_id, document=document),
            None if kept is None else decode_json(Waveform, kept.content, "the waveform"),
        )

    def _folder(self, address: CallAddress) -> str:
        name = document_key(self._session.clinic_id, address.day, address.call_id, address.kind, "")
        return name.removesuffix(_SUFFIX)

    def _version_key(self, address: CallAddress, version: str) -> str:
        if not _VERSION.fullmatch(version):
            raise NotFound
        return f"{self._folder(address)}{version}{_SUFFIX}"

    def _versions(self, address: CallAddress, item: Mapping[str, Any]) -> Iterator[Version]:
        folder = self._folder(address)
        # A call has a version for each of its recordings; a page holds a thousand.
        listing = self._session.s3.list_objects_v2(Bucket=self._session.archive.bucket, Prefix=folder)
        for stored in filter(lambda one: is_document(one["Key"]), listing.get("Contents", [])):
            name = stored["Key"].removeprefix(folder).removesuffix(_SUFFIX)
            yield Version(
                recording_id=None if name == _LIVE else name,
                source=_LIVE if name == _LIVE else "batch",
                stored_at=stored["LastModified"],
                shown=stored["Key"] == item["transcript_key"],
            )

    def _recording(self, address: CallAddress, item: Mapping[str, Any]) -> RecordingObject | None:
        """The recording of a call: that of its transcript, else one that a live transcript made needless."""
        if item.get("s3_key") is not None:
            return _recording_of(item)
        claims = self._sessions.of_call(self._session, address.call_id).table.query(
            IndexName=CALL_INDEX,
            KeyConditionExpression=Key("GSI1PK").eq(call_partition(address.call_id))
            & Key("GSI1SK").begins_with(claim_range(address.kind)),
        )["Items"]
        own = [claim for claim in claims if claim.get("clinic_id") == self._session.clinic_id]
        covered = [claim for claim in own if claim.get("status") == ClaimStatus.COVERED]
        newest = max(covered, key=lambda claim: str(claim["created_at"]), default=None)
        return None if newest is None else _recording_of(newest)


def read_items(
    table: Table, keys: Sequence[tuple[str, str]], attributes: Collection[str]
) -> dict[tuple[str, str], dict[str, Any]]:
    """Return items by their PK and SK, without those that are not there.

    Raises:
        Unavailable: DynamoDB throttles.
    """
    try:
        return items_by_key(table, keys, attributes)
    except TransientError:
        raise Unavailable from None


def item_of(session: ClinicSession, address: CallAddress, attributes: Collection[str]) -> dict[str, Any]:
    """Return the item of a call's transcript (strongly consistent).

    Args:
        session: What is the clinic's.
        address: The call.
        attributes: What of it is wanted. The words, which are most of it, stand in the document.

    Raises:
        NotFound: There is none.
    """
    key = transcript_key(session.clinic_id, address.day, address.call_id, address.kind)
    names = {f"#{name}": name for name in {EXPIRY, *attributes}}
    item: dict[str, Any] | None = session.table.get_item(
        Key=key.primary(),
        ConsistentRead=True,
        ProjectionExpression=", ".join(sorted(names)),
        ExpressionAttributeNames=names,
    ).get("Item")
    if item is None or has_expired(item.get(EXPIRY), now=time.time()):
        raise NotFound
    return item


def _recording_of(item: Mapping[str, Any]) -> RecordingObject:
    """The object that a transcript's item or a claim names."""
    return RecordingObject(
        recording_id=str(item.get("recording_id") or item["PK"]).removeprefix(RECORDINGS),
        bucket=item["bucket"],
        key=item["s3_key"],
        version_id=item.get("version_id"),
        etag=item["etag"],
        sequencer="",
    )
