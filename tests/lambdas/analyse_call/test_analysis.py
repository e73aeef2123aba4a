"""A stored call is read over the real client and the stand-in for Amazon Bedrock, well and with every fault."""

from __future__ import annotations

import gzip
import threading
from dataclasses import replace
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from callscribe.analysis.prices import UNANSWERED, UNREADABLE, Usage
from callscribe.analysis.settings import AnalystSettings
from callscribe.analysis.stored import Analysis, AnalysisItem
from callscribe.contract.events import TranscriptPlace
from callscribe.judgement.quality import load_rubric
from callscribe.serialization import decode, decode_json
from callscribe.table_values import plain
from lambdas.analyse_call.analysis import INTERRUPTED, Analysed, Analysing
from lambdas.analyse_call.bedrock import BEDROCK, BedrockAnalyst
from lambdas.common import aws
from lambdas.common.archive import Archive, TranscriptMissing
from lambdas.common.transcripts import place_of
from tests.fakes.bedrock import (
    DENIED,
    INPUT_TOKENS,
    INVENTED,
    NO_JSON,
    OUTPUT_TOKENS,
    REFUSED,
    SAYING,
    THROTTLED,
    TRUNCATED,
    FakeBedrock,
    answering,
    call_in,
    fault,
    model_of,
    saying,
)
from tests.fakes.scripted_api import Answer
from tests.lambdas.cloud import NOW, Cloud, recording
from tests.lambdas.store_transcript.test_store import TRANSCRIPT_KEY, Shelf, reply_key
from tests.simulation.table import refused

PROFILE = "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.amazon.nova-lite-v1:0"
MODEL = "amazon.nova-lite-v1:0"
USAGE = Usage(requests=1, input_tokens=INPUT_TOKENS, output_tokens=OUTPUT_TOKENS)


class Desk:
    """An analyst with a stored call before it.

    Attributes:
        pauses: How long it would have waited, in seconds.
    """

    def __init__(self, cloud: Cloud, bedrock: FakeBedrock, **settings: Any) -> None:
        self.cloud, self.bedrock = cloud, bedrock
        self.pauses: list[float] = []
        stored = Shelf(cloud).put(recording())
        self.place = place_of(stored.key, stored.pointers)
        self.cost = stored.transcript.cost
        usual = {"model": PROFILE, "price_model": MODEL, "endpoint": bedrock.url}
        self.settings = AnalystSettings(**(usual | settings))

    def analyse(self, *, again: bool = False, **changes: Any) -> Analysed:
        settings = self.settings
        client = aws.bedrock(endpoint=settings.endpoint, read_timeout=changes.pop("read_timeout", 5))
        analyst = BedrockAnalyst(client=client, settings=settings, sleep=self.pauses.append, jitter=lambda: 1.0)
        return Analysing(
            table=self.cloud.table,
            archive=Archive(s3=self.cloud.s3, bucket="archive"),
            analyst=analyst,
            source=BEDROCK,
            settings=settings,
            rubric=load_rubric(),
            now=lambda: NOW,
        ).analyse(self.place, again=again)

    def item(self) -> dict[str, Any]:
        item: dict[str, Any] = plain(self.cloud.table.get_item(Key=TRANSCRIPT_KEY)["Item"])
        return item

    def analyses(self) -> list[Analysis]:
        keys = [key for key in self.cloud.archived("transcripts/") if ".analysis." in key]
        bodies = (self.cloud.s3.get_object(Bucket="archive", Key=key)["Body"].read() for key in keys)
        return [decode_json(Analysis, gzip.decompress(body), "analysis") for body in bodies]


@pytest.fixture
def desk(cloud: Cloud, bedrock: FakeBedrock) -> Desk:
    return Desk(cloud, bedrock)


def test_an_analysis_stands_beside_the_document_and_in_short_on_the_item(desk: Desk) -> None:
    analysed = desk.analyse()

    (request,) = desk.bedrock.requests
    assert model_of(request) == PROFILE
    assert request.body["inferenceConfig"] == {"maxTokens": 4000}
    (tool,) = request.body["toolConfig"]["tools"]
    assert (tool["toolSpec"]["name"], request.body["toolConfig"]["toolChoice"]) == ("record_analysis", {"any": {}})
    assert call_in(request)["turns"]
    (kept,) = desk.analyses()
    assert (kept.document, kept.created_at) == (desk.place.key, NOW)
    assert (kept.rules.source, kept.analyst.source, kept.analyst.model) == ("rules", "bedrock", PROFILE)
    shown = desk.item()["analysis"]
    assert shown["key"].startswith(desk.place.key.removesuffix(".json.gz"))
    assert (shown["status"], shown["summary"]) == ("succeeded", SAYING)
    assert (shown["score"], shown["urgency"]) == (100, "routine")
    assert analysed.shown.dropped == 0
    assert desk.item()["summary"] != SAYING


