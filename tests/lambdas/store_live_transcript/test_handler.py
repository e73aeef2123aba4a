from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest

from callscribe.contract.schema import SCHEMA_VERSION
from lambdas.common import aws
from lambdas.common.errors import SafeError
from lambdas.store_live_transcript.handler import _environment, _store, handle
from tests.callscribe.live_calls import CALL_ID, CONVERSATION, live_item, utterance, utterance_item
from tests.fakes.weights import installed_weights
from tests.lambdas.cloud import REGION, Cloud, Context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from aws_lambda_powertools.utilities.typing import LambdaContext

CONTEXT = cast("LambdaContext", Context())
TRANSCRIPT_KEY = {"PK": "CLINIC#harbour", "SK": f"TRANSCRIPT#2026-11-20#{CALL_ID}"}
EVENT = {
    "version": "0",
    "id": "2b1d4c7c-9a53-4f9f-8a6f-0d117f0c54f1",
    "detail-type": "Live Call Transcribed",
    "source": "callscribe",
    "time": "2026-11-20T09:05:00Z",
    "detail": {
        "version": "1",
        "schema_version": SCHEMA_VERSION,
        "call_id": CALL_ID,
        "clinic_id": "harbour",
        "day": "2026-11-20",
        "source": "live",
        "complete": True,
    },
}


