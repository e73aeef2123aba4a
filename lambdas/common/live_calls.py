"""Reads the calls that are, or were, transcribed while they run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callscribe.contract.call_kind import CallKind
from callscribe.contract.table_keys import live_call_key
from callscribe.live.state import InvalidLiveState, LiveState
from lambdas.common.observability import logger

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

    from callscribe.recordings.calls import CallRecording


def live_state(table: Table, call_id: str) -> LiveState | None:
    """Return where a live call stands (strongly consistent); `None` if the call was never announced.

    Raises:
        InvalidLiveState: The table holds something else in its place.
    """
    item = table.get_item(Key=live_call_key(call_id).primary(), ConsistentRead=True).get("Item")
    return None if item is None else LiveState.from_item(item)


def live_state_of(table: Table, recording: CallRecording) -> LiveState | None:
    """Return the live call that a recording is of; `None` if there is none.

    The automated part of a call is not streamed, and a call of another clinic is another call. A recording is
    transcribed whatever has become of the live half, so that an unreadable state is logged and counts as none.
    """
    if recording.kind is not CallKind.AGENT:
        return None
    try:
        live = live_state(table, recording.call_id)
    except InvalidLiveState as invalid:
        logger.error("the live call is unreadable", error_message=str(invalid))
        return None
    return live if live is not None and live.clinic_id == recording.clinic_id else None