def test_what_it_costs_is_among_what_the_call_cost(desk: Desk) -> None:
    analysed = desk.analyse()
    used = {line.item: line.quantity for line in analysed.cost.lines[len(desk.cost.lines) :]}
    assert used == {
        f"analysis {MODEL} input": INPUT_TOKENS / 1000,
        f"analysis {MODEL} output": OUTPUT_TOKENS / 1000,
    }
    assert [line["item"] for line in desk.item()["cost"]["lines"]][-2:] == [*used]


def test_the_same_question_is_asked_once(desk: Desk) -> None:
    first, before = desk.analyse(), desk.item()
    second = desk.analyse()
    assert (second.shown, second.cost, second.found) == (first.shown, first.cost, True)
    assert len(desk.bedrock.requests) == 1
    assert desk.item() == before


def test_another_model_is_asked_anew_and_both_answers_stay(desk: Desk) -> None:
    desk.analyse()
    desk.settings = AnalystSettings(model=MODEL, price_model=MODEL, endpoint=desk.bedrock.url)
    assert not desk.analyse().found
    assert {analysis.analyst.model for analysis in desk.analyses()} == {PROFILE, MODEL}


def test_asked_again_on_purpose_both_times_are_paid_for(desk: Desk) -> None:
    first = desk.analyse()
    second = desk.analyse(again=True)
    assert len(desk.bedrock.requests) == 2
    added = [line.quantity for line in second.cost.lines[len(desk.cost.lines) :]]
    assert added == [2 * line.quantity for line in first.cost.lines[len(desk.cost.lines) :]]


def paid(analysed: Analysed, desk: Desk) -> dict[str, Decimal]:
    """What the analyses of the call used, by line of its bill."""
    return {line.item: line.quantity for line in analysed.cost.lines[len(desk.cost.lines) :]}


def test_what_a_failed_analysis_took_is_paid_for_when_a_later_one_succeeds(desk: Desk) -> None:
    desk.bedrock.answer(TRUNCATED)
    assert desk.analyse().shown.status == "failed"
    succeeded = desk.analyse()
    twice = {f"analysis {MODEL} input": 2 * INPUT_TOKENS, f"analysis {MODEL} output": 2 * OUTPUT_TOKENS}
    assert succeeded.shown.status == "succeeded"
    assert {item: 1000 * quantity for item, quantity in paid(succeeded, desk).items()} == twice
    # Found again it costs the same, whatever the item has lost since.
    assert desk.analyse().cost == succeeded.cost
    desk.cloud.table.update_item(Key=TRANSCRIPT_KEY, UpdateExpression="REMOVE analysis")
    assert desk.analyse().cost == succeeded.cost


class Killed(BaseException):
    """The function has ended."""


