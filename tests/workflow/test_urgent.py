"""Of a call in which something cannot wait somebody is told at once: where it was said, and no words."""

from __future__ import annotations

import pytest

from tests.fakes.deepgram import Answer, FakeDeepgram, transcription
from tests.workflow.harness import Workflow
from tests.workflow.recordings import KEY, recording

# Channel, start, text, seconds.
URGENT = (
    (1, 0.5, "Good morning, eye clinic, this is Sam speaking. How can I help you?", 4.0),
    (0, 5.0, "Good morning. I have a question about my husband's new glasses.", 4.0),
    (0, 10.0, "And since yesterday I am seeing flashes and a dark curtain in my left eye.", 5.0),
    (1, 15.5, "That sounds worrying. Please come in right away, the doctor will see you today.", 5.0),
    (0, 21.0, "All right, thank you. I will be there in half an hour.", 4.0),
)
WORDS = ("flashes", "curtain", "glasses", "husband", "doctor")


@pytest.fixture
def told(workflow: Workflow, deepgram: FakeDeepgram) -> list[dict[str, object]]:
    """What is on the bus after the urgent call."""
    deepgram.answer(Answer(200, transcription(URGENT)))
    execution = workflow.run(workflow.upload(KEY, recording(seconds=26.0)))
    assert execution.status == "SUCCEEDED"
    assert [word for word in WORDS if word in execution.text()] == []
    return workflow.announced()


def test_it_is_told_before_the_transcript_is_announced(told: list[dict[str, object]]) -> None:
    assert [event["detail-type"] for event in told] == ["Urgent Call", "Call Transcribed"]


def test_it_is_told_where_it_was_said_and_how_far_that_carries(
    workflow: Workflow, told: list[dict[str, object]]
) -> None:
    detail = told[0]["detail"]
    assert isinstance(detail, dict)
    assert (detail["call_id"], detail["source"], detail["flags"]) == ("call-0042", "batch", ["urgent"])
    assert detail["reliability"].keys() >= {"level", "reasons"}
    (item,) = workflow.transcripts()
    assert detail["reliability"]["level"] == item["reliability"]["level"] != "unusable"
    evidence = detail["evidence"][0]
    assert evidence["flag"] == "urgent"
    assert "flashes" in item["turns"][evidence["turn"]]["text"]
    assert "flashes" in item["utterances"][evidence["utterance"]]["text"]
    assert 10.0 <= evidence["start"] < evidence["end"] <= 15.0
    assert 0.5 < evidence["certainty"] <= 1.0


def test_no_word_of_it_is_told(told: list[dict[str, object]]) -> None:
    assert [word for word in WORDS if word in str(told)] == []
