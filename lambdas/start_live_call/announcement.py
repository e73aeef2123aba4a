"""From the flow's event to the live call, and from there to the table and the queue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from callscribe.contract.schema import SCHEMA_VERSION
from callscribe.contract.table_keys import EXPIRY, disconnection_key, live_call_key
from callscribe.live.call import InvalidLiveCall, LiveCall, LiveStatus
from callscribe.recordings.clinics import InvalidClinic
from lambdas.common.observability import correlate

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_sqs import SQSClient

    from callscribe.recordings.clinics import ClinicRules, ClinicSource
    from lambdas.common.clinics import Clinics
    from lambdas.common.contact_flow import ContactFlowEvent, MediaStream


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


def _streamed(event: ContactFlowEvent) -> tuple[MediaStream, str, int]:
    """Return where the audio of the flow's call goes: all of it, its stream and since when."""
    if not event.is_voice:
        raise Refused("not-voice", "the contact is not a call")
    media = event.media
    if media is None or not media.arn or media.started_at_ms is None:
        raise Refused(
            "no-media-stream", "streaming has not been started in the flow, or the instance does not allow it"
        )
    return media, media.arn, media.started_at_ms


def live_call(event: ContactFlowEvent, *, clinic_id: str) -> LiveCall:
    """Return the call that the flow announces.

    Args:
        event: The flow's event.
        clinic_id: Whose call it is.

    Raises:
        Refused: `not-voice`, `no-media-stream` or `invalid-call`.
    """
    media, stream_arn, started_at_ms = _streamed(event)
    try:
        return LiveCall(
            call_id=event.contact_id,
            clinic_id=clinic_id,
            stream_arn=stream_arn,
            start_fragment=media.start_fragment or "",
            # Nothing says that Connect tells a later start when streaming is started again. After a stop it must be.
            started_at_ms=max(started_at_ms, 0 if media.stopped_at_ms is None else media.stopped_at_ms + 1),
        )
    except InvalidLiveCall as error:
        raise Refused("invalid-call", str(error)) from None


class Announcer:
    """Announces calls to the streamers.

    Args:
        table: Table of live calls.
        sqs: Client of the queue.
        queue_url: Queue that streamers take calls from.
        clinics: Whose calls they are.
        rules: Whose a call is that nobody has decided about.
        retention: How long the state of a call is kept; `None` keeps it for ever.
    """

    def __init__(
        self,
        *,
        table: Table,
        sqs: SQSClient,
        queue_url: str,
        clinics: Clinics,
        rules: ClinicRules,
        retention: timedelta | None,
    ) -> None:
        self._table = table
        self._sqs = sqs
        self._queue_url = queue_url
        self._clinics = clinics
        self._rules = rules
        self._retention = retention

    def announce(self, event: ContactFlowEvent, *, now: datetime) -> LiveCall:
        """Note the call in the table, unless it stands there, and send it to the queue.

        A call that is announced again keeps its state and its clinic, whatever the flow says by then, and its message
        is sent again: the streamer that takes it knows whether there is anything left to do. Only the times at which
        its streaming was started and stopped are added to those that stand there.

        Raises:
            Refused: As `live_call` does, and `no-clinic`.
        """
        _streamed(event)
        known = self._clinics.known(event.contact_id)
        try:
            evidence = (*self._rules.by_contact(event.facts), *self._rules.by_default())
        except InvalidClinic as invalid:
            if not known.settled:
                raise Refused("invalid-call", str(invalid)) from None
            evidence = ()
        clinic = known.with_evidence(evidence)
        if clinic is None:
            raise Refused("no-clinic", "neither flow nor contact, queue or number names a clinic; there is no default")
        call = live_call(event, clinic_id=clinic.clinic_id)
        correlate(call_id=call.call_id, recording_id=None)
        # Only a call that can be followed is decided about. Somebody else may have been faster.
        clinic = self._clinics.settle(call.call_id, known, evidence, now=now) or clinic
        call = live_call(event, clinic_id=clinic.clinic_id)
        self._note(call, event, clinic.source, now=now)
        self._take_up_end(call)
        self._sqs.send_message(QueueUrl=self._queue_url, MessageBody=call.to_json())
        return call

    def _note(self, call: LiveCall, event: ContactFlowEvent, source: ClinicSource | None, *, now: datetime) -> None:
        day = datetime.fromtimestamp(call.started_at_ms / 1000, UTC).date().isoformat()
        key = live_call_key(call.call_id, clinic_id=call.clinic_id, day=day)
        state: dict[str, Any] = {
            **{name: value for name, value in key.attributes().items() if name not in key.primary()},
            "type": "live-call",
            "schema_version": SCHEMA_VERSION,
            "status": LiveStatus.ANNOUNCED,
            "call_id": call.call_id,
            "clinic_id": call.clinic_id,
            **({} if source is None else {"clinic_source": source}),
            **({} if event.direction is None else {"direction": event.direction}),
            **({} if event.queue_id is None else {"queue_id": event.queue_id}),
            "day": day,
            "stream_arn": call.stream_arn,
            "start_fragment": call.start_fragment,
            "started_at_ms": call.started_at_ms,
            "announced_at": now.isoformat(),
            "updated_at": now.isoformat(),
        }
        if self._retention is not None:
            state[EXPIRY] = int((now + self._retention).timestamp())
        times = {"starts_ms": {call.started_at_ms}}
        if event.stopped_at_ms is not None:
            times["stops_ms"] = {event.stopped_at_ms}
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

    def _take_up_end(self, call: LiveCall) -> None:
        """Note with the call what the event of its end has told, where that was faster than this function."""
        kept = self._table.get_item(Key=disconnection_key(call.call_id).primary(), ConsistentRead=True).get("Item", {})
        told = {name: kept[name] for name in ("disconnected_at", "agent_joined_at") if name in kept}
        if told:
            self._table.update_item(
                Key=live_call_key(call.call_id).primary(),
                UpdateExpression="SET " + ", ".join(f"{name} = if_not_exists({name}, :{name})" for name in told),
                ExpressionAttributeValues={f":{name}": value for name, value in told.items()},
            )
