"""From the flow's event to the live call, and from there to the table and the queue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from transcription.codec import SCHEMA_VERSION
from transcription.live_call import InvalidLiveCall, LiveCall, LiveStatus
from transcription.table_keys import live_call_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_sqs import SQSClient

    from lambdas.common.contact_flow import ContactFlowEvent

CLINIC_ID = "clinic_id"
"""Parameter of the flow block, or attribute of the contact, that names the clinic."""


class Refused(Exception):
    """A call that cannot be transcribed live.

    Attributes:
        reason: Stable code for the flow and the log.
        message: What is wrong, without a value of the event.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message


def live_call(event: ContactFlowEvent, *, default_clinic_id: str | None) -> LiveCall:
    """Return the call that the flow announces.

    Raises:
        Refused: `not-voice`, `no-media-stream`, `no-clinic` or `invalid-call`.
    """
    if not event.is_voice:
        raise Refused("not-voice", "the contact is not a call")
    media = event.media
    if media is None or not media.arn or media.started_at_ms is None:
        raise Refused(
            "no-media-stream", "streaming has not been started in the flow, or the instance does not allow it"
        )
    clinic_id = event.value(CLINIC_ID) or default_clinic_id
    if not clinic_id:
        raise Refused("no-clinic", f"neither the flow block nor the contact has a {CLINIC_ID}, and there is no default")
    try:
        return LiveCall(
            call_id=event.contact_id,
            clinic_id=clinic_id,
            stream_arn=media.arn,
            start_fragment=media.start_fragment or "",
            # Nothing says that Connect tells a later start when streaming is started again. After a stop it must be.
            started_at_ms=max(media.started_at_ms, 0 if media.stopped_at_ms is None else media.stopped_at_ms + 1),
        )
    except InvalidLiveCall as error:
        raise Refused("invalid-call", str(error)) from None


class Announcer:
    """Announces calls to the streamers.

    Args:
        table: Table of live calls.
        sqs: Client of the queue.
        queue_url: Queue that streamers take calls from.
        retention: How long the state of a call is kept; `None` keeps it for ever.
    """

    def __init__(self, *, table: Table, sqs: SQSClient, queue_url: str, retention: timedelta | None) -> None:
        self._table = table
        self._sqs = sqs
        self._queue_url = queue_url
        self._retention = retention

    def announce(self, call: LiveCall, *, stopped_at_ms: int | None, now: datetime) -> None:
        """Note the call in the table, unless it stands there, and send it to the queue.

        A call that is announced again keeps its state, whatever it is, and its message is sent again: the streamer
        that takes it knows whether there is anything left to do. Only the times at which its streaming was started and
        stopped are added to those that stand there.

        Args:
            call: The call.
            stopped_at_ms: When its streaming was last stopped, by the event; `None` if it never was.
            now: The time.
        """
        self._note(call, stopped_at_ms=stopped_at_ms, now=now)
        self._sqs.send_message(QueueUrl=self._queue_url, MessageBody=call.to_json())

    def _note(self, call: LiveCall, *, stopped_at_ms: int | None, now: datetime) -> None:
        day = datetime.fromtimestamp(call.started_at_ms / 1000, UTC).date().isoformat()
        key = live_call_key(call.call_id, clinic_id=call.clinic_id, day=day)
        state: dict[str, Any] = {
            **{name: value for name, value in key.attributes().items() if name not in key.primary()},
            "type": "live-call",
            "schema_version": SCHEMA_VERSION,
            "status": LiveStatus.ANNOUNCED,
            "call_id": call.call_id,
            "clinic_id": call.clinic_id,
            "day": day,
            "stream_arn": call.stream_arn,
            "start_fragment": call.start_fragment,
            "started_at_ms": call.started_at_ms,
            "announced_at": now.isoformat(),
            "updated_at": now.isoformat(),
        }
        if self._retention is not None:
            state["expires_at"] = int((now + self._retention).timestamp())
        times = {"starts_ms": {call.started_at_ms}}
        if stopped_at_ms is not None:
            times["stops_ms"] = {stopped_at_ms}
        # Several of the names are reserved words of DynamoDB.
        self._table.update_item(
            Key=key.primary(),
            UpdateExpression="SET "
            + ", ".join(f"#{name} = if_not_exists(#{name}, :{name})" for name in state)
            + " ADD "
            + ", ".join(f"#{name} :{name}" for name in times),
            ExpressionAttributeNames={f"#{name}": name for name in (*state, *times)},
            ExpressionAttributeValues={f":{name}": value for name, value in (*state.items(), *times.items())},
        )
