"""A recording becomes a transcript."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest

from callscribe.contract.schema import SCHEMA_VERSION
from tests.fakes.deepgram import TELLING_WORDS, Answer, FakeDeepgram, transcription
from tests.workflow.conftest import API_KEY
from tests.workflow.harness import Workflow
from tests.workflow.recordings import CONNECT_KEY, KEY, recording


def test_a_recording_becomes_an_item_by_clinic_and_day(workflow: Workflow, deepgram: FakeDeepgram) -> None:
    event = workflow.upload(KEY, recording())

    execution = workflow.run(event)

    assert execution.status == "SUCCEEDED"
    (item,) = workflow.transcripts()
    assert (item["PK"], item["SK"]) == ("CLINIC#clinic-7", "TRANSCRIPT#2026-11-20#call-0042")
    assert (item["GSI1PK"], item["GSI1SK"]) == ("CALL#call-0042", "TRANSCRIPT")
    assert item["version_id"] == event["detail"]["object"]["version-id"]
    assert [turn["role"] for turn in item["utterances"]] == ["agent", "customer"] * 3
    assert item["appointment_requested"] is True
    assert isinstance(item["quality"]["score"], Decimal)


def test_the_stacks_of_an_environment_work_together(deploy: Callable[..., Workflow], deepgram: FakeDeepgram) -> None:
    workflow = deploy("Local-Storage", "Local-Batch")

    execution = workflow.run(workflow.upload(KEY, recording()))

    assert execution.status == "SUCCEEDED"
    assert workflow.table.name == workflow.deployed.output("TableName")
    assert len(workflow.transcripts()) == 1


def test_the_whole_document_is_in_the_archive(workflow: Workflow, deepgram: FakeDeepgram) -> None:
    workflow.run(workflow.upload(KEY, recording()))

    (item,) = workflow.transcripts()
    document = workflow.document(item["transcript_key"])
    assert document["full_transcript"] == item["full_transcript"]
    assert workflow.document(item["reply_key"]) == transcription()


def test_the_claim_ends_completed(workflow: Workflow, deepgram: FakeDeepgram) -> None:
    execution = workflow.run(workflow.upload(KEY, recording()))

    claim = workflow.claim()
    assert claim["status"] == "completed"
    assert claim["execution"] == execution.arn
    assert claim["deepgram_requests"] == 1
    assert "request_lease_until" not in claim
    assert (claim["GSI1PK"], claim["GSI1SK"]) == ("CALL#call-0042", f"CLAIM#agent#{claim['recording_id']}")


def test_the_transcript_is_announced_with_ids_and_figures_only(workflow: Workflow, deepgram: FakeDeepgram) -> None:
    execution = workflow.run(workflow.upload(KEY, recording()))

    (event,) = workflow.announced()
    (item,) = workflow.transcripts()
    assert (event["source"], event["detail-type"]) == ("callscribe", "Call Transcribed")
    assert execution.arn in event["resources"]
    detail = event["detail"]
    figures = detail.pop("figures")
    assert set(figures.pop("reliability")) == {"level", "reasons"}
    assert set(figures) == {"duration_seconds", "word_count", "confidence", "cost_usd", "cost_at_least_usd"}
    assert all(isinstance(figure, int | float) for figure in figures.values())
    assert detail == {
        "version": "1",
        "schema_version": SCHEMA_VERSION,
        "call_id": "call-0042",
        "clinic_id": "clinic-7",
        "kind": "agent",
        "day": "2026-11-20",
        "recording_id": item["recording_id"],
        "source": "batch",
        "transcript": {
            "pk": item["PK"],
            "sk": item["SK"],
            "bucket": workflow.archive,
            "key": item["transcript_key"],
        },
        "quality": {"score": int(item["quality"]["score"]), "rubric": "clinic-call-v1"},
    }


def test_nothing_said_and_no_secret_reaches_states_events_or_logs(
    workflow: Workflow, deepgram: FakeDeepgram, capfd: pytest.CaptureFixture[str]
) -> None:
    deepgram.answer(
        Answer(500, {"err_code": "INTERNAL", "err_msg": "cannot fetch https://bucket/a?X-Amz-Signature=5f"})
    )

    execution = workflow.run(workflow.upload(KEY, recording()))

    assert execution.status == "SUCCEEDED"
    logs = capfd.readouterr()
    assert '"decision":"claimed"' in logs.out
    kept = "\n".join([execution.text(), str(workflow.announced()), str(workflow.claim()), logs.out, logs.err])
    secrets = (API_KEY, "X-Amz-", "AWSAccessKeyId", *TELLING_WORDS)
    assert [secret for secret in secrets if secret.lower() in kept.lower()] == []


def test_deepgram_is_given_a_url_for_this_version_and_the_words_of_the_clinic(
    workflow: Workflow, deepgram: FakeDeepgram
) -> None:
    event = workflow.upload(KEY, recording())

    workflow.run(event)

    (request,) = deepgram.requests
    url = urlsplit(request.body["url"])
    assert url.path.endswith(KEY)
    assert parse_qs(url.query)["versionId"] == [event["detail"]["object"]["version-id"]]
    assert request.headers["authorization"] == f"Token {API_KEY}"
    assert request.parameters["keyterm"] == ["Abernathy"]
    assert request.parameters["multichannel"] == ["true"]


def test_a_recording_of_amazon_connect_is_told_by_its_own_layout(workflow: Workflow, deepgram: FakeDeepgram) -> None:
    workflow.run(workflow.upload(CONNECT_KEY, recording()))

    (item,) = workflow.transcripts()
    assert item["PK"] == "CLINIC#lakeside"
    assert item["SK"] == "TRANSCRIPT#2026-11-20#8e2d1f7c-0f9a-4c55-9d43-2f1a5b7c9e10"


def test_a_call_in_which_nobody_speaks_gets_a_transcript_that_says_so(
    workflow: Workflow, deepgram: FakeDeepgram
) -> None:
    deepgram.answer(Answer(body=transcription(turns=())))

    execution = workflow.run(workflow.upload(KEY, recording()))

    assert execution.status == "SUCCEEDED"
    (item,) = workflow.transcripts()
    assert item["speech"] is False
    assert item["word_count"] == 0
    assert item["utterances"] == []
    (event,) = workflow.announced()
    assert event["detail"]["quality"]["score"] is None


def test_a_call_of_four_hours_is_stored_scored_and_announced(workflow: Workflow, deepgram: FakeDeepgram) -> None:
    # Long words make a long text of few words: a quick test.
    breath = " ".join(["otorhinolaryngologist's-and-ophthalmologist's"] * 10)
    deepgram.answer(Answer(body=transcription(tuple((turn % 2, turn * 30.0, breath, 0.1) for turn in range(480)))))

    execution = workflow.run(workflow.upload(KEY, recording()))

    assert execution.status == "SUCCEEDED"
    (item,) = workflow.transcripts()
    assert item["utterances_in"] == "s3"
    assert not {"utterances", "full_transcript"} & item.keys()
    assert item["word_count"] == 4800
    assert isinstance(item["quality"]["score"], Decimal)
    document = workflow.document(item["transcript_key"])
    assert [turn["text"] for turn in document["utterances"]] == [breath] * 480
    assert len(workflow.announced()) == 1


@pytest.mark.parametrize("step", ["admit_recording", "store_transcript", "score_quality"])
def test_a_throttled_function_is_invoked_again(workflow: Workflow, deepgram: FakeDeepgram, step: str) -> None:
    workflow.throttle(step, times=4)

    execution = workflow.run(workflow.upload(KEY, recording()))

    assert execution.status == "SUCCEEDED"
    assert len(workflow.retry_waits) == 4
    assert workflow.functions[step].invocations == 1


def test_the_waits_between_retries_are_jittered_and_bounded(workflow: Workflow, deepgram: FakeDeepgram) -> None:
    workflow.throttle("admit_recording", times=6)

    workflow.run(workflow.upload(KEY, recording()))

    assert all(wait <= 2**attempt for attempt, wait in enumerate(workflow.retry_waits))
    assert any(wait % 1 for wait in workflow.retry_waits)
