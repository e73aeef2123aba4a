"""The calls of one clinic that failed, and the repetition of one.

What failed is listed for all clinics together, by keys and ids alone. The list is read in a session that can read
nothing else; of what it names only this clinic's is kept, and the claims are then read in a session that names these
recordings.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from boto3.dynamodb.conditions import Key

from callscribe.console.failures import FailedRow, failed_live_call, failed_recording
from callscribe.contract.table_keys import (
    CALL_INDEX,
    FAILED_PARTITION,
    LISTING_INDEX,
    RECORDINGS,
    claim_key,
    live_call_key,
    live_calls_partition,
)
from callscribe.live.audio_kept import is_kept, left_at
from callscribe.live.call import InvalidLiveCall, LiveCall, LiveStatus
from callscribe.recordings.redrive import announcement_of, execution_name, redrive_message_id
from callscribe.serialization import InvalidData, decode
from callscribe.table_values import plain
from lambdas.call_console.errors import Conflict, NotFound
from lambdas.call_console.sessions import LIVE_DAYS
from lambdas.common.claims import REPEATABLE, ClaimStatus

if TYPE_CHECKING:
    from mypy_boto3_kinesisvideo import KinesisVideoClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

    from lambdas.call_console.sessions import ClinicSession, ClinicSessions

_MOST_LISTED: Final = 1000
"""Most failures of all clinics that a request looks at."""
_MOST_RECORDINGS: Final = 15
"""Most recordings that a session's policy has room to name."""
_MOST_LIVE: Final = 200
_MOST_ATTEMPTS: Final = 20
_NOT_KEPT: Final = "the audio of the call is not kept in full any more: what there is of it is its recording"
_RECORDING: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class FailedCalls:
    """What failed.

    Attributes:
        calls: The latest failures of the clinic, the newest first.
        complete: Whether that is all that is known; there may be older ones otherwise.
        live_since: First day (UTC) of the live calls that were looked at.
    """

    calls: tuple[FailedRow, ...]
    complete: bool
    live_since: str


