"""Decide whether an announced object is transcribed, before anything is paid for.

Outcomes when the object changes between its event and this step:

* deleted (or hidden behind a delete marker): rejected as `RecordingMissing`, unless its transcript is shown already;
* replaced in a bucket that keeps versions: the announced version is still there and is transcribed; which version the
  transcript shows is decided by the time S3 got them, not by which finished first;
* replaced in a bucket without versions: ignored as `replaced`, because the new content has an event of its own.

A recording with the same content as another one of its call is not transcribed again: it waits for the other one as
long as that is in work, and is then linked with it (see `contents`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from callscribe.contract import stands_for
from callscribe.contract.call_kind import CallKind
from callscribe.contract.table_keys import failed_admission_key, transcript_key
from callscribe.live.recorded_time import possible_time
from callscribe.live.state import LiveState
from callscribe.recordings.calls import CallRecording, ContactDetails, StartSource, with_details, with_start
from callscribe.recordings.keys import NotACall, RecordingKey, UnknownExtension, UnknownLayout, parse_key
from callscribe.recordings.recording import AdmittedRecording, RecordingObject
from callscribe.serialization import encode
from callscribe.transcript import LIVE
from lambdas.admit_recording.contents import Contents, Ours
from lambdas.admit_recording.decision import Decision, Rejected, Verdict
from lambdas.admit_recording.live_policy import LiveEvidence
from lambdas.admit_recording.waiting import pause_seconds
from lambdas.common.claims import Claims, Duplicate
from lambdas.common.errors import TransientError, error_code
from lambdas.common.live_calls import live_state_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_dynamodb.service_resource import Table

    from callscribe.contract.table_keys import ItemKey
    from callscribe.environments.functions import OnNewVersion
    from callscribe.recordings.recording import Provenance
    from lambdas.admit_recording.calls import Calls
    from lambdas.admit_recording.live_policy import LivePolicy
    from lambdas.admit_recording.object_created import ObjectCreated
    from lambdas.admit_recording.objects import Objects, StoredObject

# A lost conditional write means somebody else made progress, so a few rounds always suffice.
_MAX_ROUNDS = 5

# Of a transcript: the recording it is of and when S3 got that, and the newest one that it stands for beside it.
_SHOWN = ("recording_id", "recording_last_modified", "recording_sequencer", stands_for.TIME, stands_for.SEQUENCER)

# Status of a failed admission that needs nothing more.
_REPEATED = "repeated"


@dataclass(frozen=True, kw_only=True)
class _Execution:
    """Who asks: an execution of the state machine, when it started, and which ones it repeats, if any."""

    arn: str
    started_at: datetime | None
    repeats: tuple[str, ...]


class Admission:
    """Admits recordings of one deployment.

    Args:
        objects: The announced objects.
        calls: The calls they are of.
        table: The table of transcripts and claims.
        claims: The claims in that table.
        contents: Their contents.
        claim_lease: How long an execution of the state machine can live at most.
        on_new_version: What happens when a call that has a transcript gets another recording.
        live_policy: What happens when a call that is transcribed live gets its recording.
        clock: Returns the time (aware, UTC).
    """

    def __init__(
        self,
        *,
        objects: Objects,
        calls: Calls,
        table: Table,
        claims: Claims,
        contents: Contents,
        claim_lease: timedelta,
        on_new_version: OnNewVersion,
        live_policy: LivePolicy,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._objects = objects
        self._calls = calls
        self._table = table
        self._claims = claims
        self._contents = contents
        self._lease = claim_lease
        self._on_new_version = on_new_version
        self._live_policy = live_policy
        self._clock = clock

    def decide(self, event: ObjectCreated, *, execution: str, started_at: datetime | None = None) -> Decision:
        """Claim the announced recording for the execution, or say why not.

        Repeating the step with the same execution gives the same decision, unless that was to wait.

        Args:
            event: The recording.
            execution: The execution of the state machine.
            started_at: When it started; `None` if it cannot wait.
        """
        repeats = () if event.redrive_of is None else (*event.redrives_before, event.redrive_of)
        by = _Execution(arn=execution, started_at=started_at, repeats=repeats)
        decision = self._decide(event.recording, by)
        if event.redrive_of is not None:
            self._settle_failed_admission(event)
        return decision

    def _settle_failed_admission(self, event: ObjectCreated) -> None:
        """Note that an admission which had failed was repeated, if it is noted that it had."""
        recording = event.recording
        key = failed_admission_key(recording.bucket, recording.key, event.content)
        try:
            self._table.update_item(
                Key=key.primary(),
                UpdateExpression="SET #status = :repeated, updated_at = :now REMOVE GSI2PK, GSI2SK",
                ConditionExpression="attribute_exists(PK)",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues={":repeated": _REPEATED, ":now": self._clock().isoformat()},
            )
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise

    def _decide(self, announced: RecordingObject, by: _Execution) -> Decision:
        call = None
        try:
            key, unsupported = _parsed(announced.key)
            call = self._calls.of(key, now=self._clock())
            if unsupported is not None:
                raise unsupported
            stored = self._objects.look(announced)
        except NotACall as not_a_call:
            return Decision(verdict=Verdict.IGNORED, reason=not_a_call.reason)
        except Rejected as refusal:
            return self._refuse(announced, call, refusal, by)
        if stored.replaced:
            return Decision(verdict=Verdict.IGNORED, reason="replaced", message="the new content has its own event")
        return self._claim(self._as_claimed(stored, announced), call, by)

    def _refuse(
        self, announced: RecordingObject, call: CallRecording | None, refusal: Rejected, by: _Execution
    ) -> Decision:
        """Reject a recording that is not claimed yet, once for all events about it.

        One that was deleted behind the storing of its transcript goes on: that is shown, and needs nothing more of it.
        """
        stored = None if call is None else self._stored(announced, call)
        taken = self._claims.take(
            announced,
            call=call if stored is None else stored.call,
            size_bytes=0 if stored is None else stored.size_bytes,
            execution=by.arn,
            now=self._clock(),
            lease=self._lease,
            ended_executions=by.repeats,
        )
        if isinstance(taken, Duplicate):
            return _duplicate(announced, call, taken.reason)
        if stored is not None:
            return Decision(verdict=Verdict.CLAIMED, reason="already-stored", recording=stored.to_payload())
        return self._reject(announced, call, refusal, by)

    def _stored(self, announced: RecordingObject, named: CallRecording) -> AdmittedRecording | None:
        """Return a recording as it was admitted, if the call's transcript is of it; `None` otherwise."""
        claim = self._claims.get(announced.recording_id)
        call = _filed_with(named, live_state_of(self._table, named))
        key = transcript_key(call.clinic_id, call.day, call.call_id, call.kind).primary()
        item = self._table.get_item(Key=key, ConsistentRead=True).get("Item", {})
        if claim is None or item.get("recording_id") != announced.recording_id:
            return None
        return AdmittedRecording.from_payload(
            {
                **item,
                "key": item["s3_key"],
                "version_id": item.get("version_id"),
                "sequencer": item["recording_sequencer"],
                "last_modified": item["recording_last_modified"],
                "size_bytes": claim["size_bytes"],
            }
        )

    def _as_claimed(self, stored: StoredObject, announced: RecordingObject) -> StoredObject:
        """Return the object under the identity by which it is known.

        Before its version was asked for, one whose event does not name it was claimed as it is announced.
        """
        provenance = stored.provenance
        if provenance.recording_id == announced.recording_id or self._claims.get(announced.recording_id) is None:
            return stored
        return replace(stored, provenance=replace(provenance, recording_id=announced.recording_id))

    def _claim(self, stored: StoredObject, named: CallRecording, by: _Execution) -> Decision:
        """Claim a recording that is there, and decide what becomes of it.

        Args:
            stored: The recording.
            named: The call by the recording's own key, whatever day it is filed under.
            by: Who asks.
        """
        recording, now = stored.provenance, self._clock()
        live = live_state_of(self._table, named)
        call = _filed_with(named, live)
        taken = self._claims.take(
            recording,
            call=call,
            size_bytes=stored.size_bytes,
            digest=stored.digest,
            execution=by.arn,
            now=now,
            lease=self._lease,
            ended_executions=by.repeats,
        )
        if isinstance(taken, Duplicate):
            return _duplicate(recording, call, taken.reason)
        if self._on_new_version == "keep" and self._shown(call) not in (None, recording.recording_id):
            self._claims.keep_earlier(recording.recording_id, execution=by.arn, now=now)
            return _duplicate(recording, call, "kept-earlier-version")
        same = self._same_content(stored, call, by)
        if isinstance(same, Decision):
            return same
        # Who repeats a recording wants its transcript.
        competing = self._evidence(live) if live and not by.repeats else None
        if competing and (wait := self._wait_for_live(competing, by)):
            return _wait(recording, call, "live-pending", seconds=wait)
        try:
            audio = self._objects.probe(stored)
        except Rejected as refusal:
            return self._reject(recording, call, refusal, by)
        with_its_start = partial(
            with_start,
            metadata=stored.metadata,
            last_modified=recording.last_modified,
            duration_seconds=audio.duration_seconds,
        )
        admitted = AdmittedRecording(
            provenance=recording,
            size_bytes=stored.size_bytes,
            call=self._calls.with_details(with_its_start(call)),
            audio=audio,
            same_content_as=same,
        )
        return self._conclude(admitted, competing, told=with_its_start(named), by=by)

    def _same_content(self, stored: StoredObject, call: CallRecording, by: _Execution) -> Decision | str | None:
        """Look for another recording of the call with the same content.

        Returns:
            What becomes of ours, if the other one stands for it or is still in work; else the other one, if its reply
            may serve for ours; else `None`.
        """
        recording, now = stored.provenance, self._clock()
        found = self._contents.take(stored, call, execution=by.arn, now=now, wanted=bool(by.repeats))
        if isinstance(found, Ours):
            return found.earlier_holder
        if found.in_progress and by.started_at is not None:
            seconds = pause_seconds(since=by.started_at, now=now)
            return _wait(recording, call, "same-content-in-progress", seconds=seconds)
        if not (found.in_progress or found.covered) and not self._shows_this_content(found.recording_id, stored, call):
            # The newest recording is shown: from the reply to the same content, which was paid for.
            return found.recording_id
        self._claims.link(recording.recording_id, execution=by.arn, same_content_as=found.recording_id, now=now)
        return _duplicate(recording, call, "same-content")

    def _shows_this_content(self, other: str, stored: StoredObject, call: CallRecording) -> bool:
        """Tell whether the call's transcript, if there is one by now, is of our content, and of another recording.

        Then it is noted on it that the content was put again. A recording put before that, which is stored late, would
        otherwise take its place (`TranscriptStore`).

        Raises:
            TransientError: Others kept changing the transcript.
        """
        for _ in range(_MAX_ROUNDS):
            item = self._item(call, *_SHOWN)
            shown = item.get("recording_id")
            if shown is None:
                return True
            if shown == stored.provenance.recording_id:
                return False  # our work was broken off behind the storing of it
            claim = None if shown == other else self._claims.get(shown)
            if shown != other and (claim is None or claim.get("digest") != stored.digest):
                return False
            if _put_at(item) >= _put_at(_note_of(stored.provenance)) or self._note(call, shown, stored.provenance):
                return True
        raise TransientError("Transcript.Contention", "the call's transcript was changed by others all the time")

    def _note(self, call: CallRecording | LiveState, shown: str | None, recording: Provenance) -> bool:
        """Note on a call's transcript that it stands for a recording; False if it shows, or stands for, a newer one.

        Args:
            call: The call.
            shown: The recording that the transcript is of; `None` for a live one.
            recording: The recording that it stands for.
        """
        note = _note_of(recording)
        try:
            self._table.update_item(
                Key=_key_of(call).primary(),
                UpdateExpression=stands_for.NOTE,
                ConditionExpression=f"#shown = :shown AND {stands_for.NO_NEWER}",
                ExpressionAttributeNames={"#shown": "source" if shown is None else "recording_id"},
                ExpressionAttributeValues={
                    ":shown": LIVE if shown is None else shown,
                    ":time": note[stands_for.TIME],
                    ":sequencer": note[stands_for.SEQUENCER],
                },
            )
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def _shown(self, call: CallRecording) -> str | None:
        """Return the recording that the call's transcript is of; a live one is of none."""
        return self._item(call, "recording_id").get("recording_id")

    def _item(self, call: CallRecording, *names: str) -> dict[str, str]:
        """Return some attributes of the call's transcript, as far as there is one and it has them."""
        found = self._table.get_item(
            Key=_key_of(call).primary(), ConsistentRead=True, ProjectionExpression=", ".join(names)
        )
        return {name: str(value) for name, value in found.get("Item", {}).items()}

    def _evidence(self, live: LiveState) -> LiveEvidence:
        found = self._table.get_item(
            Key=_key_of(live).primary(),
            ConsistentRead=True,
            ProjectionExpression="#source",
            ExpressionAttributeNames={"#source": "source"},
        )
        source = found.get("Item", {}).get("source")
        return LiveEvidence(state=live, transcribed=source == LIVE, replaced=source not in (None, LIVE))

    def _wait_for_live(self, live: LiveEvidence, by: _Execution) -> int | None:
        """Return the seconds to wait for a live transcript that is still being made; `None` to go on."""
        now = self._clock()
        if by.started_at is None or not self._live_policy.awaits(live, since=by.started_at, now=now):
            return None
        return pause_seconds(since=by.started_at, now=now, until=by.started_at + self._live_policy.patience)

    def _conclude(
        self, admitted: AdmittedRecording, live: LiveEvidence | None, *, told: CallRecording, by: _Execution
    ) -> Decision:
        """Hand a usable recording on, unless its live transcript stands for it.

        Args:
            admitted: The recording.
            live: What is known of its live call; `None` where there is none, or it does not matter.
            told: The call by the recording's own key and metadata, whatever day it is filed under.
            by: Who asks.
        """
        if live is None:
            return Decision(verdict=Verdict.CLAIMED, reason="new", recording=admitted.to_payload())
        recorded = possible_time(
            told,
            seconds=admitted.audio.duration_seconds,
            written_at=admitted.provenance.last_modified,
            agent_joined_at=live.state.agent_joined_at,
            disconnected_at=live.state.disconnected_at,
        )
        for _ in range(_MAX_ROUNDS):
            judgement = self._live_policy.judge(live, recorded=recorded)
            if not judgement.covered:
                return Decision(verdict=Verdict.CLAIMED, reason=judgement.reason, recording=admitted.to_payload())
            # First, for what is broken off behind it is done again, and what is noted twice is noted once.
            if not live.transcribed or self._stands_for(live.state, admitted.provenance):
                return self._cover(admitted, live.state, reason=judgement.reason, by=by)
            live = self._evidence(live.state)
        raise TransientError("Transcript.Contention", "the call's transcript was changed by others all the time")

    def _stands_for(self, live: LiveState, recording: Provenance) -> bool:
        """Note on a live transcript that it stands for a recording; False if the call does not show it any more.

        An older recording, which is stored late, would otherwise take its place (`TranscriptStore`).
        """
        # Where it still shows the live transcript, this stands for a newer recording already.
        return self._note(live, None, recording) or self._evidence(live).transcribed

    def _cover(self, admitted: AdmittedRecording, call: LiveState, *, reason: str, by: _Execution) -> Decision:
        self._claims.cover(
            admitted.recording_id,
            execution=by.arn,
            reason=reason,
            live=_key_of(call),
            now=self._clock(),
        )
        return Decision(verdict=Verdict.COVERED, reason=reason, recording=admitted.to_payload())

    def _reject(
        self, recording: RecordingObject, call: CallRecording | None, refusal: Rejected, by: _Execution
    ) -> Decision:
        self._claims.reject(recording.recording_id, execution=by.arn, error=refusal, now=self._clock())
        return Decision(
            verdict=Verdict.REJECTED, reason=refusal.code, message=refusal.message, recording=_known(recording, call)
        )


