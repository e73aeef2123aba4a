"""Write a document anew, from the reply in the archive; nobody is asked or paid.

It is done to a document of an earlier schema version, to one of which somebody has corrected the roles since, and to
one whose flags another engine of wordings looked for than today's, or none.

The document tells which recording it is of, when it was made, what was asked and what it cost; the reply tells all the
rest, by the rules of today. The table's item is written anew as well, with its score, if it shows this document.
Nothing is written over that somebody else has written meanwhile, or that a later version has.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from callscribe.contract import stands_for
from callscribe.contract.object_keys import TRANSCRIPTS, reply_key
from callscribe.contract.schema import SCHEMA_VERSION
from callscribe.contract.table_keys import EXPIRY, transcript_key
from callscribe.conversation.role_correction import newest_of
from callscribe.documents import InvalidDocument, from_document, quality_attribute, schema_version_of
from callscribe.judgement.quality import score
from callscribe.serialization import encode
from callscribe.table_values import plain
from lambdas.common.analyses import analysis_of
from lambdas.common.corrections import corrections_of
from lambdas.common.errors import error_code
from lambdas.common.transcript_builder import UnusableReply

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_dynamodb.service_resource import Table

    from callscribe.conversation.role_correction import RoleCorrection
    from callscribe.cost import Cost
    from callscribe.judgement.quality import Rubric
    from callscribe.transcript import Transcript
    from lambdas.common.archive import Archive
    from lambdas.common.transcript_builder import BuiltTranscript, TranscriptBuilder

# What stands on an item beside its transcript and its score.
_STAYING = ("live", stands_for.TIME, stands_for.SEQUENCER, EXPIRY)


class Outcome(StrEnum):
    """What became of a document.

    `rebuilt`: it is, or on a trial would be, written anew. `current`: there was nothing to do. `impossible`: it cannot
    be rebuilt; the reason says why. `changed`: somebody else wrote it at this moment; it may be tried again.
    """

    REBUILT = "rebuilt"
    CURRENT = "current"
    IMPOSSIBLE = "impossible"
    CHANGED = "changed"


@dataclass(frozen=True, kw_only=True)
class Rebuilt:
    """What became of a document.

    Attributes:
        outcome: What was done.
        reason: Why it could not be done; "" where it was.
        call_id: The call; `None` where the document does not tell.
    """

    outcome: Outcome
    reason: str = ""
    call_id: str | None = None


class _Impossible(Exception):
    """The document cannot be rebuilt; the text says why, without its words."""


class Rebuilder:
    """Writes older documents anew.

    Args:
        table: The table of transcripts and claims.
        archive: Where replies and documents are kept.
        builder: Builds transcripts.
        rubric: By which calls are judged.
    """

    def __init__(self, *, table: Table, archive: Archive, builder: TranscriptBuilder, rubric: Rubric) -> None:
        self._table = table
        self._archive = archive
        self._builder = builder
        self._rubric = rubric

    def rebuild(self, key: str, *, dry_run: bool = False, again: bool = False) -> Rebuilt:
        """Write one document anew, and the item that shows it; repeating it changes nothing.

        Args:
            key: The document in the archive.
            dry_run: Only say what would be done.
            again: Write it also where it is up to date.
        """
        archived = self._archive.read(key) if key.startswith(TRANSCRIPTS) else None
        if archived is None:
            return Rebuilt(outcome=Outcome.IMPOSSIBLE, reason="there is no such document")
        try:
            earlier, version = from_document(archived.content), schema_version_of(archived.content)
        except InvalidDocument as error:
            return Rebuilt(outcome=Outcome.IMPOSSIBLE, reason=str(error))
        call_id = earlier.recording.call_id
        item = self._item_that_shows(key, earlier)
        corrections = corrections_of(self._table, earlier.recording)
        correction = _number(_newest_of(earlier, corrections))
        old_document = (
            version < SCHEMA_VERSION
            or _number(earlier.role_correction) != correction
            or earlier.wording != self._builder.wording
            or earlier.flag_set not in (None, self._builder.flag_set)
        )
        old_item = item is not None and (
            item["schema_version"] < SCHEMA_VERSION
            or (
                item["schema_version"] == SCHEMA_VERSION
                and (
                    _shown_number(item) != correction
                    or plain(item.get("wording")) != encode(self._builder.wording)
                    or plain(item.get("flag_set")) not in (None, encode(self._builder.flag_set))
                )
            )
        )
        if version > SCHEMA_VERSION or not (old_document or old_item or again):
            return Rebuilt(outcome=Outcome.CURRENT, call_id=call_id)
        try:
            built = self._build(key, earlier, corrections, by_flag_set=dry_run)
        except _Impossible as impossible:
            return Rebuilt(outcome=Outcome.IMPOSSIBLE, reason=str(impossible), call_id=call_id)
        if dry_run:
            return Rebuilt(outcome=Outcome.REBUILT, call_id=call_id)
        written = not (old_document or again) or self._archive.write_over(archived, key, built.form.document)
        if written and item is not None and (old_item or again):
            written = self._put(built, item)
        return Rebuilt(outcome=Outcome.REBUILT if written else Outcome.CHANGED, call_id=call_id)

    def _item_that_shows(self, key: str, earlier: Transcript) -> dict[str, Any] | None:
        """Return the call's item if this is its document, and not that of another recording of the call."""
        call = earlier.recording
        primary = transcript_key(call.clinic_id, call.day, call.call_id, call.kind).primary()
        item = self._table.get_item(Key=primary, ConsistentRead=True).get("Item")
        return item if item is not None and item.get("transcript_key") == key else None

    def _build(
        self, key: str, earlier: Transcript, corrections: Sequence[RoleCorrection], *, by_flag_set: bool
    ) -> BuiltTranscript:
        if earlier.provenance is None:
            raise _Impossible("a live transcript has no reply: its words were stored while the call ran")
        archived_key = reply_key(earlier.provenance.recording_id)
        reply = self._archive.read(archived_key)
        if reply is None:
            raise _Impossible("the reply is not in the archive any more")
        try:
            built = self._builder.build(
                call=earlier.recording,
                audio=earlier.audio,
                provenance=earlier.provenance,
                reply=reply,
                reply_key=archived_key,
                requests=earlier.cost.requests,
                earlier=replace(earlier, cost=_as_of_now(earlier.cost)),
                corrections=corrections,
                by_flag_set=by_flag_set,
            )
        except UnusableReply as unusable:
            raise _Impossible(f"the reply in the archive is unusable: {unusable}") from None
        if built.pointers.transcript_key != key:
            raise _Impossible("the document is not where documents of its recording are kept")
        return built

    def _put(self, built: BuiltTranscript, item: Mapping[str, Any]) -> bool:
        """Write the item anew, unless it has changed since it was read."""
        staying = {name: item[name] for name in _STAYING if name in item}
        quality = quality_attribute(score(built.transcript, self._rubric))
        correction = item.get("role_correction")
        unchanged = "role_correction = :correction" if correction else "attribute_not_exists(role_correction)"
        try:
            self._table.put_item(
                Item={
                    **built.form.item,
                    **staying,
                    **analysis_of(item, built.transcript.cost),
                    "quality": quality,
                },
                ConditionExpression=f"transcript_key = :key AND schema_version = :version AND {unchanged}",
                ExpressionAttributeValues={
                    ":key": item["transcript_key"],
                    ":version": item["schema_version"],
                    **({":correction": correction} if correction else {}),
                },
            )
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True


def _newest_of(earlier: Transcript, corrections: Sequence[RoleCorrection]) -> RoleCorrection | None:
    made_of = None if earlier.provenance is None else earlier.provenance.recording_id
    return newest_of(corrections, recording_id=made_of, request_id=earlier.request_id)


def _number(correction: RoleCorrection | None) -> int:
    return 0 if correction is None else correction.number


def _shown_number(item: Mapping[str, Any]) -> int:
    return int(item.get("role_correction", {}).get("number", 0))


def _as_of_now(cost: Cost) -> Cost:
    """Return an earlier cost as it is written today: before, a total left out what had no price."""
    if cost.at_least_usd is not None:
        return cost
    return replace(cost, at_least_usd=cost.total_usd, total_usd=None if cost.unpriced else cost.total_usd)
