"""What the messages in the queue of failed live calls say, and how the calls go on.

Streamers leave announcements there, as they got them, of calls that cannot be followed; so does SQS, of calls that no
streamer kept. EventBridge and Lambda leave the event that tells of the end of a call whose transcript was not stored.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from botocore.exceptions import ClientError

from callscribe.contract.events import LIVE_CALL_TRANSCRIBED
from callscribe.live.audio_kept import is_kept, left_at
from callscribe.live.call import InvalidLiveCall, LiveCall
from callscribe.serialization import decode_json

from .failed_calls import FailedCall
from .live_calls import LiveCallStore

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

    from .environment import Environment

# As the streamer, EventBridge and Lambda name it.
_ERROR_ATTRIBUTES = ("error_code", "ERROR_CODE", "ErrorCode")


@dataclass(frozen=True)
class FollowAgain:
    """Give the announcement back to the streamers, which go on where the call was left."""

    call: LiveCall
    done: ClassVar[str] = "sent back to the streamers"

    @property
    def subject(self) -> str:
        """The call, as far as it is to be followed."""
        return self.call.call_id


@dataclass(frozen=True)
class TellAgain:
    """Tell once more that the call has ended, so that its transcript is stored."""

    detail: str
    source: str
    call_id: str
    done: ClassVar[str] = "announced again"

    @property
    def subject(self) -> str:
        """The end of the call."""
        return f"{self.call_id} ended"


LiveRepeat: TypeAlias = FollowAgain | TellAgain


def read_live_message(message: MessageTypeDef) -> FailedCall[LiveRepeat]:
    """Read *message*, received with its ``SentTimestamp`` and its attributes."""
    attributes = message.get("MessageAttributes", {})
    errors = (attributes[name].get("StringValue") for name in _ERROR_ATTRIBUTES if name in attributes)
    failed: FailedCall[LiveRepeat] = FailedCall(
        message_id=message["MessageId"],
        receipt=message["ReceiptHandle"],
        sent_at=datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC),
        repeat=None,
        error=next(errors, None),
    )
    try:
        if ended := _ended(message["Body"]):
            return replace(failed, repeat=ended, call_id=ended.call_id, step="Store")
        call = LiveCall.from_json(message["Body"])
    except InvalidLiveCall as error:
        return replace(failed, problem=str(error))
    return replace(failed, repeat=FollowAgain(call), call_id=call.call_id, step="Follow")


def _ended(text: str) -> TellAgain | None:
    try:
        event = decode_json(dict[str, Any], text, "the event")
        if event["detail-type"] != LIVE_CALL_TRANSCRIBED:
            return None
        detail = event["detail"]
        return TellAgain(detail=json.dumps(detail), source=str(event["source"]), call_id=str(detail["call_id"]))
    except (ValueError, KeyError, TypeError):
        return None


class LiveRepeater:
    """Puts live calls back to work.

    Args:
        target: The environment.
        force: Whether a call goes back although Kinesis does not keep all of its audio any more.

    Raises:
        UnusableEnvironment: The queue or the bus is not among the outputs of the stacks.
    """

    def __init__(self, target: Environment, *, force: bool) -> None:
        self._sqs = target.sqs()
        self._events = target.client("events")
        self._kinesis_video = target.client("kinesisvideo")
        self._calls = LiveCallStore(target.table())
        self._queue_url = target.output("LiveCallsQueueUrl")
        self._bus = target.output("EventBusName")
        self._force = force
        self._retention = cache(self._ask_for_retention)

    def obstacle(self, repeat: LiveRepeat) -> str:
        """Why following the call again would be in vain; empty if it would not."""
        if isinstance(repeat, TellAgain) or self._force:
            return ""
        retention = self._retention(repeat.call.stream_arn)
        if retention is None:
            return "its stream is gone"
        state = self._calls.call(repeat.call.call_id) or {}
        left = left_at(state, started_at_ms=repeat.call.started_at_ms)
        if not is_kept(left, retention=retention, now=datetime.now(UTC)):
            hours = retention // timedelta(hours=1)
            return f"its stream keeps audio for {hours} h, and where the call was left is longer ago (--force sends it)"
        return ""

    def repeat(self, call: FailedCall[LiveRepeat], repeat: LiveRepeat) -> None:  # noqa: ARG002
        """Send the call, or the event of its end, back; both are received at least once anyway."""
        if isinstance(repeat, FollowAgain):
            self._sqs.send_message(QueueUrl=self._queue_url, MessageBody=repeat.call.to_json())
            return
        entry = {
            "EventBusName": self._bus,
            "Source": repeat.source,
            "DetailType": LIVE_CALL_TRANSCRIBED,
            "Detail": repeat.detail,
        }
        answer = self._events.put_events(Entries=[entry])
        # A refused entry is no error of the call (Amazon EventBridge API Reference, PutEvents).
        if answer["FailedEntryCount"]:
            raise ClientError({"Error": {"Code": answer["Entries"][0]["ErrorCode"]}}, "PutEvents")

    def _ask_for_retention(self, stream_arn: str) -> timedelta | None:
        try:
            stream = self._kinesis_video.describe_stream(StreamARN=stream_arn)["StreamInfo"]
        except self._kinesis_video.exceptions.ResourceNotFoundException:
            return None
        return timedelta(hours=stream["DataRetentionInHours"])
