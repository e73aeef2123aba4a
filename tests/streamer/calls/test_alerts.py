import asyncio
from dataclasses import replace

import pytest

from callscribe.contract.events import AlertEvidence
from callscribe.conversation.flags import load_flag_set
from callscribe.conversation.reliability import Reason, Reliability, ReliabilityLevel
from callscribe.conversation.utterances import Role
from callscribe.live.alerts import Alert
from callscribe.live.call import LiveUtterance
from callscribe.live_reliability import RunningReliability
from streamer.announcer import NotAnnounced
from streamer.calls import alerts
from streamer.calls.alerts import CallAlerts

FLASHES = LiveUtterance(
    seq=1,
    channel=0,
    role=Role.CUSTOMER,
    text="I am seeing flashes in my left eye.",
    start=0.0,
    end=3.0,
    confidence=0.9,
    word_count=8,
    speech_final=True,
)


class Announcements:
    """An announcer whose first attempts fail."""

    def __init__(self, *, failures: int = 0) -> None:
        self.failures = failures
        self.told: list[dict[str, object]] = []

    async def alert(self, **told: object) -> None:
        if self.failures:
            self.failures -= 1
            raise NotAnnounced("Announcement.Throttled", "EventBridge did not take the event")
        self.told.append(told)


def of_call(announcer: Announcements, *told: str) -> CallAlerts:
    return CallAlerts(
        announcer=announcer,  # type: ignore[arg-type]
        flag_set=load_flag_set(),
        call_id="call-7",
        clinic_id="harbour",
        day="2026-11-20",
        told=told,
    )


async def told_by(call: CallAlerts, *finals: LiveUtterance) -> None:
    running = asyncio.create_task(call.run())
    reliability = RunningReliability()
    for final in finals or (FLASHES, replace(FLASHES, seq=2, start=3.0, end=6.0)):
        reliability.heard([final])
        call.heard([final], reliability)
    call.close()
    await running


async def test_somebody_is_told_once_while_the_call_runs() -> None:
    announcer = Announcements()
    call = of_call(announcer)
    await told_by(call)
    (told,) = announcer.told
    assert {name: told[name] for name in ("call_id", "clinic_id", "day")} == {
        "call_id": "call-7",
        "clinic_id": "harbour",
        "day": "2026-11-20",
    }
    # So far it is a call of a few words.
    assert told["reliability"] == Reliability(level=ReliabilityLevel.DOUBTFUL, reasons=(Reason.SHORT,))
    evidence = AlertEvidence(flag="urgent", utterance=1, start=0.0, end=3.0, certainty=0.85)
    assert told["alerts"] == (Alert(flag="urgent", evidence=(evidence,)),)
    assert call.told == ("urgent",)


async def test_nobody_is_told_of_a_call_from_which_nothing_can_be_concluded_until_something_can() -> None:
    announcer, unsure = Announcements(), replace(FLASHES, confidence=0.2)
    await told_by(of_call(announcer), unsure)
    assert announcer.told == []
    calm = replace(FLASHES, seq=2, text="One moment please, I will look for your name in the calendar. " * 2)
    await told_by(of_call(announcer), unsure, replace(calm, start=9.0, end=18.0, confidence=0.95, word_count=24))
    assert len(announcer.told) == 1


async def test_an_urgent_call_that_is_unusable_for_long_is_told_of_when_it_is_usable() -> None:
    announcer = Announcements()
    text = "One moment please, I will look for your name in the calendar."
    lines = [
        replace(FLASHES, seq=seq, text=text, start=9.0 * seq, end=9.0 * seq + 4, word_count=12, confidence=confidence)
        for seq, confidence in enumerate([0.2] * 20 + [1.0] * 20, 2)
    ]
    await told_by(of_call(announcer), replace(FLASHES, confidence=0.2), *lines)
    (told,) = announcer.told
    assert told["reliability"] == Reliability(level=ReliabilityLevel.DOUBTFUL, reasons=(Reason.LOW_CONFIDENCE,))


async def test_an_event_that_is_not_taken_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "_RETRY_SECONDS", 0.0)
    announcer = Announcements(failures=2)
    await told_by(of_call(announcer))
    assert len(announcer.told) == 1


async def test_nobody_is_told_of_what_an_earlier_streamer_has_told() -> None:
    announcer = Announcements()
    await told_by(of_call(announcer, "urgent"))
    assert announcer.told == []
