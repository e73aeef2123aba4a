import json
from typing import Any

import pytest

from callscribe.contract.events import MOST_EVIDENCE, AlertEvidence
from callscribe.contract.schema import SCHEMA_VERSION
from callscribe.conversation.reliability import Reason, Reliability, ReliabilityLevel
from callscribe.live.alerts import Alert
from streamer.announcer import Announcer, NotAnnounced, detail

ITEM = {
    "call_id": "call-7",
    "clinic_id": "harbour",
    "day": "2026-11-20",
    "complete": False,
    "incomplete_reasons": ["gap-missing"],
    "end_reason": "disconnected",
    "ended_at_ms": 1_795_860_062_500,
    "next_seq": 5,
    "gaps": [{"start": 8000, "end": 20000, "reason": "missing"}],
    "duration_seconds": 61.5,
    "intervals": [{"start_ms": 1_000, "end_ms": 2_000}, {"start_ms": 3_500, "end_ms": 62_500}],
    "word_count": 40,
    "reliability": {"level": "doubtful", "reasons": ["gaps"]},
    "resume_token": "91343852333181432392682062607743920146264293901",
}


class Events:
    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self.failed = 0

    async def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self.entries += Entries
        return {"FailedEntryCount": self.failed, "Entries": [{"ErrorCode": "ThrottlingException"}]}


async def test_ids_and_figures_are_announced() -> None:
    events = Events()
    await Announcer(events=events, bus_name="bus").announce(ITEM)
    (entry,) = events.entries
    assert (entry["Source"], entry["DetailType"], entry["EventBusName"]) == (
        "callscribe",
        "Live Call Transcribed",
        "bus",
    )
    assert json.loads(entry["Detail"]) == {
        "version": "1",
        "schema_version": SCHEMA_VERSION,
        "call_id": "call-7",
        "clinic_id": "harbour",
        "day": "2026-11-20",
        "source": "live",
        "complete": False,
        "incomplete_reasons": ["gap-missing"],
        "end_reason": "disconnected",
        "ended_at": "2026-11-28T10:01:02.500000+00:00",
        "utterances": 4,
        "gaps": 1,
        "figures": {
            "duration_seconds": 61.5,
            "covered_seconds": 60.0,
            "gap_seconds": 1.5,
            "word_count": 40,
            "reliability": {"level": "doubtful", "reasons": ["gaps"]},
        },
        "live": {"pk": "CALL#call-7", "sk": "LIVE"},
        "role_names": None,
    }


async def test_what_the_parties_are_called_is_told() -> None:
    events = Events()
    await Announcer(events=events, bus_name="bus", role_names={"customer": "patient"}).announce(ITEM)
    (entry,) = events.entries
    assert json.loads(entry["Detail"])["role_names"] == {"customer": "patient"}


async def test_of_a_call_that_nobody_asked_about_no_reliability_is_told() -> None:
    earlier = {name: value for name, value in ITEM.items() if name != "reliability"}
    assert detail(earlier).figures.reliability is None


async def test_of_a_call_that_an_earlier_version_completed_it_is_not_known_how_much_is_there() -> None:
    earlier = {name: value for name, value in ITEM.items() if name != "intervals"}
    assert detail(earlier).figures.covered_seconds is None


async def test_an_event_that_is_not_taken_is_a_failure() -> None:
    events = Events()
    events.failed = 1
    with pytest.raises(NotAnnounced, match="ThrottlingException"):
        await Announcer(events=events, bus_name="bus").announce(ITEM)


async def test_an_urgent_call_is_told_of_by_its_ids_and_flags() -> None:
    events = Events()
    await Announcer(events=events, bus_name="bus", role_names={"customer": "patient"}).alert(
        call_id="call-7",
        clinic_id="harbour",
        day="2026-11-20",
        alerts=[Alert(flag="urgent", evidence=(AlertEvidence(flag="urgent", utterance=3, start=9.5, end=11.0),) * 12)],
        reliability=Reliability(level=ReliabilityLevel.DOUBTFUL, reasons=(Reason.SHORT,)),
    )
    (entry,) = events.entries
    assert (entry["Source"], entry["DetailType"], entry["EventBusName"]) == ("callscribe", "Urgent Call", "bus")
    assert json.loads(entry["Detail"]) == {
        "schema_version": SCHEMA_VERSION,
        "call_id": "call-7",
        "clinic_id": "harbour",
        "day": "2026-11-20",
        "source": "live",
        "flags": ["urgent"],
        "reliability": {"level": "doubtful", "reasons": ["short"], "so_far": True},
        "evidence": [
            {"flag": "urgent", "turn": None, "utterance": 3, "start": 9.5, "end": 11.0, "certainty": None},
        ]
        * MOST_EVIDENCE,
        "transcript": None,
        "live": {"pk": "CALL#call-7", "sk": "LIVE"},
        "role_names": {"customer": "patient"},
    }