class ClinicFailures:
    """Reads and repeats the failed calls of one clinic.

    Args:
        session: What is the clinic's.
        sessions: Opens sessions for what stands elsewhere.
        state_machine_arn: What repeats recordings; None where nothing may.
        live_calls_queue_url: From where live calls are followed again; None where they cannot be.
    """

    def __init__(
        self,
        session: ClinicSession,
        sessions: ClinicSessions,
        *,
        state_machine_arn: str | None,
        live_calls_queue_url: str | None,
    ) -> None:
        self._session = session
        self._sessions = sessions
        self._state_machine_arn = state_machine_arn
        self._live_calls_queue_url = live_calls_queue_url

    def latest(self) -> FailedCalls:
        """The latest failures."""
        recordings, all_recordings = self._failed_recordings()
        can = self._state_machine_arn is not None
        rows = [failed_recording(claim, repeatable=can) for claim in self._claims(recordings)]
        live, all_live = self._failed_live_calls()
        can_live = self._live_calls_queue_url is not None
        rows += [failed_live_call(item, repeatable=can_live) for item in live]
        rows.sort(key=lambda row: row.failed_at, reverse=True)
        since = datetime.now(UTC).date() - timedelta(days=LIVE_DAYS)
        return FailedCalls(calls=tuple(rows), complete=all_recordings and all_live, live_since=since.isoformat())

    def _failed_recordings(self) -> tuple[list[str], bool]:
        """Ids of the clinic's latest failed recordings, and whether these are all."""
        found: list[str] = []
        table = self._sessions.of_partitions(self._session, [FAILED_PARTITION]).table
        start: dict[str, Any] = {}
        examined = 0
        while examined < _MOST_LISTED:
            answer = table.query(
                IndexName=LISTING_INDEX,
                KeyConditionExpression=Key("GSI2PK").eq(FAILED_PARTITION),
                ProjectionExpression="PK, clinic_id",
                ScanIndexForward=False,
                Limit=_MOST_LISTED - examined,
                **start,
            )
            for item in answer["Items"]:
                if item.get("clinic_id") == self._session.clinic_id:
                    if len(found) == _MOST_RECORDINGS:
                        return found, False
                    found.append(str(item["PK"]).removeprefix(RECORDINGS))
            examined += len(answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return found, True
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
        return found, False

    def _claims(self, recordings: list[str]) -> list[dict[str, Any]]:
        """The claims that are still failed, and still the clinic's."""
        if not recordings:
            return []
        keys = [claim_key(recording, None, None) for recording in recordings]
        table = self._sessions.of_partitions(self._session, [key.pk for key in keys]).table
        found = [table.get_item(Key=key.primary(), ConsistentRead=True).get("Item") for key in keys]
        return [plain(claim) for claim in found if claim is not None and self._is_failed(claim)]

    def _is_failed(self, claim: dict[str, Any]) -> bool:
        own = claim.get("clinic_id") == self._session.clinic_id
        return own and ClaimStatus(str(claim["status"])) in REPEATABLE

    def _failed_live_calls(self) -> tuple[list[dict[str, Any]], bool]:
        items: list[dict[str, Any]] = []
        today, complete = datetime.now(UTC).date(), True
        for back in range(LIVE_DAYS + 1):
            day = (today - timedelta(days=back)).isoformat()
            answer = self._session.table.query(
                IndexName=CALL_INDEX,
                KeyConditionExpression=Key("GSI1PK").eq(live_calls_partition(self._session.clinic_id, day)),
                Limit=_MOST_LIVE,
            )
            items += [plain(item) for item in answer["Items"] if item["status"] == LiveStatus.FAILED]
            complete = complete and "LastEvaluatedKey" not in answer
        return items, complete

    def redrive(self, recording_id: str, step_functions: SFNClient) -> str:
        """Repeat a recording, as `callscribe redrive` does; returns its call's id.

        Raises:
            NotFound: There is no such failed recording of the clinic, or nothing may repeat it.
            Conflict: It is being repeated.
        """
        if self._state_machine_arn is None or not _RECORDING.fullmatch(recording_id):
            raise NotFound
        claims = self._claims([recording_id])
        if not claims:
            raise NotFound
        [claim] = claims
        told = json.dumps({**announcement_of(claim), "redrive_of": claim["execution"]})
        for attempt in range(1, _MOST_ATTEMPTS + 1):
            name = execution_name(redrive_message_id(claim), attempt)
            try:
                step_functions.start_execution(stateMachineArn=self._state_machine_arn, name=name, input=told)
                return str(claim.get("call_id") or "")
            except step_functions.exceptions.ExecutionAlreadyExists:
                execution = f"{self._state_machine_arn.replace(':stateMachine:', ':execution:')}:{name}"
                if step_functions.describe_execution(executionArn=execution)["status"] == "RUNNING":
                    raise Conflict("it is being repeated already: look again in a minute") from None
        raise Conflict("it was repeated too often: ask who runs CallScribe")

    def follow_again(self, call_id: str, *, sqs: SQSClient, kinesis_video: KinesisVideoClient) -> None:
        """Give a live call back to the streamers, which go on where it was left, as `callscribe redrive --live` does.

        Raises:
            NotFound: There is no such failed live call of the clinic, or nobody may follow it.
            Conflict: Its audio is not kept any more.
        """
        if self._live_calls_queue_url is None:
            raise NotFound
        table = self._sessions.of_call(self._session, call_id).table
        item = table.get_item(Key=live_call_key(call_id).primary(), ConsistentRead=True).get("Item")
        if item is None or item.get("clinic_id") != self._session.clinic_id or item["status"] != LiveStatus.FAILED:
            raise NotFound
        call = _announced(plain(item))
        try:
            stream = kinesis_video.describe_stream(StreamARN=call.stream_arn)["StreamInfo"]
        except kinesis_video.exceptions.ResourceNotFoundException:
            raise Conflict(_NOT_KEPT) from None
        left = left_at(item, started_at_ms=call.started_at_ms)
        if not is_kept(left, retention=timedelta(hours=stream["DataRetentionInHours"]), now=datetime.now(UTC)):
            raise Conflict(_NOT_KEPT)
        sqs.send_message(QueueUrl=self._live_calls_queue_url, MessageBody=call.to_json())


def _announced(item: dict[str, Any]) -> LiveCall:
    """The announcement of a live call, as its item keeps it.

    Raises:
        NotFound: It keeps none that could be followed.
    """
    try:
        return decode(LiveCall, item, "the live call")
    except (InvalidData, InvalidLiveCall):
        raise NotFound from None