def _key_of(call: CallRecording | LiveState) -> ItemKey:
    kind = CallKind.AGENT if isinstance(call, LiveState) else call.kind
    return transcript_key(call.clinic_id, call.day, call.call_id, kind)


def _note_of(recording: Provenance) -> dict[str, str]:
    """Return what is noted of a recording that the shown transcript stands for, in the item's own form."""
    return {stands_for.TIME: encode(recording.last_modified), stands_for.SEQUENCER: recording.sequencer or ""}


def _put_at(item: Mapping[str, str]) -> tuple[str, str]:
    """Return when the content of a transcript was put last, in the order in which recordings replace each other."""
    return max(
        (item.get("recording_last_modified", ""), item.get("recording_sequencer", "")),
        (item.get(stands_for.TIME, ""), item.get(stands_for.SEQUENCER, "")),
    )


def _parsed(key: str) -> tuple[RecordingKey, Rejected | None]:
    """Return what an object key says of the call, and why its recording is not supported, if it is not."""
    try:
        return parse_key(key), None
    except UnknownLayout as unknown:
        raise Rejected("UnknownLayout", str(unknown)) from None
    except UnknownExtension as unknown:
        return unknown.key, Rejected("UnsupportedFormat", str(unknown))


def _filed_with(call: CallRecording, live: LiveState | None) -> CallRecording:
    """File the recording under the day of its live call, which may have begun before midnight, with what that told."""
    if live is None:
        return call
    call = with_details(call, ContactDetails(direction=live.direction, queue_id=live.queue_id))
    if live.day == call.day:
        return call
    return replace(call, started_at=live.started_at, started_at_source=StartSource.LIVE)


def _duplicate(recording: RecordingObject, call: CallRecording | None, reason: str) -> Decision:
    return Decision(verdict=Verdict.DUPLICATE, reason=reason, recording=_known(recording, call))


def _wait(recording: RecordingObject, call: CallRecording, reason: str, *, seconds: int) -> Decision:
    return Decision(verdict=Verdict.WAIT, reason=reason, recording=_known(recording, call), wait_seconds=seconds)


def _known(recording: RecordingObject, call: CallRecording | None) -> dict[str, str]:
    """Return what can be told of a recording that is not admitted."""
    known = {"recording_id": recording.recording_id, "bucket": recording.bucket, "key": recording.key}
    return known if call is None else known | {"call_id": call.call_id}
