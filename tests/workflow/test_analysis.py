"""A language model reads each call after the rules; whatever it does, the call is announced with what the rules say."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fakes.bedrock import (
    DENIED,
    INVENTED,
    NO_JSON,
    REFUSED,
    SAYING,
    THROTTLED,
    TRUNCATED,
    FakeBedrock,
    answering,
    model_of,
    saying,
)
from tests.fakes.deepgram import TELLING_WORDS, FakeDeepgram, transcription
from tests.fakes.scripted_api import Answer
from tests.workflow.conftest import ANALYST_MODEL
from tests.workflow.harness import Workflow
from tests.workflow.recordings import KEY, recording


def test_a_call_is_read_after_its_score_and_before_it_is_announced(
    deploy: Callable[..., Workflow], deepgram: FakeDeepgram, bedrock: FakeBedrock
) -> None:
    workflow = deploy("analysed")

    execution = workflow.run(workflow.upload(KEY, recording()))

    assert execution.status == "SUCCEEDED"
    assert execution.states[-5:] == ["Score", "Analyse", "Announce", "Complete", "Transcribed"]
    (request,) = bedrock.requests
    assert model_of(request) == ANALYST_MODEL
    assert "glaucoma" in str(request.body["messages"])
    (item,) = workflow.transcripts()
    assert (item["analysis"]["status"], item["analysis"]["summary"]) == ("succeeded", SAYING)
    assert item["summary"] != SAYING
    (event,) = workflow.announced()
    assert event["detail"]["analysis"] == {
        "status": "succeeded",
        "reason": None,
        "urgency": "routine",
        "score": 100,
        "dropped": 0,
    }
    assert event["detail"]["quality"]["score"] == item["quality"]["score"]
    assert event["detail"]["figures"]["cost_usd"] == float(item["cost"]["total_usd"])
    assert [line["item"] for line in item["cost"]["lines"]][-1] == f"analysis {ANALYST_MODEL} output"


def test_no_words_pass_through_the_step(
    deploy: Callable[..., Workflow], deepgram: FakeDeepgram, bedrock: FakeBedrock
) -> None:
    workflow = deploy("analysed")
    execution = workflow.run(workflow.upload(KEY, recording()))
    (event,) = workflow.announced()
    assert not [word for word in (*TELLING_WORDS, SAYING) if word in execution.text() + str(event)]


def test_an_invented_quote_is_dropped_and_told_of(
    deploy: Callable[..., Workflow], deepgram: FakeDeepgram, bedrock: FakeBedrock
) -> None:
    bedrock.answer(INVENTED)
    workflow = deploy("analysed")
    workflow.run(workflow.upload(KEY, recording()))
    (event,) = workflow.announced()
    assert (event["detail"]["analysis"]["status"], event["detail"]["analysis"]["dropped"]) == ("succeeded", 2)
    (item,) = workflow.transcripts()
    assert "summary" not in item["analysis"]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (THROTTLED, "Bedrock.ThrottlingException"),
        (NO_JSON, "Bedrock.InvalidAnswer"),
        (saying("I will not."), "Bedrock.InvalidAnswer"),
        (answering(lambda _: {"summary": "none"}), "Bedrock.InvalidAnswer"),
        (REFUSED, "Bedrock.Refused"),
        (TRUNCATED, "Bedrock.Truncated"),
        (DENIED, "Bedrock.AccessDeniedException"),
        (Answer(reset=True), "Bedrock.ConnectionClosedError"),
    ],
)
def test_a_model_that_fails_leaves_what_the_rules_say_and_says_so(
    deploy: Callable[..., Workflow],
    deepgram: FakeDeepgram,
    bedrock: FakeBedrock,
    monkeypatch: pytest.MonkeyPatch,
    fault: Answer,
    reason: str,
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    bedrock.answer(then=fault)
    workflow = deploy("analysed")

    execution = workflow.run(workflow.upload(KEY, recording()))

    assert (execution.status, workflow.claim()["status"], workflow.failures()) == ("SUCCEEDED", "completed", [])
    (event,) = workflow.announced()
    assert event["detail"]["analysis"]["status"] == "failed"
    assert event["detail"]["analysis"]["reason"] == reason
    assert event["detail"]["quality"]["score"] is not None
    (item,) = workflow.transcripts()
    assert (item["analysis"]["status"], item["analysis"]["reason"]) == ("failed", reason)
    assert item["summary"]


def test_a_function_that_fails_is_no_failure_of_the_call(
    deploy: Callable[..., Workflow], deepgram: FakeDeepgram, bedrock: FakeBedrock
) -> None:
    workflow = deploy("analysed-and-enriched")

    with workflow.fault("dynamodb.UpdateItem", by="analyse_call", error="AccessDeniedException"):
        execution = workflow.run(workflow.upload(KEY, recording()))

    assert (execution.status, workflow.claim()["status"]) == ("SUCCEEDED", "completed")
    assert workflow.functions["analyse_call"].invocations == 3
    # What cannot be put on the bill is not asked for.
    assert bedrock.requests == []
    (event,) = workflow.announced()
    assert event["detail"]["analysis"] == {"status": "failed", "reason": "UnexpectedError"}
    assert event["detail"]["enrichment"] == {"status": "succeeded"}
    assert event["detail"]["figures"]["word_count"] > 0


def test_the_step_of_ones_own_is_told_of_the_analysis(
    deploy: Callable[..., Workflow], deepgram: FakeDeepgram, bedrock: FakeBedrock
) -> None:
    workflow = deploy("analysed-and-enriched")
    with workflow.fault("dynamodb.PutItem", by="index", error="AccessDeniedException"):
        workflow.run(workflow.upload(KEY, recording()))
    (kept,) = workflow.bodies("WorkflowFailedEnrichments")
    assert kept["call"]["analysis"]["status"] == "succeeded"


def test_a_call_in_which_nobody_spoke_is_not_sent(
    deploy: Callable[..., Workflow], deepgram: FakeDeepgram, bedrock: FakeBedrock
) -> None:
    deepgram.answer(Answer(body=transcription(())))
    workflow = deploy("analysed")
    workflow.run(workflow.upload(KEY, recording()))
    assert bedrock.requests == []
    (event,) = workflow.announced()
    assert (event["detail"]["analysis"]["status"], event["detail"]["analysis"]["reason"]) == ("skipped", "no-speech")


def test_an_operator_has_it_read_again_without_asking_deepgram(
    deploy: Callable[..., Workflow], deepgram: FakeDeepgram, bedrock: FakeBedrock
) -> None:
    workflow = deploy("analysed")
    bedrock.answer(DENIED)
    workflow.run(workflow.upload(KEY, recording()))
    (event,) = workflow.announced()
    call = event["detail"]

    message = {name: call[name] for name in ("call_id", "recording_id", "transcript")}
    told = workflow.functions["analyse_call"](message)

    assert told["analysis"]["status"] == "succeeded"
    assert (len(deepgram.requests), len(bedrock.requests)) == (1, 2)
    (item,) = workflow.transcripts()
    assert item["analysis"]["status"] == "succeeded"
