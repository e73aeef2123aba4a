"""Decide whether an announced object is transcribed, before anything is paid for.

Outcomes when the object changes between its announcement and this step:

* deleted (or hidden behind a delete marker): rejected as `RecordingMissing`;
* replaced in a bucket that keeps versions: the announced version is still there and is transcribed; which version the
  transcript shows is decided by the time S3 got them, not by which finished first;
* replaced in a bucket without versions: ignored as `replaced`, because the new content has its own announcement.

A recording with the same content as another one of its call is not transcribed again: it waits for the other one as
long as that is in work, and is then linked with it (see `contents`).
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from callscribe.audio import AudioFacts, UnusableAudio, probe
from callscribe.contract.table_keys import failed_admission_key, transcript_key
from callscribe.recordings.clinics import ClinicDecision, ClinicRules, InvalidClinic, decide
from callscribe.recordings.identity import recording_id
from callscribe.recordings.layouts import (
    CONNECT,
    CallKind,
    CallRecording,
    NotACall,
    RecordingKey,
    StartSource,
    UnknownExtension,
    UnknownLayout,
    parse_key,
    with_start,
)
from callscribe.recordings.recorded_time import possible_time
from lambdas.admit_recording.contents import Contents, Ours, digest_in
from lambdas.admit_recording.decision import Decision, Verdict
from lambdas.admit_recording.live_policy import LiveEvidence
from lambdas.admit_recording.object_stream import ObjectChanged, ObjectStream
from lambdas.admit_recording.waiting import pause_seconds
from lambdas.common.claims import Candidate, Claims, Duplicate, Taken
from lambdas.common.clinics import Clinics
from lambdas.common.errors import SafeError, error_code
from lambdas.common.live_calls import live_state_of
from lambdas.common.recordings import AdmittedRecording

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3 import S3Client

    from callscribe.live.state import LiveState
    from lambdas.admit_recording.announcement import Announcement
    from lambdas.admit_recording.contacts import Contacts
    from lambdas.admit_recording.live_policy import LivePolicy

# Status of a failed admission that needs nothing more.
_REPEATED = "repeated"
# libsndfile makes many small reads, which a buffer keeps away from the range arithmetic.
_BUFFER_BYTES = 64 * 1024


class NewVersionPolicy(StrEnum):
    """What happens when a call that has a transcript gets another recording.

    `supersede` transcribes it and lets the newer one win. `keep` leaves it alone; the rule looks at finished
    transcripts, so two versions that arrive at the same time are both transcribed and the newer one wins.
    """

    SUPERSEDE = "supersede"
    KEEP = "keep"


class Rejected(SafeError):
    """The recording cannot be transcribed; code and message say why."""


@dataclass(frozen=True, kw_only=True)
class _StoredObject:
    etag: str
    version_id: str | None
    digest: str | None
    size_bytes: int
    last_modified: datetime
    metadata: Mapping[str, str]


class Admission:
    """Admits recordings of one deployment.

    Args:
        s3: Client that may read the recordings.
        table: The table of transcripts and claims.
        claims: The claims in that table.
        clinics: Whose calls they are.
        clinic_rules: Whose a call is that nobody has decided about.
        contacts: What Amazon Connect knows of the contacts; `None` where it is not asked.
        max_duration_seconds: Longest audio that is transcribed.
        claim_lease: How long an execution of the state machine can live at most.
        on_new_version: What happens when a call that has a transcript gets another recording.
        live_policy: What happens when a call that is transcribed live gets its recording.
        clock: Returns the time (aware, UTC).
    """

    def __init__(
        self,
        *,
        s3: S3Client,
        table: Table,
        claims: Claims,
        clinics: Clinics,
        clinic_rules: ClinicRules,
        contacts: Contacts | None = None,
        max_duration_seconds: float,
        claim_lease: timedelta,
        on_new_version: NewVersionPolicy,
        live_policy: LivePolicy,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._s3 = s3
        self._table = table
        self._claims = claims
        self._contents = Contents(table=table, claims=claims, s3=s3)
        self._clinics = clinics
        self._clinic_rules = clinic_rules
        self._contacts = contacts
        self._max_duration_seconds = max_duration_seconds
        self._lease = claim_lease
        self._on_new_version = on_new_version
        self._live_policy = live_policy
        self._clock = clock

    def decide(self, announcement: Announcement, *, execution: str, started_at: datetime | None = None) -> Decision:
        """Claim the announced recording for the execution, or say why not.

        Repeating the step with the same execution gives the same decision, unless that was to wait.

        Args:
            announcement: The recording.
            execution: The execution of the state machine.
            started_at: When it started; `None` if it cannot wait.
        """
        decision = self._decide(announcement, execution=execution, started_at=started_at)
        if announcement.redrive_of is not None:
            self._settle_failed_admission(announcement)
        return decision

    def _settle_failed_admission(self, announcement: Announcement) -> None:
        """Note that an admission which had failed was repeated, if it is noted that it had."""
        key = failed_admission_key(announcement.bucket, announcement.announced.key, announcement.announced.content)
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

    def _decide(self, announcement: Announcement, *, execution: str, started_at: datetime | None) -> Decision:
        try:
            key, unsupported = _parsed(announcement.announced.key)
            call = self._call(key)
        except NotACall as not_a_call:
            return Decision(verdict=Verdict.IGNORED, reason=not_a_call.reason)
        except Rejected as rejected:
            return self._refuse(_candidate(announcement, call=None), rejected, announcement, execution=execution)
        if unsupported is not None:
            return self._refuse(_candidate(announcement, call=call), unsupported, announcement, execution=execution)
        stored = self._head(announcement)
        if stored is None:
            refusal = Rejected("RecordingMissing", "the recording was deleted before it could be read")
            return self._refuse(_candidate(announcement, call=call), refusal, announcement, execution=execution)
        return self._look_into(announcement, call, stored, execution=execution, started_at=started_at)

    def _look_into(
        self,
        announcement: Announcement,
        call: CallRecording,
        stored: _StoredObject,
        *,
        execution: str,
        started_at: datetime | None,
    ) -> Decision:
        """Decide about a recording that is there."""
        live = live_state_of(self._table, call)
        named, call = call, _filed_with(call, live)
        candidate = _candidate(announcement, call=call, stored=stored)
        if candidate.etag != stored.etag and announcement.announced.version_id is None:
            return Decision(verdict=Verdict.IGNORED, reason="replaced", message="the new content has its own event")
        candidate = self._as_claimed(candidate, announcement)
        if self._earlier_version_is_kept(call, candidate.recording_id):
            self._claims.keep_earlier(candidate, execution=execution, now=self._clock(), lease=self._lease)
            return _duplicate(candidate, "kept-earlier-version")
        taken = self._take(candidate, announcement, execution=execution)
        if isinstance(taken, Duplicate):
            return _duplicate(candidate, taken.reason)
        same = self._same_content(candidate, call, execution=execution, started_at=started_at)
        if isinstance(same, Decision):
            return same
        # Who repeats a recording wants its transcript.
        competing = self._evidence(live) if live and announcement.redrive_of is None else None
        now = self._clock()
        if competing and started_at and self._live_policy.awaits(competing, since=started_at, now=now):
            end = started_at + self._live_policy.patience
            pause = pause_seconds(since=started_at, now=now, until=end)
            return Decision(
                verdict=Verdict.WAIT, reason="live-pending", recording=_known(candidate), wait_seconds=pause
            )
        try:
            audio = self._probe(candidate)
        except Rejected as refusal:
            return self._reject(candidate, refusal, execution=execution)
        with_its_start = partial(
            with_start,
            metadata=stored.metadata,
            last_modified=stored.last_modified,
            duration_seconds=audio.duration_seconds,
        )
        admitted = AdmittedRecording(
            recording_id=candidate.recording_id,
            bucket=candidate.bucket,
            key=candidate.key,
            version_id=candidate.version_id,
            etag=candidate.etag,
            size_bytes=candidate.size_bytes,
            last_modified=stored.last_modified,
            sequencer=announcement.announced.sequencer,
            call=with_its_start(call),
            audio=audio,
            same_content_as=same,
        )
        return self._conclude(admitted, competing, told=with_its_start(named), execution=execution)

    def _as_claimed(self, candidate: Candidate, announcement: Announcement) -> Candidate:
        """Return the recording under the identity by which it is known.

        The version that an announcement does not name is that of the object as it is. Before it was asked for, such a
        recording was claimed by its ETag.
        """
        if candidate.version_id is None or announcement.announced.version_id is not None:
            return candidate
        by_etag = recording_id(candidate.bucket, candidate.key, None, candidate.etag)
        return candidate if self._claims.get(by_etag) is None else replace(candidate, recording_id=by_etag)

    def _same_content(
        self, candidate: Candidate, call: CallRecording, *, execution: str, started_at: datetime | None
    ) -> Decision | str | None:
        """Look for another recording of the call with the same content.

        Returns:
            What becomes of ours, if the other one stands for it or is still in work; else the other one, if its reply
            may serve for ours; else `None`.
        """
        now = self._clock()
        found = self._contents.take(candidate, call, execution=execution, now=now)
        if isinstance(found, Ours):
            return found.earlier_holder
        if found.in_progress and started_at is not None:
            return Decision(
                verdict=Verdict.WAIT,
                reason="same-content-in-progress",
                recording=_known(candidate),
                wait_seconds=pause_seconds(since=started_at, now=now),
            )
        if not (found.in_progress or found.covered) and self._superseded(found.recording_id, candidate, call):
            # The earlier content is back, and the newest recording is shown: from the reply that was paid for.
            return found.recording_id
        self._claims.link(candidate.recording_id, execution=execution, same_content_as=found.recording_id, now=now)
        return _duplicate(candidate, "same-content")

    def _superseded(self, other: str, candidate: Candidate, call: CallRecording) -> bool:
        """Tell whether the call's transcript is of another content than ours and *other*'s by now."""
        key = transcript_key(call.clinic_id, call.day, call.call_id, call.kind).primary()
        item = self._table.get_item(Key=key, ConsistentRead=True, ProjectionExpression="recording_id").get("Item")
        shown = None if item is None else item.get("recording_id")
        if shown is None or shown == other:
            return False
        claim = self._claims.get(str(shown))
        return claim is None or claim.get("digest") != candidate.digest

    def _call(self, key: RecordingKey) -> CallRecording:
        """Return the call that a key speaks of, filed with the clinic that its contact has, or has from now on."""
        try:
            clinic = self._clinic(key)
        except InvalidClinic as invalid:
            raise Rejected("InvalidClinic", f"{invalid}: mend the contact's attributes") from None
        if clinic is None:
            raise Rejected(
                "UnknownLayout", "nothing names a clinic for this contact, prefix or instance, and there is no default"
            )
        return key.of(clinic)

    def _clinic(self, key: RecordingKey) -> ClinicDecision | None:
        evidence = key.evidence(self._clinic_rules)
        if not key.of_contact:
            return decide(evidence)
        known = self._clinics.known(key.call_id)
        if self._contacts is not None and key.layout == CONNECT and not known.settled:
            evidence = (*self._clinic_rules.by_contact(self._contacts.facts(key.call_id)), *evidence)
        return self._clinics.settle(key.call_id, known, evidence, now=self._clock())

    def _evidence(self, live: LiveState) -> LiveEvidence:
        key = transcript_key(live.clinic_id, live.day, live.call_id, CallKind.AGENT).primary()
        found = self._table.get_item(Key=key, ConsistentRead=True, ProjectionExpression="PK")
        return LiveEvidence(state=live, transcribed="Item" in found)

    def _conclude(
        self, admitted: AdmittedRecording, live: LiveEvidence | None, *, told: CallRecording, execution: str
    ) -> Decision:
        """Hand a usable recording on, unless its live transcript stands for it.

        Args:
            admitted: The recording.
            live: What is known of its live call; `None` where there is none, or it does not matter.
            told: The call by the recording's own key and metadata, whatever day it is filed under.
            execution: Our execution.
        """
        if live is None:
            return Decision(verdict=Verdict.CLAIMED, reason="new", recording=admitted.to_payload())
        recorded = possible_time(
            told,
            seconds=admitted.audio.duration_seconds,
            written_at=admitted.last_modified,
            agent_joined_at=live.state.agent_joined_at,
            disconnected_at=live.state.disconnected_at,
        )
        judgement = self._live_policy.judge(live, recorded=recorded)
        if not judgement.covered:
            return Decision(verdict=Verdict.CLAIMED, reason=judgement.reason, recording=admitted.to_payload())
        call = live.state
        self._claims.cover(
            admitted.recording_id,
            execution=execution,
            reason=judgement.reason,
            live=transcript_key(call.clinic_id, call.day, call.call_id, CallKind.AGENT),
            now=self._clock(),
        )
        return Decision(verdict=Verdict.COVERED, reason=judgement.reason, recording=admitted.to_payload())

    def _head(self, announcement: Announcement) -> _StoredObject | None:
        """Look at the announced content; `None` when it, or the object as a whole, was deleted."""
        bucket, key, version_id = announcement.bucket, announcement.announced.key, announcement.announced.version_id
        try:
            # Its checksum takes the rights that reading it takes (Amazon S3 API reference, "HeadObject").
            head = self._s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
            if version_id is not None:
                # The version outlives a deletion without a version id, but whoever deleted the call wanted it gone:
                # so the object is asked for first, and its announced version only then.
                head = self._s3.head_object(Bucket=bucket, Key=key, VersionId=version_id, ChecksumMode="ENABLED")
        except ClientError as error:
            # HEAD has no body to carry a code such as NoSuchKey, so the status stands for it.
            if error_code(error) in {"404", "NoSuchKey", "NoSuchVersion"}:
                return None
            raise
        version = head.get("VersionId")
        return _StoredObject(
            etag=head["ETag"].strip('"'),
            version_id=None if version in (None, "", "null") else version,
            digest=digest_in(head),
            size_bytes=head["ContentLength"],
            last_modified=head["LastModified"],
            metadata=head["Metadata"],
        )

    def _earlier_version_is_kept(self, call: CallRecording, recording_id: str) -> bool:
        if self._on_new_version is not NewVersionPolicy.KEEP:
            return False
        key = transcript_key(call.clinic_id, call.day, call.call_id, call.kind).primary()
        transcript = self._table.get_item(Key=key, ConsistentRead=True, ProjectionExpression="recording_id").get("Item")
        # A live transcript is of no recording, hence of no earlier one.
        return transcript is not None and transcript.get("recording_id", recording_id) != recording_id

    def _probe(self, candidate: Candidate) -> AudioFacts:
        stream = ObjectStream(
            s3=self._s3,
            bucket=candidate.bucket,
            key=candidate.key,
            version_id=candidate.version_id,
            etag=candidate.etag,
            size_bytes=candidate.size_bytes,
        )
        try:
            with io.BufferedReader(stream, _BUFFER_BYTES) as buffered:
                return probe(buffered, candidate.size_bytes, max_duration_seconds=self._max_duration_seconds)
        except UnusableAudio as unusable:
            raise Rejected(unusable.code, str(unusable)) from None
        except ObjectChanged:
            raise Rejected(
                "RecordingChanged",
                "the recording was deleted or replaced while it was read; a new upload has its own event",
            ) from None

    def _take(self, candidate: Candidate, announcement: Announcement, *, execution: str) -> Taken | Duplicate:
        return self._claims.take(
            candidate,
            execution=execution,
            now=self._clock(),
            lease=self._lease,
            ended_execution=announcement.redrive_of,
        )

    def _refuse(
        self, candidate: Candidate, refusal: Rejected, announcement: Announcement, *, execution: str
    ) -> Decision:
        """Reject a recording that is not claimed yet, once for all its announcements."""
        taken = self._take(candidate, announcement, execution=execution)
        if isinstance(taken, Duplicate):
            return _duplicate(candidate, taken.reason)
        return self._reject(candidate, refusal, execution=execution)

    def _reject(self, candidate: Candidate, refusal: Rejected, *, execution: str) -> Decision:
        self._claims.reject(candidate.recording_id, execution=execution, error=refusal, now=self._clock())
        return Decision(
            verdict=Verdict.REJECTED, reason=refusal.code, message=refusal.message, recording=_known(candidate)
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
    """File the recording under the day of its live call, which may have begun before midnight."""
    if live is None or live.day == call.day:
        return call
    return replace(call, started_at=live.started_at, started_at_source=StartSource.LIVE)


def _candidate(
    announcement: Announcement, *, call: CallRecording | None, stored: _StoredObject | None = None
) -> Candidate:
    announced = announcement.announced
    version_id = announced.version_id or (stored.version_id if stored else None)
    return Candidate(
        recording_id=recording_id(announcement.bucket, announced.key, version_id, announced.etag),
        bucket=announcement.bucket,
        key=announced.key,
        version_id=version_id,
        etag=announced.etag.strip('"'),
        size_bytes=stored.size_bytes if stored else 0,
        sequencer=announced.sequencer,
        digest=stored.digest if stored else None,
        call=call,
    )


def _duplicate(candidate: Candidate, reason: str) -> Decision:
    return Decision(verdict=Verdict.DUPLICATE, reason=reason, recording=_known(candidate))


def _known(candidate: Candidate) -> dict[str, str]:
    """Return what can be told of a recording that is not admitted."""
    known = {"recording_id": candidate.recording_id, "bucket": candidate.bucket, "key": candidate.key}
    return known if candidate.call is None else known | {"call_id": candidate.call.call_id}
