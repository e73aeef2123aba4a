"""What cannot be transcribed fails at once, with its reason, and costs nothing."""

from __future__ import annotations

import pytest

from tests.fakes.deepgram import FakeDeepgram
from tests.workflow.harness import Workflow
from tests.workflow.recordings import KEY, recording


@pytest.mark.parametrize(
    ("reason", "key", "content"),
    [
        ("EmptyObject", KEY, b""),
        ("NotAudio", KEY, b"minutes of the meeting\n" * 50),
        ("TruncatedAudio", KEY, recording()[:20_000]),
        ("TooManyChannels", KEY, recording(channels=3)),
        ("UnknownLayout", "uploads/call-0042.wav", recording()),
        ("UnsupportedFormat", KEY.replace(".wav", ".amr"), b"#!AMR\n" + bytes(400)),
    ],
)
def test_an_unusable_recording_is_rejected(
    workflow: Workflow, deepgram: FakeDeepgram, reason: str, key: str, content: bytes
) -> None:
    event = workflow.upload(key, content)

    execution = workflow.run(event)

    assert (execution.status, execution.error) == ("FAILED", reason)
    (message,) = workflow.failures()
    assert message["event"] == event
    assert message["execution"] == execution.arn
    assert (message["error"], message["step"]) == (reason, "Admit")
    assert message["cause"] == execution.cause
    claim = workflow.claim()
    assert (claim["status"], claim["error_code"], claim["error_message"]) == ("rejected", reason, execution.cause)
    assert message["recording_id"] == claim["recording_id"]
    assert deepgram.requests == []


def test_a_recording_that_is_gone_is_rejected_and_transcribed_once_it_is_back(
    workflow: Workflow, deepgram: FakeDeepgram
) -> None:
    event = workflow.upload(KEY, recording())
    workflow.s3.delete_object(Bucket=workflow.recordings, Key=KEY, VersionId=event["detail"]["object"]["version-id"])

    assert workflow.run(event).error == "RecordingMissing"

    workflow.run(workflow.upload(KEY, recording()))
    assert len(workflow.transcripts()) == 1


def test_an_event_that_says_nothing_of_an_object_is_kept_with_the_failed_calls(
    workflow: Workflow, deepgram: FakeDeepgram
) -> None:
    event = workflow.upload(KEY, recording())
    del event["detail"]["object"]["etag"]

    execution = workflow.run(event)

    assert (execution.status, execution.error) == ("FAILED", "InvalidEvent")
    (message,) = workflow.failures()
    assert (message["event"], message["recording_id"], message["call_id"]) == (event, None, None)
    assert workflow.items() == []