def interrupted(desk: Desk, monkeypatch: pytest.MonkeyPatch, *, again: bool = False) -> dict[str, Any]:
    """Return the item after a function that has ended while the model answered."""

    def end(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(BedrockAnalyst, "judge", end)
        with pytest.raises(Killed):
            desk.analyse(again=again)
    return desk.item()


def test_what_a_function_asked_that_ended_before_the_answer_may_be_billed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = interrupted(desk, monkeypatch)
    assert (item["analysis"]["status"], item["analysis"]["reason"]) == ("failed", INTERRUPTED)
    assert "total_usd" not in item["cost"]
    assert (item["cost"]["unpriced"], item["cost"]["at_least_usd"]) == (
        [UNANSWERED],
        float(desk.cost.at_least_usd or 0),
    )
    succeeded = desk.analyse()
    assert succeeded.shown.status == "succeeded"
    assert succeeded.shown.spent == {MODEL: replace(USAGE, requests=2, unanswered=1)}
    assert (succeeded.cost.total_usd, succeeded.cost.unpriced) == (None, (UNANSWERED,))


def test_an_earlier_analysis_stands_while_another_is_asked_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = desk.analyse().shown
    item = interrupted(desk, monkeypatch, again=True)
    shown = decode(AnalysisItem, item["analysis"], "the analysis")
    assert replace(shown, spent=earlier.spent) == earlier
    assert shown.spent == {MODEL: replace(USAGE, requests=2, unanswered=1)}
    assert item["cost"]["unpriced"] == [UNANSWERED]


def test_what_analyses_took_stays_on_the_bill_when_a_redrive_stores_the_document_again(desk: Desk) -> None:
    desk.bedrock.answer(TRUNCATED)
    desk.analyse()
    before = desk.item()
    assert len(before["cost"]["lines"]) > len(desk.cost.lines)
    Shelf(desk.cloud).put(recording())
    assert desk.item() == before
    desk.analyse()
    assert desk.item()["analysis"]["spent"][MODEL]["requests"] == 2


def test_a_redriven_call_that_was_asked_for_again_has_a_bill_of_both(desk: Desk) -> None:
    desk.analyse()
    added = desk.item()["cost"]["lines"][len(desk.cost.lines) :]
    shelf = Shelf(desk.cloud)
    stored = shelf.store.store(recording(), reply_key=reply_key(recording()), requests=2, now=NOW)
    cost = desk.item()["cost"]
    assert (stored.transcript.cost.requests, cost["requests"]) == (2, 2)
    assert cost["lines"][-len(added) :] == added


def test_a_bill_whose_sum_is_not_known_is_kept_with_all_its_lines(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.analyse()
    before = interrupted(desk, monkeypatch, again=True)
    assert "total_usd" not in before["cost"]
    Shelf(desk.cloud).put(recording())
    assert desk.item() == before


def test_of_an_unreadable_analysis_it_is_not_known_what_it_cost(desk: Desk) -> None:
    desk.analyse()
    desk.cloud.table.update_item(
        Key=TRANSCRIPT_KEY, UpdateExpression="SET analysis.spent = :text", ExpressionAttributeValues={":text": "much"}
    )
    assert desk.analyse(again=True).cost.total_usd is None


@pytest.mark.parametrize("spoil", ["SET cost.requests = call_id", "REMOVE cost.requests", "REMOVE cost"])
def test_an_unreadable_bill_keeps_no_call_from_being_stored(desk: Desk, spoil: str) -> None:
    desk.analyse()
    desk.cloud.table.update_item(Key=TRANSCRIPT_KEY, UpdateExpression=spoil)
    Shelf(desk.cloud).put(recording())
    cost = desk.item()["cost"]
    assert (cost["requests"], cost["unpriced"], "total_usd" in cost) == (1, [UNREADABLE], False)
    assert desk.item()["analysis"]["spent"][MODEL]["requests"] == 1


def test_what_another_model_took_stays_on_the_bill(desk: Desk) -> None:
    desk.analyse()
    other = "amazon.nova-pro-v1:0"
    desk.settings = AnalystSettings(model=other, price_model=other, endpoint=desk.bedrock.url)
    assert {item.split()[1] for item in paid(desk.analyse(), desk)} == {MODEL, other}


def test_what_an_analysis_of_before_took_is_not_known_on_the_item_and_read_from_its_own(desk: Desk) -> None:
    first = desk.analyse()
    desk.cloud.table.update_item(Key=TRANSCRIPT_KEY, UpdateExpression="REMOVE analysis.spent")
    assert desk.analyse().cost == first.cost


def test_an_unreadable_analysis_is_made_anew(desk: Desk) -> None:
    key = desk.analyse().shown.key
    desk.cloud.s3.put_object(Bucket="archive", Key=str(key), Body=gzip.compress(b"{}"))
    assert not desk.analyse().found
    assert len(desk.analyses()) == 1


def test_a_quote_that_nobody_said_is_dropped_and_counted(desk: Desk) -> None:
    desk.bedrock.answer(INVENTED)
    analysed = desk.analyse()
    assert (analysed.shown.summary, analysed.shown.dropped, analysed.shown.score) == (None, 2, 100)


@pytest.mark.parametrize(
    "trouble",
    [
        (THROTTLED,),
        (fault(503, "ServiceUnavailableException"), fault(500, "InternalServerException")),
        (fault(408, "ModelTimeoutException"), fault(424, "ModelErrorException")),
        (fault(429, "ModelNotReadyException"), Answer(reset=True)),
        (saying("I would rather talk."), answering(lambda _: {"summary": "none"})),
    ],
)
def test_trouble_that_passes_is_asked_again_after_a_growing_pause(desk: Desk, trouble: tuple[Answer, ...]) -> None:
    desk.bedrock.answer(*trouble)
    assert desk.analyse().shown.status == "succeeded"
    assert desk.pauses == [2.0, 4.0][: len(trouble)]


@pytest.mark.parametrize(
    ("answer", "code", "requests"),
    [
        (THROTTLED, "Bedrock.ThrottlingException", 3),
        (NO_JSON, "Bedrock.InvalidAnswer", 3),
        (saying("No."), "Bedrock.InvalidAnswer", 3),
        (answering(lambda _: {"summary": "none"}), "Bedrock.InvalidAnswer", 3),
        (REFUSED, "Bedrock.Refused", 1),
        (TRUNCATED, "Bedrock.Truncated", 1),
        (DENIED, "Bedrock.AccessDeniedException", 1),
        (fault(400, "ValidationException"), "Bedrock.ValidationException", 1),
        (fault(404, "ResourceNotFoundException"), "Bedrock.ResourceNotFoundException", 1),
        (Answer(reset=True), "Bedrock.ConnectionClosedError", 3),
    ],
)
def test_whatever_fails_the_item_says_so_and_the_rules_stand(
    desk: Desk, answer: Answer, code: str, requests: int
) -> None:
    before = desk.item()
    desk.bedrock.answer(then=answer)
    shown = desk.analyse().shown
    assert (shown.status, shown.reason, shown.key) == ("failed", code, None)
    assert len(desk.bedrock.requests) == requests
    item = desk.item()
    assert item.pop("analysis")["status"] == "failed"
    assert {name: value for name, value in item.items() if name != "cost"} == {
        name: value for name, value in before.items() if name != "cost"
    }
    assert desk.analyses() == []


def test_an_answer_that_was_thrown_away_is_paid_for(desk: Desk) -> None:
    desk.bedrock.answer(then=saying("No."))
    lines = desk.analyse().cost.lines[len(desk.cost.lines) :]
    assert [line.quantity for line in lines] == [3 * INPUT_TOKENS / 1000, 3 * OUTPUT_TOKENS / 1000]


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (refused("AccessDenied", "PutObject"), "Archive.AccessDenied"),
        (ReadTimeoutError(endpoint_url="s3"), "Archive.ReadTimeoutError"),
    ],
)
def test_an_answer_that_the_archive_does_not_take_is_paid_for_and_not_asked_for_again(
    desk: Desk, trouble: Exception, reason: str
) -> None:
    with patch.object(Archive, "write", side_effect=trouble):
        failed = desk.analyse()
    assert (failed.shown.status, failed.shown.reason, failed.shown.key) == ("failed", reason, None)
    assert (len(desk.bedrock.requests), desk.analyses()) == (1, [])
    once = paid(failed, desk)
    assert once == {f"analysis {MODEL} input": INPUT_TOKENS / 1000, f"analysis {MODEL} output": OUTPUT_TOKENS / 1000}
    # Repeated on purpose, both are on the bill.
    assert paid(desk.analyse(), desk) == {line: 2 * quantity for line, quantity in once.items()}