class Bus:
    """An event bus with a queue behind it."""

    def __init__(self) -> None:
        events, self._sqs = boto3.client("events", region_name=REGION), boto3.client("sqs", region_name=REGION)
        events.create_event_bus(Name="transcripts")
        self._queue_url = self._sqs.create_queue(QueueName="announced")["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=["QueueArn"])["Attributes"]
        events.put_rule(Name="all", EventBusName="transcripts", EventPattern='{"source": ["callscribe"]}')
        events.put_targets(Rule="all", EventBusName="transcripts", Targets=[{"Id": "queue", "Arn": arn["QueueArn"]}])

    def announced(self) -> list[dict[str, Any]]:
        received = self._sqs.receive_message(QueueUrl=self._queue_url, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in received.get("Messages", [])]


@pytest.fixture
def bus(cloud: Cloud, function_environment: pytest.MonkeyPatch) -> Iterator[Bus]:
    function_environment.setenv("EVENT_BUS_NAME", "transcripts")
    function_environment.setenv("FAILED_CALLS_QUEUE_URL", "https://sqs.invalid/failed")
    caches = (_environment, _store, aws.events)
    for cache in caches:
        cache.cache_clear()
    yield Bus()
    for cache in caches:
        cache.cache_clear()


def follow(cloud: Cloud, **changes: Any) -> None:
    cloud.table.put_item(Item=live_item(**changes))
    for said in CONVERSATION:
        cloud.table.put_item(Item=utterance_item(said))


def test_a_transcript_is_announced_as_the_workflow_announces_it(
    cloud: Cloud, bus: Bus, output: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLE_NAMES", '{"customer": "patient"}')
    follow(cloud)
    assert handle(EVENT, CONTEXT) == {"outcome": "stored"}
    [event] = bus.announced()
    assert (event["source"], event["detail-type"]) == ("callscribe", "Call Transcribed")
    item: Any = cloud.table.get_item(Key=TRANSCRIPT_KEY)["Item"]
    assert event["detail"] == {
        "version": "1",
        "schema_version": SCHEMA_VERSION,
        "call_id": CALL_ID,
        "clinic_id": "harbour",
        "kind": "agent",
        "day": "2026-11-20",
        "recording_id": None,
        "source": "live",
        "transcript": {
            "pk": TRANSCRIPT_KEY["PK"],
            "sk": TRANSCRIPT_KEY["SK"],
            "bucket": "archive",
            "key": item["transcript_key"],
        },
        "figures": {
            "duration_seconds": 14.0,
            "word_count": 34,
            "confidence": 0.9,
            "cost_usd": float(item["cost"]["total_usd"]),
            "cost_at_least_usd": float(item["cost"]["at_least_usd"]),
            "reliability": {"level": "high", "reasons": []},
        },
        "quality": {"score": int(item["quality"]["score"]), "rubric": "clinic-call-v1"},
        "live": {
            "complete": True,
            "incomplete_reasons": [],
            "covered_seconds": 14.0,
            "gaps": 0,
            "gap_seconds": 0,
        },
        "enrichment": None,
        "analysis": None,
        "role_names": {"customer": "patient"},
    }
    lines = [json.loads(line) for line in output().splitlines()]
    assert any(line.get("LiveTranscriptsStored") == [1.0] for line in lines)
    assert any(line.get("correlation_id") == CALL_ID for line in lines)


def test_the_words_of_a_live_call_are_told_nowhere(cloud: Cloud, bus: Bus, output: Callable[[], str]) -> None:
    follow(cloud)
    told = json.dumps([handle(EVENT, CONTEXT), bus.announced()]) + output()
    assert not [word for word in ("Karen", "appointment", "Tuesday", "calling") if word in told]


URGENT = utterance(3, 0, "Since this morning I see flashes and a dark curtain in my left eye.", 6.0, 8.5)


def follow_urgent(cloud: Cloud, **changes: Any) -> None:
    follow(cloud, **changes)
    cloud.table.put_item(Item=utterance_item(URGENT))


def test_of_what_cannot_wait_and_nobody_was_told_while_the_call_ran_somebody_is_told_before_its_transcript(
    cloud: Cloud, bus: Bus, output: Callable[[], str]
) -> None:
    follow_urgent(cloud)
    assert handle(EVENT, CONTEXT) == {"outcome": "stored"}
    events = {event["detail-type"]: event["detail"] for event in bus.announced()}
    assert {*events} == {"Urgent Call", "Call Transcribed"}
    urgent = events["Urgent Call"]
    assert (urgent["call_id"], urgent["clinic_id"], urgent["source"]) == (CALL_ID, "harbour", "live")
    assert urgent["flags"] == ["urgent"]
    assert urgent["transcript"] == events["Call Transcribed"]["transcript"]
    assert urgent["live"] == {"pk": f"CALL#{CALL_ID}", "sk": "LIVE"}
    assert {place["flag"] for place in urgent["evidence"]} == {"urgent"}
    assert urgent["evidence"][0]["turn"] == 1
    assert not [word for word in ("flashes", "curtain") if word in json.dumps(events) + output()]


def test_who_was_told_while_the_call_ran_is_not_told_again(cloud: Cloud, bus: Bus) -> None:
    follow_urgent(cloud, alerted=["urgent"])
    assert handle(EVENT, CONTEXT) == {"outcome": "stored"}
    assert [event["detail-type"] for event in bus.announced()] == ["Call Transcribed"]


def test_with_the_encoder_a_call_has_flags_that_no_rule_finds_and_says_who_found_them(
    cloud: Cloud, bus: Bus, function_environment: pytest.MonkeyPatch, tmp_path: Path, output: Callable[[], str]
) -> None:
    function_environment.setenv("ENCODER_WEIGHTS", str(installed_weights(tmp_path)))
    follow(cloud)
    said = "The little bottle for my pressure is down to nothing, what now?"
    cloud.table.put_item(Item=utterance_item(utterance(3, 0, said, 6.0, 8.5)))

    assert handle(EVENT, CONTEXT) == {"outcome": "stored"}

    item: Any = cloud.table.get_item(Key=TRANSCRIPT_KEY)["Item"]
    assert item["wording"]["name"] == "minilm-eye-clinic-en-v1"
    assert item["prescription_refill"]
    (evidence,) = next(flag["evidence"] for flag in item["flag_evidence"] if flag["name"] == "prescription_refill")
    assert (evidence["source"], len(evidence["nearest"])) == ("wording", 2)
    told = json.dumps(bus.announced()) + output()
    assert not [words for words in (said, "bottle", *evidence["nearest"]) if words in told]


@pytest.mark.parametrize(
    ("live", "there", "outcome"),
    [({}, {"source": "batch"}, "superseded"), ({"status": "streaming"}, {"source": "live"}, "deferred")],
)
def test_what_is_not_the_calls_transcript_is_not_announced(
    cloud: Cloud, bus: Bus, live: dict[str, Any], there: dict[str, Any], outcome: str
) -> None:
    follow(cloud, **live)
    cloud.table.put_item(Item={**TRANSCRIPT_KEY, **there})
    assert handle(EVENT, CONTEXT) == {"outcome": outcome}
    assert bus.announced() == []


def test_an_announcement_that_is_not_taken_is_an_error_and_repeated_with_the_event(
    cloud: Cloud, bus: Bus, function_environment: pytest.MonkeyPatch
) -> None:
    follow(cloud)
    refused = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException", "ErrorMessage": "slower"}]}
    with function_environment.context() as patch:
        patch.setattr(aws.events(), "put_events", lambda **_: refused)
        with pytest.raises(SafeError, match=r"EventBridge\.ThrottlingException"):
            handle(EVENT, CONTEXT)
    assert handle(EVENT, CONTEXT) == {"outcome": "stored"}
    assert len(bus.announced()) == 1


@pytest.mark.parametrize(
    "unusable",
    [
        {**EVENT, "detail": {}},
        {**EVENT, "detail": [CALL_ID]},
        {**EVENT, "detail": {"call_id": "x" * 51}},
        {**EVENT, "time": 10**17},
        {**EVENT, "time": "yesterday"},
        {"phone": "+15550107788"},
    ],
)
def test_an_event_that_nobody_can_work_on_is_put_aside_at_once_and_not_quoted(
    bus: Bus, function_environment: pytest.MonkeyPatch, output: Callable[[], str], unusable: dict[str, Any]
) -> None:
    sqs = boto3.client("sqs", region_name=REGION)
    failed = sqs.create_queue(QueueName="failed")["QueueUrl"]
    function_environment.setenv("FAILED_CALLS_QUEUE_URL", failed)

    assert handle(unusable, CONTEXT) == {"outcome": "refused"}

    (message,) = sqs.receive_message(QueueUrl=failed)["Messages"]
    assert json.loads(message["Body"]) == unusable
    written = output()
    assert '"LiveTranscriptsRefused":[1.0]' in written
    assert "5550107788" not in written
    assert bus.announced() == []
