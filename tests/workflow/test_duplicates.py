"""Nothing is transcribed twice, and the newest recording of a call wins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from tests.fakes.deepgram import Answer, FakeDeepgram, transcription
from tests.workflow.harness import Workflow
from tests.workflow.recordings import KEY, REDACTED_KEY, recording


def test_five_announcements_at_once_are_one_request_and_one_transcript(
    workflow: Workflow, deepgram: FakeDeepgram
) -> None:
    event = workflow.upload(KEY, recording())

    with ThreadPoolExecutor(5) as announcers:
        started = list(announcers.map(workflow.announce, [event] * 5))
    executions = [workflow.finish(execution) for execution in started]

    assert {execution.status for execution in executions} == {"SUCCEEDED"}
    assert Counter(execution.states[-1] for execution in executions) == {"Transcribed": 1, "NothingToDo": 4}
    assert len(deepgram.requests) == 1
    assert len(workflow.transcripts()) == 1
    assert workflow.claim()["deepgram_requests"] == 1
    assert len(workflow.announced()) == 1


def test_an_announcement_after_completion_is_a_duplicate(workflow: Workflow, deepgram: FakeDeepgram) -> None:
    event = workflow.upload(KEY, recording())
    workflow.run(event)

    again = workflow.run(event)

    assert (again.status, again.states[-1]) == ("SUCCEEDED", "NothingToDo")
    assert again.output["reason"] == "already-transcribed"
    assert len(deepgram.requests) == 1


def test_what_is_no_call_is_ignored(workflow: Workflow, deepgram: FakeDeepgram) -> None:
    execution = workflow.run(workflow.upload(REDACTED_KEY, recording()))

    assert (execution.status, execution.states[-1]) == ("SUCCEEDED", "NothingToDo")
    assert execution.output["decision"] == "ignored"
    assert workflow.items() == []
    assert workflow.failures() == []
    assert deepgram.requests == []


def test_what_is_no_audio_starts_nothing(workflow: Workflow, deepgram: FakeDeepgram) -> None:
    with pytest.raises(LookupError, match="does not take"):
        workflow.announce(workflow.upload("exports/2026-11-20/call-0042.json", b"{}"))


def test_what_stands_beside_recordings_is_ignored_without_a_trace(workflow: Workflow, deepgram: FakeDeepgram) -> None:
    execution = workflow.run(workflow.upload("recordings/clinic-7/2026-11-20/call-0042.json", b"{}"))
    assert execution.states[-1] == "NothingToDo"
    assert (workflow.claims(), deepgram.requests) == ([], [])


def test_a_claim_whose_execution_died_is_taken_over_after_its_lease(workflow: Workflow, deepgram: FakeDeepgram) -> None:
    event = workflow.upload(KEY, recording())
    dead = workflow.announce(event)
    workflow.wait_until(lambda: bool(workflow.claims()))
    workflow.step_functions.stop_execution(executionArn=dead)
    assert workflow.run(event).states[-1] == "NothingToDo"

    workflow.lapse("lease_until")
    heir = workflow.run(event)

    assert heir.states[-1] == "Transcribed"
    assert workflow.claim()["execution"] == heir.arn
    assert len(deepgram.requests) == 1


def test_a_new_version_supersedes(workflow: Workflow, deepgram: FakeDeepgram) -> None:
    workflow.run(workflow.upload(KEY, recording()))
    newer = workflow.upload(KEY, recording(seconds=4))

    execution = workflow.run(newer)

    assert execution.states[-1] == "Transcribed"
    (item,) = workflow.transcripts()
    assert item["version_id"] == newer["detail"]["object"]["version-id"]
    assert [claim["status"] for claim in workflow.claims()] == ["completed", "completed"]
    assert len(deepgram.requests) == 2


def test_a_new_version_is_left_alone_where_the_policy_keeps_the_first(
    deploy: Callable[..., Workflow], deepgram: FakeDeepgram
) -> None:
    workflow = deploy("keep")
    first = workflow.upload(KEY, recording())
    workflow.run(first)

    execution = workflow.run(workflow.upload(KEY, recording(seconds=4)))

    assert execution.states[-1] == "NothingToDo"
    assert execution.output["reason"] == "kept-earlier-version"
    (item,) = workflow.transcripts()
    assert item["version_id"] == first["detail"]["object"]["version-id"]
    assert sorted(claim["status"] for claim in workflow.claims()) == ["completed", "kept"]
    assert len(deepgram.requests) == 1


def test_an_older_version_that_finishes_late_does_not_overwrite(workflow: Workflow, deepgram: FakeDeepgram) -> None:
    slow = Event()
    deepgram.answer(Answer(body=transcription(), hold=slow))
    older = workflow.upload(KEY, recording())
    workflow.age(older)
    late = workflow.announce(older)
    with ThreadPoolExecutor(1) as worker:
        delivery = worker.submit(workflow.wait_until, lambda: workflow.status(late) != "RUNNING", pumping=True)
        workflow.wait_until(lambda: len(deepgram.requests) == 1)
        newer = workflow.upload(KEY, recording(seconds=4))
        winner = workflow.run(newer)
        slow.set()
        delivery.result()

    assert winner.states[-1] == "Transcribed"
    assert workflow.describe(late).states[-1] == "Superseded"
    (item,) = workflow.transcripts()
    assert item["version_id"] == newer["detail"]["object"]["version-id"]
    assert sorted(claim["status"] for claim in workflow.claims()) == ["completed", "superseded"]
    assert len(workflow.announced()) == 1
