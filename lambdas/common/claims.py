"""Claims: who may work on a recording, and what has been paid for already.

A recording's claim is one item of the table. Every change of it is a conditional write, so that of any number of
executions, containers and repeated messages exactly one gets through.

Two leases guard it. The *claim lease* belongs to an execution of the state machine and lasts longer than an execution
can; after it, another execution takes over. The *request lease* belongs to one message delivery and lasts longer than
one request to the speech service can; after it, a redelivered message may send the request again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore.exceptions import ClientError

from callscribe.contract.schema import SCHEMA_VERSION
from callscribe.contract.table_keys import EXPIRY, ItemKey, claim_key, failed_listing
from callscribe.serialization import OpenEnum
from lambdas.common.errors import SafeError, TransientError, error_code

if TYPE_CHECKING:
    from collections.abc import Collection

    from mypy_boto3_dynamodb.service_resource import Table

    from callscribe.recordings.calls import CallRecording
    from callscribe.recordings.recording import RecordingObject


class ClaimStatus(OpenEnum):
    """How far the work on a recording has come. One that a later version knows is its own to go on with."""

    CLAIMED = "claimed"
    TRANSCRIBED = "transcribed"
    STORED = "stored"
    COMPLETED = "completed"
    FAILED = "failed"
    REJECTED = "rejected"
    SUPERSEDED = "superseded"
    KEPT = "kept"
    COVERED = "covered"
    DUPLICATE = "duplicate"


REPEATABLE = frozenset({ClaimStatus.FAILED, ClaimStatus.REJECTED})
IN_PROGRESS = frozenset({ClaimStatus.CLAIMED, ClaimStatus.TRANSCRIBED, ClaimStatus.STORED})

# Something else than a transcript of their own stands for them.
_STOOD_FOR = frozenset({ClaimStatus.COVERED, ClaimStatus.DUPLICATE})

# What whoever takes a claim over writes anew. Which call it is, too: it may have become known only now, once its layout
# or clinic was configured.
_TAKEN_OVER = (
    *("execution", "lease_until", "updated_at", "size_bytes", "digest", "schema_version"),
    *("GSI1PK", "GSI1SK", "clinic_id", "clinic_source", "call_id", "kind"),
)

# A lost conditional write means somebody else made progress, so a few rounds always suffice.
_MAX_ROUNDS = 5


@dataclass(frozen=True, kw_only=True)
class Taken:
    """The claim is ours."""


@dataclass(frozen=True, kw_only=True)
class Duplicate:
    """The recording needs no work.

    Attributes:
        reason: `already-transcribed`, `superseded`, `kept-earlier-version`, `covered-by-live-transcript`,
            `same-content` or `in-progress`.
    """

    reason: str


@dataclass(frozen=True, kw_only=True)
class RequestLease:
    """Permission to send one request to the speech service.

    Attributes:
        owner: Name of this one request, by which the lease is known to be ours.
        until: End of the lease, in seconds since the epoch.
        requests: Requests sent for this recording so far, this one included.
        refused: Those of them that the service answered with an error.
        attempts: Requests that this execution has sent so far, this one included.
    """

    owner: str
    until: int
    requests: int
    refused: int
    attempts: int


@dataclass(frozen=True, kw_only=True)
class RequestInFlight:
    """Another delivery of the message is asking the speech service at this moment.

    Attributes:
        until: When to look again, in seconds since the epoch.
    """

    until: int


@dataclass(frozen=True, kw_only=True)
class AlreadyAnswered:
    """This execution has had its answer: if the reply is not in the archive, it could not be kept."""


@dataclass(frozen=True, kw_only=True)
class AttemptsSpent:
    """This execution has sent as many requests as it may.

    Attributes:
        attempts: How many.
    """

    attempts: int


class ClaimLost(SafeError):
    """The claim is gone or belongs to another execution, which will finish the work."""


def _listed_as_failed(recording_id: str, now: datetime) -> dict[str, str]:
    listing = failed_listing(recording_id, now)
    return {":list": listing["GSI2PK"], ":place": listing["GSI2SK"]}


class Claims:
    """The claims in one table.

    Args:
        table: The table of transcripts and claims.
        retention: How long a claim is remembered, counted from its first write; `None` keeps it for ever. A recording
            announced again after that is transcribed, and paid for, again.
    """

    def __init__(self, *, table: Table, retention: timedelta | None = None) -> None:
        self._table = table
        self.retention = retention

    def take(
        self,
        recording: RecordingObject,
        *,
        call: CallRecording | None,
        size_bytes: int = 0,
        digest: str | None = None,
        execution: str,
        now: datetime,
        lease: timedelta,
        ended_executions: Collection[str] = (),
    ) -> Taken | Duplicate:
        """Claim a recording for an execution, unless somebody else has it or it is done.

        A failed or rejected recording may be claimed again. A claim in progress is taken over once its lease has run
        out, or at once from an execution that is known to have ended; for the execution that holds it, taking it is
        idempotent. A recording that a live transcript or another recording stands for is claimed by who repeats it on
        purpose.

        Args:
            recording: The recording.
            call: The call it belongs to; `None` when its key tells none.
            size_bytes: Size of the object; 0 where nobody could look at it.
            digest: What tells the content from any other (see `lambdas.admit_recording.contents`); `None` if nothing
                does.
            execution: Our execution.
            now: The time.
            lease: How long our execution can live at most.
            ended_executions: The executions whose failure this one repeats, if it repeats any. Each may have died
                before it could give its claim back.

        Raises:
            TransientError: Others kept changing the claim.
        """
        item = self._new(recording, call, size_bytes, digest, execution=execution, now=now, lease=lease)
        for _ in range(_MAX_ROUNDS):
            if self._create(item):
                return Taken()
            existing = self.get(recording.recording_id)
            if existing is None:  # expired between the two calls
                continue
            status = ClaimStatus(str(existing["status"]))
            mine = existing["execution"] == execution
            abandoned = existing["execution"] in ended_executions or int(existing["lease_until"]) < _epoch(now)
            if status in IN_PROGRESS and not mine and not abandoned:
                return Duplicate(reason="in-progress")
            if status in IN_PROGRESS | _STOOD_FOR and mine:
                return Taken()
            repeated = status in REPEATABLE or (status in _STOOD_FOR and bool(ended_executions))
            if not repeated and status not in IN_PROGRESS:
                return Duplicate(reason=_REASON_BY_FINAL_STATUS.get(status, status.value))
            if self._take_over(existing, item):
                return Taken()
        raise TransientError("Claim.Contention", "the claim was changed by others all the time")

    def keep_earlier(self, recording_id: str, *, execution: str, now: datetime) -> None:
        """Note on our claim that the recording is left alone, because the policy keeps an earlier one of the call.

        Raises:
            ClaimLost: Another execution has the claim.
        """
        self._change(
            recording_id,
            update="SET #status = :status, updated_at = :now",
            condition="execution = :execution",
            values={":status": ClaimStatus.KEPT, ":now": now.isoformat(), ":execution": execution},
        )

    def cover(self, recording_id: str, *, execution: str, reason: str, live: ItemKey, now: datetime) -> None:
        """Note on our claim that the call's live transcript stands for the recording.

        Args:
            recording_id: The recording.
            execution: Our execution.
            reason: Code of the cause.
            live: Keys of the live transcript.
            now: The time.

        Raises:
            ClaimLost: Another execution has the claim.
        """
        self._change(
            recording_id,
            update="SET #status = :status, covered_reason = :reason, live_transcript = :live, updated_at = :now",
            condition="execution = :execution",
            values={
                ":status": ClaimStatus.COVERED,
                ":reason": reason,
                ":live": {"pk": live.pk, "sk": live.sk},
                ":now": now.isoformat(),
                ":execution": execution,
            },
        )

    def link(self, recording_id: str, *, execution: str, same_content_as: str, now: datetime) -> None:
        """Note on our claim that another recording of the call has the same content, and its transcript is ours.

        Raises:
            ClaimLost: Another execution has the claim.
        """
        self._change(
            recording_id,
            update="SET #status = :status, same_content_as = :other, updated_at = :now",
            condition="execution = :execution",
            values={
                ":status": ClaimStatus.DUPLICATE,
                ":other": same_content_as,
                ":now": now.isoformat(),
                ":execution": execution,
            },
        )

    def reject(self, recording_id: str, *, execution: str, error: SafeError, now: datetime) -> None:
        """Note on our claim that the recording cannot be transcribed, and why.

        Raises:
            ClaimLost: Another execution has the claim.
        """
        self._change(
            recording_id,
            update="SET #status = :status, error_code = :code, error_message = :message, updated_at = :now,"
            " GSI2PK = :list, GSI2SK = :place",
            condition="execution = :execution",
            values={
                **_listed_as_failed(recording_id, now),
                ":status": ClaimStatus.REJECTED,
                ":code": error.code,
                ":message": error.message,
                ":now": now.isoformat(),
                ":execution": execution,
            },
        )

    def begin_request(
        self, recording_id: str, *, execution: str, now: datetime, lease: timedelta, most: int | None = None
    ) -> RequestLease | RequestInFlight | AlreadyAnswered | AttemptsSpent:
        """Take the request lease and count one request to the speech service, before it is sent.

        There is no lease for an execution that has its reply: a delivery that looked for it too early must look again.

        Args:
            recording_id: The recording.
            execution: Our execution, which must still hold the claim.
            now: The time.
            lease: How long the request can take at most.
            most: Requests that one execution may send; `None` sets no limit.

        Raises:
            ClaimLost: Another execution has the claim.
        """
        owner, until = uuid4().hex, _epoch(now + lease)
        limit = "" if most is None else " AND (attribute_not_exists(execution_requests) OR execution_requests < :most)"
        try:
            changed = self._change(
                recording_id,
                update="SET request_lease_owner = :owner, request_lease_until = :until, updated_at = :now"
                " ADD deepgram_requests :one, execution_requests :one",
                condition="execution = :execution"
                " AND (attribute_not_exists(request_lease_until) OR request_lease_until < :epoch)"
                f" AND (attribute_not_exists(reply_execution) OR reply_execution <> :execution){limit}",
                values={
                    ":owner": owner,
                    ":until": until,
                    ":now": now.isoformat(),
                    ":one": 1,
                    ":execution": execution,
                    ":epoch": _epoch(now),
                    **({} if most is None else {":most": most}),
                },
            )
        except ClaimLost:
            existing = self.get(recording_id)
            if existing is None or existing["execution"] != execution:
                raise
            # boto3 repeats a write whose answer got lost, and the repetition finds the lease taken: by ourselves.
            if existing.get("request_lease_owner") != owner:
                return _no_lease(existing, execution=execution, now=now, most=most)
            changed = existing
        return RequestLease(
            owner=owner,
            until=until,
            requests=int(changed["deepgram_requests"]),
            refused=int(changed.get("deepgram_refused", 0)),
            attempts=int(changed["execution_requests"]),
        )

    def note_answer(self, recording_id: str, *, execution: str, lease: RequestLease, now: datetime) -> None:
        """Note that the service has answered our request, before the reply is kept: this execution then asks no more.

        Raises:
            ClaimLost: The lease or the claim is not ours any more.
        """
        self._change(
            recording_id,
            update="SET updated_at = :now, reply_execution = :execution",
            condition="execution = :execution AND request_lease_owner = :owner",
            values={":now": now.isoformat(), ":execution": execution, ":owner": lease.owner},
        )

    def end_request(
        self,
        recording_id: str,
        *,
        execution: str,
        lease: RequestLease,
        now: datetime,
        replied: bool,
        refused: bool = False,
    ) -> None:
        """Give the request lease back after a request that brought no transcription.

        Args:
            recording_id: The recording.
            execution: Our execution.
            lease: The lease.
            now: The time.
            replied: Whether a reply arrived all the same; this execution then sends no further request.
            refused: Whether the service answered with an error.

        Raises:
            ClaimLost: The lease or the claim is not ours any more.
        """
        reply = ", reply_execution = :execution" if replied else ""
        count = " ADD deepgram_refused :one" if refused else ""
        try:
            self._change(
                recording_id,
                update=f"SET updated_at = :now{reply} REMOVE request_lease_owner, request_lease_until{count}",
                condition="execution = :execution AND request_lease_owner = :owner",
                values={
                    ":now": now.isoformat(),
                    ":execution": execution,
                    ":owner": lease.owner,
                    **({":one": 1} if refused else {}),
                },
            )
        except ClaimLost:
            existing = self.get(recording_id)
            # As in `begin_request`: without a lease, a repeated write only finds that the first one was heard.
            if existing is None or existing["execution"] != execution or "request_lease_owner" in existing:
                raise

    def record_reply(self, recording_id: str, *, execution: str, reply_key: str, request_id: str, now: datetime) -> int:
        """Note where the reply is and end the request; return how many requests were sent for this recording.

        Raises:
            ClaimLost: Another execution has the claim, or its work has gone on.
        """
        changed = self._change(
            recording_id,
            update="SET #status = :status, reply_key = :reply, request_id = :request, updated_at = :now,"
            " reply_execution = :execution"
            " REMOVE request_lease_owner, request_lease_until",
            # A delivery that comes late must not take a claim back that has gone on. An execution that is redriven from
            # this step finds it failed.
            condition="execution = :execution AND #status IN (:status, :claimed, :failed)",
            values={
                ":status": ClaimStatus.TRANSCRIBED,
                ":claimed": ClaimStatus.CLAIMED,
                ":failed": ClaimStatus.FAILED,
                ":reply": reply_key,
                ":request": request_id,
                ":now": now.isoformat(),
                ":execution": execution,
            },
        )
        return int(changed.get("deepgram_requests", 0))

    def supersede(self, recording_id: str, *, now: datetime) -> None:
        """Note that a newer version of the call was stored before this one was ready."""
        self._change(
            recording_id,
            update="SET #status = :status, updated_at = :now REMOVE GSI2PK, GSI2SK",
            condition="attribute_exists(PK)",
            values={":status": ClaimStatus.SUPERSEDED, ":now": now.isoformat()},
        )

    def get(self, recording_id: str) -> dict[str, Any] | None:
        """Return a claim as it is now (strongly consistent)."""
        return self._table.get_item(Key=_primary(recording_id), ConsistentRead=True).get("Item")

    def _new(
        self,
        recording: RecordingObject,
        call: CallRecording | None,
        size_bytes: int,
        digest: str | None,
        *,
        execution: str,
        now: datetime,
        lease: timedelta,
    ) -> dict[str, Any]:
        """Return a claim as it begins."""
        item: dict[str, Any] = {
            **_call_attributes(recording.recording_id, call),
            "type": "claim",
            "schema_version": SCHEMA_VERSION,
            "status": ClaimStatus.CLAIMED,
            "recording_id": recording.recording_id,
            "bucket": recording.bucket,
            "s3_key": recording.key,
            "etag": recording.etag,
            "size_bytes": size_bytes,
            "execution": execution,
            "lease_until": _epoch(now + lease),
            "attempts": 1,
            "deepgram_requests": 0,
            "created_at": now.isoformat(),
            "updated_at": now.isoformat(),
        }
        if recording.version_id is not None:
            item["version_id"] = recording.version_id
        if recording.sequencer:
            item["sequencer"] = recording.sequencer
        if digest is not None:
            item["digest"] = digest
        if self.retention is not None:
            item[EXPIRY] = _epoch(now + self.retention)
        return item

    def _create(self, item: dict[str, Any]) -> bool:
        try:
            self._table.put_item(Item=item, ConditionExpression="attribute_not_exists(PK)")
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def _take_over(self, existing: dict[str, Any], ours: dict[str, Any]) -> bool:
        """Write over a claim what ours says, provided that it has not changed since it was read."""
        written = {name: ours[name] for name in _TAKEN_OVER if name in ours}
        # The request lease stays: a request of the earlier execution may still be under way.
        update = (
            "SET #status = :status" + "".join(f", {name} = :{name}" for name in written) + " ADD attempts :one"
            " REMOVE error_code, error_message, failed_step, covered_reason, live_transcript, same_content_as,"
            " execution_requests, GSI2PK, GSI2SK"
        )
        try:
            self._change(
                str(ours["recording_id"]),
                update=update,
                condition="#status = :old_status AND execution = :old_execution AND lease_until = :old_until",
                values={
                    **{f":{name}": value for name, value in written.items()},
                    ":status": ours["status"],
                    ":one": 1,
                    ":old_status": existing["status"],
                    ":old_execution": existing["execution"],
                    ":old_until": existing["lease_until"],
                },
            )
        except ClaimLost:
            return False
        return True

    def _change(self, recording_id: str, *, update: str, condition: str, values: dict[str, Any]) -> dict[str, Any]:
        """Change a claim if the condition holds, and return all of it."""
        names = {"#status": "status"} if "#status" in update + condition else {}
        try:
            response = self._table.update_item(
                Key=_primary(recording_id),
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
                **({"ExpressionAttributeNames": names} if names else {}),  # type: ignore[arg-type]
            )
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                raise ClaimLost("Claim.Lost", "another execution works on this recording") from None
            raise
        return response["Attributes"]


_REASON_BY_FINAL_STATUS = {
    ClaimStatus.COMPLETED: "already-transcribed",
    ClaimStatus.SUPERSEDED: "superseded",
    ClaimStatus.KEPT: "kept-earlier-version",
    ClaimStatus.COVERED: "covered-by-live-transcript",
    ClaimStatus.DUPLICATE: "same-content",
}


def _no_lease(
    claim: dict[str, Any], *, execution: str, now: datetime, most: int | None
) -> RequestInFlight | AlreadyAnswered | AttemptsSpent:
    """Say why an execution that holds a claim gets no request lease."""
    until = int(claim.get("request_lease_until", 0))
    if until >= _epoch(now):
        return RequestInFlight(until=until)
    if claim.get("reply_execution") == execution:
        return AlreadyAnswered()
    attempts = int(claim.get("execution_requests", 0))
    if most is not None and attempts >= most:
        return AttemptsSpent(attempts=attempts)
    # What was in the way is gone meanwhile.
    return RequestInFlight(until=_epoch(now))


def _call_attributes(recording_id: str, call: CallRecording | None) -> dict[str, str]:
    """Return the attributes of a claim that say what it is on: its keys and its call."""
    if call is None:
        return claim_key(recording_id, None, None).attributes()
    source = {} if call.clinic_source is None else {"clinic_source": call.clinic_source.value}
    return {
        **claim_key(recording_id, call.call_id, call.kind).attributes(),
        "clinic_id": call.clinic_id,
        "call_id": call.call_id,
        "kind": call.kind.value,
        **source,
    }


def _primary(recording_id: str) -> dict[str, str]:
    return claim_key(recording_id, None, None).primary()


def _epoch(moment: datetime) -> int:
    return int(moment.timestamp())