def test_a_request_that_is_never_answered_ends_and_may_have_been_billed(desk: Desk) -> None:
    hold = threading.Event()
    desk.bedrock.answer(then=Answer(hold=hold, body={}))
    try:
        analysed = desk.analyse(read_timeout=0.2)
    finally:
        hold.set()
    assert analysed.shown.reason == "Bedrock.ReadTimeoutError"
    assert (analysed.cost.total_usd, analysed.cost.at_least_usd) == (None, desk.cost.at_least_usd)


def test_a_call_that_is_too_long_is_not_sent(cloud: Cloud, bedrock: FakeBedrock) -> None:
    desk = Desk(cloud, bedrock, max_input_tokens=500)
    assert (desk.analyse().shown.status, desk.item()["analysis"]["reason"]) == ("skipped", "too-long")
    assert bedrock.requests == []


def test_a_newer_transcript_is_not_given_the_analysis_of_an_older_one(desk: Desk) -> None:
    Shelf(desk.cloud).put(recording(version_id="v2", last_modified=NOW.replace(hour=11)))
    assert desk.analyse().shown.status == "succeeded"
    assert "analysis" not in desk.item()


def test_a_transcript_that_is_gone_is_an_error(desk: Desk) -> None:
    desk.place = TranscriptPlace(pk="p", sk="s", bucket="archive", key="transcripts/none.json.gz")
    with pytest.raises(TranscriptMissing):
        desk.analyse()


def test_a_table_that_refuses_is_an_error_of_the_step(desk: Desk) -> None:
    desk.cloud.table.delete()
    with pytest.raises(ClientError):
        desk.analyse()
