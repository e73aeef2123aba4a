"""A recording whose call was transcribed while it ran."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from tests.callscribe.live_calls import intervals, live_item, moment
from tests.fakes.deepgram import FakeDeepgram
from tests.workflow.harness import Workflow
from tests.workflow.recordings import recording

KEY = "connect/lakeside/CallRecordings/2026/11/20/call-0042_20261120T09:00_UTC.wav"
TRANSCRIPT = {"PK": "CLINIC#lakeside", "SK": "TRANSCRIPT#2026-11-20#call-0042"}
RUNNING: dict[str, Any] = {"status": "streaming", "complete": None, "end_reason": None}


@pytest.fixture
def sparing(deploy: Callable[..., Workflow]) -> Workflow:
    """The workflow where only calls without a complete live transcript are transcribed."""
    return deploy("when-incomplete")


def follow(workflow: Workflow, **changes: Any) -> None:
    """Leave a live call, changed just now, and its transcript once it is completed."""
    item = live_item(
        call_id="call-0042", clinic_id="lakeside", **{"updated_at": datetime.now(UTC).isoformat(), **changes}
    )
    workflow.table.put_item(Item=item)
    if item["status"] == "completed":
        workflow.table.put_item(Item={**TRANSCRIPT, "source": "live", "live": {"utterances": Decimal(5)}})


def test_a_complete_live_transcript_spares_the_transcription(sparing: Workflow, deepgram: FakeDeepgram) -> None:
    follow(sparing)

    execution = sparing.run(sparing.upload(KEY, recording()))

    assert (execution.status, execution.states) == ("SUCCEEDED", ["Admit", "Decision", "CoveredByLive"])
    assert deepgram.requests == []
    assert (sparing.claim()["status"], sparing.claim()["covered_reason"]) == ("covered", "live-complete")
    assert [item["source"] for item in sparing.transcripts()] == ["live"]
    assert sparing.announced() == []
    assert sparing.failures() == []


def test_an_incomplete_live_transcript_is_replaced(sparing: Workflow, deepgram: FakeDeepgram) -> None:
    follow(sparing, complete=False, incomplete_reasons=["gap-missing"])

    execution = sparing.run(sparing.upload(KEY, recording()))

    assert execution.states[-1] == "Transcribed"
    assert len(deepgram.requests) == 1
    [item] = sparing.transcripts()
    assert (item["source"], item["live"]["incomplete_reasons"]) == ("batch", ["gap-missing"])
    [announced] = sparing.announced()
    assert announced["detail"]["source"] == "batch"


@pytest.mark.parametrize(
    "live",
    [
        # Five seconds of the queue and one of the agent, of which the recording has four.
        {"intervals": intervals((0.1, 6)), "agent_joined_at": moment(5), "disconnected_at": moment(10)},
        # Streaming was stopped for a card payment, and not started again.
        {"intervals": intervals((0.1, 3)), "disconnected_at": moment(14)},
        # It was started again.
        {"intervals": intervals((0.1, 1), (2, 14)), "disconnected_at": moment(14)},
        # Nobody has told when the agent joined, who may have been there before the streaming.
        {"intervals": intervals((5, 30)), "agent_joined_at": None, "disconnected_at": moment(30)},
    ],
)
def test_a_recording_of_more_than_was_streamed_is_transcribed(
    sparing: Workflow, deepgram: FakeDeepgram, live: dict[str, Any]
) -> None:
    follow(sparing, **live)

    execution = sparing.run(sparing.upload(KEY, recording(seconds=4)))

    assert execution.states[-1] == "Transcribed"
    assert len(deepgram.requests) == 1
    [item] = sparing.transcripts()
    assert (item["source"], item["live"]["complete"]) == ("batch", True)


@pytest.mark.parametrize(
    ("end", "state", "requests"),
    [({}, "CoveredByLive", 0), ({**RUNNING, "status": "failed", "error_code": "x"}, "Transcribed", 1)],
)
def test_a_live_call_that_is_not_over_is_waited_for(
    sparing: Workflow, deepgram: FakeDeepgram, end: dict[str, Any], state: str, requests: int
) -> None:
    follow(sparing, **RUNNING)
    rounds = count(1)

    def meanwhile() -> None:
        if next(rounds) == 3:
            follow(sparing, **end)

    sparing.meanwhile = meanwhile
    execution = sparing.run(sparing.upload(KEY, recording()))

    assert execution.states[:9] == ["Admit", "Decision", "AwaitLive"] * 3
    assert execution.states[9:11] == ["Admit", "Decision"]
    assert execution.states[-1] == state
    assert sparing.pauses == [30, 30, 30]
    assert len(deepgram.requests) == requests


def test_a_live_call_that_nobody_works_on_does_not_hold_its_recording_up(
    sparing: Workflow, deepgram: FakeDeepgram
) -> None:
    follow(sparing, **RUNNING, updated_at="2026-11-20T09:05:00+00:00")

    execution = sparing.run(sparing.upload(KEY, recording()))

    assert execution.states[-1] == "Transcribed"
    assert sparing.pauses == []
    assert len(deepgram.requests) == 1


def test_a_covered_recording_is_transcribed_when_it_is_repeated(sparing: Workflow, deepgram: FakeDeepgram) -> None:
    follow(sparing)
    event = sparing.upload(KEY, recording())
    covered = sparing.run(event)
    assert sparing.run(event).output["reason"] == "covered-by-live-transcript"

    repeated = sparing.run({**event, "redrive_of": covered.arn})

    assert repeated.states[-1] == "Transcribed"
    assert len(deepgram.requests) == 1
    assert [item["source"] for item in sparing.transcripts()] == ["batch"]
    assert sparing.claim()["status"] == "completed"


def test_without_a_setting_the_recording_of_a_live_call_is_transcribed_too(
    workflow: Workflow, deepgram: FakeDeepgram
) -> None:
    follow(workflow, **RUNNING)

    execution = workflow.run(workflow.upload(KEY, recording()))

    assert execution.states[-1] == "Transcribed"
    assert workflow.pauses == []
    [item] = workflow.transcripts()
    assert (item["source"], item["live"]["complete"]) == ("batch", False)
