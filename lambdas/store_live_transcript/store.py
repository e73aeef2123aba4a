"""Write the transcript of a live call to the archive and the table.

The document has a key of its own beside those of the call's recordings. The item is the call's transcript only until
one of its recording is there: that of the recording is never written over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from callscribe.contract import stands_for
from callscribe.contract.call_kind import CallKind
from callscribe.contract.messages import RebuildAnswer
from callscribe.contract.object_keys import live_document_key
from callscribe.contract.table_keys import EXPIRY, ItemKey, call_partition, transcript_key, utterance_range
from callscribe.documents import ArchivePointers, StoredForm, quality_attribute, stored_form
from callscribe.judgement.quality import QualityScore, Rubric, score
from callscribe.live.call import LiveStatus, LiveUtterance
from callscribe.live_transcript import MissingUtterances, build_live_transcript, call_of, recognition_of
from callscribe.serialization import decode
from callscribe.table_values import plain
from callscribe.transcript import LIVE, Transcript
from lambdas.common.corrections import corrections_of
from lambdas.common.errors import SafeError, TransientError, error_code
from lambdas.common.live_calls import live_state

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from mypy_boto3_dynamodb.service_resource import Table

    from callscribe.contract.messages import LiveRebuildRequest
    from callscribe.conversation.flags import FlagSet
    from callscribe.conversation.role_correction import RoleCorrection
    from callscribe.conversation.wording import WordingEngine
    from callscribe.live.state import LiveState
    from callscribe.recognition import Recognition, Transcription
    from lambdas.common.archive import Archive

# A lost conditional write means somebody else made progress, so a few rounds always suffice.
_MAX_ROUNDS = 5


class Transcriptions(Protocol):
    """Tells of the uses of a speech service."""

    def of_call(self, state: LiveState, recognition: Recognition) -> Transcription:
        """Tell what was asked for a live call, and what it costs."""


class LiveCallUnusable(SafeError):
    """The live call is not there, or not all of its words are."""


@dataclass(frozen=True, kw_only=True)
class StoredLiveTranscript:
    """A live transcript and where it is.

    Attributes:
        transcript: The transcript.
        quality: How well the call was handled.
        key: Its keys in the table.
        pointers: Where its document is.
        superseded: True when the table shows the transcript of the recording instead, or that of a later end of the
            same call.
        told: Names of flags that cannot wait and of which somebody was told while the call ran.
    """

    transcript: Transcript
    quality: QualityScore
    key: ItemKey
    pointers: ArchivePointers
    superseded: bool
    told: tuple[str, ...]


class LiveTranscriptStore:
    """Stores the transcripts of live calls.

    Args:
        table: The table of transcripts and live calls.
        archive: Where documents are kept.
        transcriptions: Tells what was asked of the speech service and what it costs.
        flag_set: The flags to look for; `None` takes those of the default set.
        wording: An engine that knows flags by wording; `None` for the one that the flag set names.
        rubric: By which calls are judged.
        retention: How long an item is kept after the transcript was made; `None` keeps it for ever.
    """

    def __init__(
        self,
        *,
        table: Table,
        archive: Archive,
        transcriptions: Transcriptions,
        flag_set: FlagSet | None = None,
        wording: WordingEngine | None = None,
        rubric: Rubric,
        retention: timedelta | None,
    ) -> None:
        self._table = table
        self._archive = archive
        self._transcriptions = transcriptions
        self._flag_set = flag_set
        self._wording = wording
        self._rubric = rubric
        self._retention = retention

    def store(self, call_id: str, *, created_at: datetime) -> StoredLiveTranscript | None:
        """Store the transcript of a call that has ended; repeating it changes nothing.

        Args:
            call_id: The call.
            created_at: When its end was announced.

        Returns:
            `None` when the call goes on: streaming was started again, and its next end is announced, too.

        Raises:
            LiveCallUnusable: The call is gone, or not all of its words are there.
        """
        state = live_state(self._table, call_id)
        if state is None:
            raise LiveCallUnusable("LiveCall.Missing", "the live call is gone; its recording has its own transcript")
        if state.status is not LiveStatus.COMPLETED:
            return None
        return self._stored(state, created_at=created_at)

    def rebuild(self, request: LiveRebuildRequest) -> RebuildAnswer:
        """Write the transcript of a live call anew by what was corrected since; repeating it changes nothing.

        Raises:
            TransientError: Others kept noting on the transcript which recordings it stands for.
        """
        call_id = request.call_id
        key = transcript_key(request.clinic_id, request.day, call_id, CallKind.AGENT).primary()
        item = self._table.get_item(Key=key, ConsistentRead=True).get("Item")
        state = live_state(self._table, call_id)
        if item is None or item.get("source") != LIVE:
            return RebuildAnswer(outcome="impossible", reason="no live transcript is shown of the call")
        if state is None or state.clinic_id != request.clinic_id:
            return RebuildAnswer(outcome="impossible", reason="the words of the live call are not kept any more")
        if state.status is not LiveStatus.COMPLETED:
            return RebuildAnswer(outcome="impossible", reason="the call goes on")
        created_at = datetime.fromisoformat(str(item["created_at"]))
        try:
            if request.dry_run:
                self._build(state, created_at=created_at, corrections=(), by_flag_set=True)
                return RebuildAnswer(outcome="rebuilt", call_id=call_id)
            # What a language model said of it, it said of the same words.
            staying = {name: item[name] for name in ("analysis", "cost") if "analysis" in item}
            stored = self._stored(state, created_at=created_at, staying=staying)
        except LiveCallUnusable as unusable:
            return RebuildAnswer(outcome="impossible", reason=str(unusable), call_id=call_id)
        return RebuildAnswer(outcome="changed" if stored.superseded else "rebuilt", call_id=call_id)

    def _stored(
        self, state: LiveState, *, created_at: datetime, staying: dict[str, Any] | None = None
    ) -> StoredLiveTranscript:
        call = call_of(state)
        pointers = ArchivePointers(
            bucket=self._archive.bucket,
            transcript_key=live_document_key(call.clinic_id, call.day, call.call_id),
            reply_key=None,
        )
        corrections = corrections_of(self._table, call)
        for _ in range(_MAX_ROUNDS):
            transcript = self._build(state, created_at=created_at, corrections=corrections)
            quality = score(transcript, self._rubric)
            form = stored_form(transcript, archive=pointers)
            self._archive.write(pointers.transcript_key, form.document)
            superseded = not self._put(self._item(transcript, quality, form) | (staying or {}))
            # It may have been written over what somebody has corrected at this moment.
            known, corrections = corrections, corrections_of(self._table, call)
            if superseded or corrections == known:
                break
        return StoredLiveTranscript(
            transcript=transcript,
            quality=quality,
            key=transcript_key(call.clinic_id, call.day, call.call_id, call.kind),
            pointers=pointers,
            superseded=superseded,
            told=state.alerted,
        )

    def _build(
        self,
        state: LiveState,
        *,
        created_at: datetime,
        corrections: Sequence[RoleCorrection],
        by_flag_set: bool = False,
    ) -> Transcript:
        # What was said since the state was read belongs to the next end of the call.
        said = [one for one in self._utterances(state.call_id) if one.seq <= state.coverage.utterances]
        try:
            recognition = recognition_of(state, said)
        except MissingUtterances as missing:
            raise LiveCallUnusable("LiveCall.Hole", str(missing)) from None
        transcription = self._transcriptions.of_call(state, recognition)
        return build_live_transcript(
            state=state,
            transcription=transcription,
            created_at=created_at,
            flag_set=self._flag_set,
            corrections=corrections,
            wording=None if by_flag_set else self._wording,
        )

    def _utterances(self, call_id: str) -> list[LiveUtterance]:
        condition = Key("PK").eq(call_partition(call_id)) & Key("SK").begins_with(utterance_range())
        said: list[LiveUtterance] = []
        start: dict[str, Any] = {}
        while True:
            page = self._table.query(KeyConditionExpression=condition, ConsistentRead=True, **start)
            said.extend(decode(LiveUtterance, plain(item), "utterance") for item in page["Items"])
            if "LastEvaluatedKey" not in page:
                return said
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def _item(self, transcript: Transcript, quality: QualityScore, form: StoredForm) -> dict[str, Any]:
        item = {**form.item, "quality": quality_attribute(quality)}
        if self._retention is not None:
            item[EXPIRY] = int((transcript.created_at + self._retention).timestamp())
        return item

    def _put(self, item: dict[str, Any]) -> bool:
        """Make the item the call's transcript; False when a better one is there.

        Raises:
            TransientError: Others kept noting on the transcript which recordings it stands for.
        """
        for _ in range(_MAX_ROUNDS):
            noted = self._noted(item)
            if self._put_once(item | noted):
                return True
            if self._noted(item) == noted:
                return False
        raise TransientError("Transcript.Contention", "the call's transcript was changed by others all the time")

    def _noted(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """Return which recording the shown transcript stands for."""
        key = {name: item[name] for name in ("PK", "SK")}
        found = self._table.get_item(
            Key=key, ConsistentRead=True, ProjectionExpression=f"{stands_for.TIME}, {stands_for.SEQUENCER}"
        )
        return dict(found.get("Item", {}))

    def _put_once(self, item: dict[str, Any]) -> bool:
        try:
            self._table.put_item(
                Item=item,
                # A call that went on after its first end has more words after its second.
                ConditionExpression="attribute_not_exists(PK)"
                f" OR (#source = :live AND #live.#utterances <= :utterances AND {stands_for.NO_NEWER})",
                ExpressionAttributeNames={"#source": "source", "#live": "live", "#utterances": "utterances"},
                ExpressionAttributeValues={
                    ":live": LIVE,
                    ":utterances": item["live"]["utterances"],
                    ":time": item.get(stands_for.TIME, ""),
                    ":sequencer": item.get(stands_for.SEQUENCER, ""),
                },
            )
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True
