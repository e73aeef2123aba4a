"""Write a transcript to the archive and the table, so that repeating it changes nothing and the newest recording wins.

It replaces a transcript that was made while the call ran.

The full document goes to S3 first, under a key of its own for each recording: two versions of a call never write over
each other there. One transaction then makes it the call's transcript, unless a newer recording of the call is there
already, and moves the claim on. A reader who finds the item always finds the document it points to.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from callscribe.aws_refusals import cancellation_codes
from callscribe.contract import stands_for
from callscribe.contract.table_keys import EXPIRY, ItemKey, claim_key, transcript_key
from callscribe.documents import ArchivePointers
from callscribe.serialization import encode
from callscribe.table_values import attribute
from callscribe.transcript import LIVE, Transcript
from lambdas.common.analyses import analysis_of
from lambdas.common.claims import ClaimLost, ClaimStatus
from lambdas.common.corrections import corrections_of
from lambdas.common.live_calls import live_state_of
from lambdas.common.transcript_builder import BuiltTranscript, TranscriptBuilder, Transcriptions, UnusableReply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime, timedelta

    from mypy_boto3_dynamodb.service_resource import Table

    from callscribe.conversation.flags import FlagSet
    from callscribe.conversation.wording import WordingEngine
    from callscribe.recordings.recording import AdmittedRecording
    from callscribe.transcript import Role
    from lambdas.common.archive import Archive
    from lambdas.common.claims import Claims

_CONDITION_FAILED = "ConditionalCheckFailed"
_CONFLICT = "TransactionConflict"
_MAX_RETRIES = 5
_BASE_DELAY_SECONDS = 0.05
# Nobody corrects a call twice within a moment; what is missed all the same, a rebuild makes good.
_MOST_ROUNDS = 3

# Failed belongs to them: an execution that is redriven from this step finds the claim as its failure left it.
_STORABLE = (ClaimStatus.CLAIMED, ClaimStatus.TRANSCRIBED, ClaimStatus.STORED, ClaimStatus.FAILED)

# A transcript is as new as the newest recording that it stands for (`callscribe.contract.stands_for`).
_NEWEST = (
    "attribute_not_exists(PK) OR recording_id = :recording"
    " OR ((#source = :live OR recording_last_modified < :time"
    " OR (recording_last_modified = :time AND recording_sequencer <= :sequencer))"
    f" AND {stands_for.NO_NEWER})"
)


@dataclass(frozen=True, kw_only=True)
class StoredTranscript:
    """A transcript and where it is.

    Attributes:
        transcript: The transcript.
        key: Its keys in the table.
        pointers: Where its document is.
        superseded: True when the table shows a newer recording of the call instead.
    """

    transcript: Transcript
    key: ItemKey
    pointers: ArchivePointers
    superseded: bool


class TranscriptStore:
    """Stores transcripts.

    Args:
        table: The table of transcripts and claims.
        claims: The claims in that table.
        archive: Where replies and documents are kept.
        transcriptions: Reads the speech service's replies.
        channel_roles: Who speaks on which channel of a recording with a channel for each speaker.
        flag_set: The flags to look for; `None` takes those of the default set.
        wording: An engine that knows flags by wording; `None` for the one that the flag set names.
        retention: How long an item is kept after the transcript was made; `None` keeps it for ever.
        sleep: Waits for some seconds.
        jitter: Returns a number from 0 to 1.
    """

    def __init__(
        self,
        *,
        table: Table,
        claims: Claims,
        archive: Archive,
        transcriptions: Transcriptions,
        channel_roles: Mapping[int, Role],
        flag_set: FlagSet | None = None,
        wording: WordingEngine | None = None,
        retention: timedelta | None,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._table = table
        self._claims = claims
        self._archive = archive
        self._builder = TranscriptBuilder(
            bucket=archive.bucket,
            transcriptions=transcriptions,
            channel_roles=channel_roles,
            flag_set=flag_set,
            wording=wording,
        )
        self._retention = retention
        self._sleep = sleep
        self._jitter = jitter

    def store(self, recording: AdmittedRecording, *, reply_key: str, requests: int, now: datetime) -> StoredTranscript:
        """Build the transcript of a recording from its archived reply and store it.

        Args:
            recording: The recording.
            reply_key: Where the service's reply is in the archive.
            requests: Requests sent for the recording.
            now: The time, for the claim only: the transcript carries the time its reply was archived, so that a
                repetition writes the same bytes.

        Raises:
            UnusableReply: The archived reply is gone or holds no transcription.
            ClaimLost: The claim is gone or its work is done.
        """
        archived = self._archive.read(reply_key)
        if archived is None:
            raise UnusableReply("Reply.Missing", "the archived reply is gone; redrive the call to ask again")
        call = recording.call
        corrections = corrections_of(self._table, call)
        for _ in range(_MOST_ROUNDS):
            built = self._builder.build(
                call=call,
                audio=recording.audio,
                provenance=recording.provenance,
                reply=archived,
                reply_key=reply_key,
                requests=requests,
                corrections=corrections,
            )
            self._archive.write(built.pointers.transcript_key, built.form.document)
            superseded = not self._put(recording, self._item(built), now=now)
            # A repetition may have written over what somebody has corrected at this moment.
            known, corrections = corrections, corrections_of(self._table, call)
            if superseded or corrections == known:
                break
        if superseded:
            self._claims.supersede(recording.recording_id, now=now)
        return StoredTranscript(
            transcript=built.transcript,
            key=transcript_key(call.clinic_id, call.day, call.call_id, call.kind),
            pointers=built.pointers,
            superseded=superseded,
        )

    def _item(self, built: BuiltTranscript) -> dict[str, Any]:
        item = dict(built.form.item)
        if live := live_state_of(self._table, built.transcript.recording):
            item["live"] = attribute(encode(live.coverage))
        if self._retention is not None:
            item[EXPIRY] = int((built.transcript.created_at + self._retention).timestamp())
        # What was paid for analyses of this very document is paid, also when a redrive stores it again.
        primary = {name: item[name] for name in ("PK", "SK")}
        shown = self._table.get_item(
            Key=primary, ProjectionExpression="analysis, cost, transcript_key", ConsistentRead=True
        ).get("Item", {})
        if shown.get("transcript_key") == item["transcript_key"]:
            item |= analysis_of(shown, built.transcript.cost)
        return item

    def _put(self, recording: AdmittedRecording, item: dict[str, Any], *, now: datetime) -> bool:
        """Make the item the call's transcript and move the claim on; False when a newer recording is there."""
        retries = 0
        while True:
            try:
                self._transact(recording, item, now=now)
            except ClientError as error:
                # None when it was not the transaction that was refused, but the request.
                transcript_refused, claim_refused, *_ = (*cancellation_codes(error.response), None, None)
                if transcript_refused == _CONDITION_FAILED:
                    return False
                if claim_refused == _CONDITION_FAILED:
                    raise ClaimLost("Claim.Lost", "the claim is gone or its work is done") from None
                # Two versions of a call stored at the same moment conflict; DynamoDB then refuses one, for a moment.
                if _CONFLICT not in {transcript_refused, claim_refused} or retries == _MAX_RETRIES:
                    raise
            else:
                return True
            self._sleep(self._jitter() * _BASE_DELAY_SECONDS * 2**retries)
            retries += 1

    def _transact(self, recording: AdmittedRecording, item: dict[str, Any], *, now: datetime) -> None:
        self._table.meta.client.transact_write_items(
            TransactItems=[
                {
                    "Put": {
                        "TableName": self._table.name,
                        "Item": item,
                        "ConditionExpression": _NEWEST,
                        "ExpressionAttributeNames": {"#source": "source"},
                        "ExpressionAttributeValues": {
                            ":live": LIVE,
                            ":recording": item["recording_id"],
                            ":time": item["recording_last_modified"],
                            ":sequencer": item["recording_sequencer"],
                        },
                    }
                },
                {
                    "Update": {
                        "TableName": self._table.name,
                        "Key": claim_key(recording.recording_id, None, None).primary(),
                        "UpdateExpression": "SET #status = :stored, updated_at = :now REMOVE GSI2PK, GSI2SK",
                        "ConditionExpression": "#status IN (:s0, :s1, :s2, :s3)",
                        "ExpressionAttributeNames": {"#status": "status"},
                        "ExpressionAttributeValues": {
                            ":stored": ClaimStatus.STORED,
                            ":now": now.isoformat(),
                            **{f":s{index}": status for index, status in enumerate(_STORABLE)},
                        },
                    }
                },
            ]
        )
