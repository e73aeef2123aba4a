"""Tell the account that a call has been transcribed while it ran, and at once of what cannot wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from callscribe.contract.events import (
    EVENT_SOURCE,
    LIVE_CALL_TRANSCRIBED,
    MOST_EVIDENCE,
    URGENT_CALL,
    LiveCallFigures,
    LiveCallPlace,
    LiveCallTranscribed,
    ReliabilityFigure,
    UrgentCall,
)
from callscribe.contract.table_keys import live_call_key
from callscribe.conversation.reliability import Reliability
from callscribe.failures import SafeError
from callscribe.live.alerts import Alert
from callscribe.live.call import SAMPLE_RATE
from callscribe.live.coverage import covered_seconds
from callscribe.serialization import decode, encode_json


class NotAnnounced(SafeError):
    """EventBridge took the request but not the event."""


class Announcer:
    """Puts events on one bus.

    Args:
        events: aiobotocore's client of EventBridge.
        bus_name: The bus.
        role_names: What the parties are called where people read calls, by role. Default: as their roles.
    """

    def __init__(self, *, events: Any, bus_name: str, role_names: Mapping[str, str] | None = None) -> None:
        self._events = events
        self._bus_name = bus_name
        self._role_names = role_names

    async def announce(self, item: Mapping[str, Any]) -> None:
        """Announce a completed call: ids and figures, no words.

        Args:
            item: The call's item in the table.

        Raises:
            NotAnnounced: EventBridge did not take the event.
        """
        await self._put(LIVE_CALL_TRANSCRIBED, replace(detail(item), role_names=self._role_names))

    async def alert(
        self, *, call_id: str, clinic_id: str, day: str, alerts: Sequence[Alert], reliability: Reliability
    ) -> None:
        """Tell of a call that runs and in which something cannot wait: ids, names of flags and places, no words.

        Args:
            call_id: The call.
            clinic_id: Clinic that took it.
            day: Day on which it began (UTC, yyyy-mm-dd).
            alerts: The flags that are raised, and where.
            reliability: Whether that can be relied on, as far as it is known.

        Raises:
            NotAnnounced: EventBridge did not take the event.
        """
        key = live_call_key(call_id)
        place = LiveCallPlace(pk=key.pk, sk=key.sk)
        await self._put(
            URGENT_CALL,
            UrgentCall(
                call_id=call_id,
                clinic_id=clinic_id,
                day=day,
                source="live",
                flags=tuple(alert.flag for alert in alerts),
                reliability=replace(_figure(reliability), so_far=True),
                evidence=tuple(one for alert in alerts for one in alert.evidence)[:MOST_EVIDENCE],
                live=place,
                role_names=self._role_names,
            ),
        )

    async def _put(self, detail_type: str, told: LiveCallTranscribed | UrgentCall) -> None:
        response = await self._events.put_events(
            Entries=[
                {
                    "EventBusName": self._bus_name,
                    "Source": EVENT_SOURCE,
                    "DetailType": detail_type,
                    "Detail": encode_json(told).decode(),
                }
            ]
        )
        if response["FailedEntryCount"]:
            code = response["Entries"][0].get("ErrorCode", "Unknown")
            raise NotAnnounced(f"Announcement.{code}", "EventBridge did not take the event")


def detail(item: Mapping[str, Any]) -> LiveCallTranscribed:
    """Return the event's detail for a completed call's item."""
    gaps, judged = item["gaps"], item.get("reliability")
    key = live_call_key(item["call_id"])
    return LiveCallTranscribed(
        call_id=item["call_id"],
        clinic_id=item["clinic_id"],
        day=item["day"],
        complete=item["complete"],
        incomplete_reasons=tuple(item["incomplete_reasons"]),
        end_reason=item["end_reason"],
        ended_at=datetime.fromtimestamp(item["ended_at_ms"] / 1000, UTC),
        utterances=item["next_seq"] - 1,
        gaps=len(gaps),
        figures=LiveCallFigures(
            duration_seconds=item["duration_seconds"],
            covered_seconds=covered_seconds(item.get("intervals")),
            gap_seconds=round(sum(gap["end"] - gap["start"] for gap in gaps) / SAMPLE_RATE, 3),
            word_count=item["word_count"],
            reliability=None if judged is None else _figure(decode(Reliability, judged, "reliability")),
        ),
        live=LiveCallPlace(pk=key.pk, sk=key.sk),
    )


def _figure(reliability: Reliability) -> ReliabilityFigure:
    return ReliabilityFigure(level=reliability.level, reasons=reliability.reasons)
