"""Every function at work on a call, for the guards that no function may be without.

A folder in `lambdas/` without a scene here fails `test_guards.py`: write one, and the function gets them all.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, cast

import boto3
import pytest
from botocore.client import BaseClient

from lambdas.common.archive import VOCABULARY_TERMS, Archive
from lambdas.common.claims import Claims
from tests.callscribe.live_calls import CALL_ID, CONVERSATION, live_item, utterance_item
from tests.conftest import ROOT
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.console_request import console_request
from tests.fakes.contact_flow import CONTACT_ID, contact_event, contact_flow_event
from tests.fakes.deepgram import Answer, FakeDeepgram, transcription
from tests.fakes.table_changes import table_changes
from tests.lambdas.cloud import EXECUTION, REGION, Cloud, Context, Tasks, recording, take_claim

FUNCTIONS: Final = sorted(path.parent.name for path in (ROOT / "lambdas").glob("*/handler.py"))
"""Every function there is, by its folder."""

KEY: Final = "0123456789abcdef0123456789abcdef01234567"
MODEL: Final = "amazon.nova-lite-v1:0"
PHONE: Final = "+1 555 010 7788"

_GETS_WORDS: Final = ("dynamodb", "s3", "bedrock-runtime")
"""The services that words are for."""
_READS: Final = ("Get", "Head", "List", "Query", "Scan", "Describe", "Receive", "Assume", "BatchGet")


class Killed(BaseException):
    """The process of a function ends here: nothing in it can catch this."""


@dataclass
class Stage:
    """What a function works on.

    Attributes:
        cloud: Buckets and table.
        environment: The functions' variables.
        deepgram: Deepgram.
        bedrock: Amazon Bedrock.
        tasks: The tasks of the state machine.
        sent: What was sent to any service but the table, the archive and the language model.
        writes: Calls that changed something.
    """

    cloud: Cloud
    environment: pytest.MonkeyPatch
    deepgram: FakeDeepgram
    bedrock: FakeBedrock
    tasks: Tasks
    sent: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)

    def queue(self, name: str) -> str:
        """Make a queue and return its address."""
        return boto3.client("sqs", region_name=REGION).create_queue(QueueName=name)["QueueUrl"]

    def invoke(self, function: str, event: dict[str, Any]) -> Any:
        """Invoke a function that starts cold."""
        module = importlib.import_module(f"lambdas.{function}.handler")
        for value in vars(module).values():
            if hasattr(value, "cache_clear") and getattr(value, "__module__", "").startswith("lambdas."):
                value.cache_clear()
        return module.handle(event, cast("Any", Context()))

    @contextmanager
    def watched(self, *, killed_at: int | None = None, after: bool = False) -> Iterator[None]:
        """Note the calls to AWS, and kill the process at one that changes something, before or after it."""
        call = BaseClient._make_api_call  # type: ignore[attr-defined]
        self.writes.clear()

        def watched(client: Any, operation: str, arguments: Any) -> Any:
            service = client.meta.service_model.service_name
            if service not in _GETS_WORDS:
                self.sent.append(json.dumps(arguments, default=str))
            if operation.startswith(_READS):
                return call(client, operation, arguments)
            self.writes.append(f"{service}.{operation}")
            if killed_at == len(self.writes) - 1 and not after:
                raise Killed
            answer = call(client, operation, arguments)
            if killed_at == len(self.writes) - 1:
                raise Killed
            return answer

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(BaseClient, "_make_api_call", watched)
            yield

    def left(self) -> list[Any]:
        """What is in the table and the archive."""
        items = [
            {name: value for name, value in item.items() if not name.endswith("lease_until")}
            for item in self.cloud.items()
        ]
        return [*sorted(items, key=lambda item: (item["PK"], item["SK"])), *self.cloud.archived("")]


Scene: TypeAlias = Callable[[Stage], dict[str, Any]]
"""Prepares everything and returns the function's event."""


def _reply() -> dict[str, Any]:
    """A reply in which somebody says a phone number."""
    return transcription(((1, 0.4, "Thank you for calling Lakeside Vision, this is Marla.", 0.6), (0, 4.0, PHONE, 0.1)))


def _admit_recording(stage: Stage) -> dict[str, Any]:
    return {"event": stage.cloud.upload(bucket="unversioned"), "execution": EXECUTION}


def _transcribe_call(stage: Stage) -> dict[str, Any]:
    secret = boto3.client("secretsmanager", region_name=REGION).create_secret(Name="deepgram", SecretString=KEY)
    for name, value in {
        "QUEUE_URL": stage.queue("work"),
        "DEEPGRAM_SECRET_ARN": secret["ARN"],
        "DEEPGRAM_BASE_URL": stage.deepgram.url,
    }.items():
        stage.environment.setenv(name, value)
    stage.deepgram.answer(then=Answer(body=_reply()))
    admitted = recording(stage.cloud.upload(bucket="unversioned"))
    take_claim(Claims(table=stage.cloud.table), admitted)
    body = {"task_token": "token", "execution": EXECUTION, "recording": admitted.to_payload()}
    record = {
        "messageId": "m-1",
        "receiptHandle": "receipt",
        "body": json.dumps(body),
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:123456789012:work",
        "awsRegion": REGION,
    }
    return {"Records": [record]}


def _store_transcript(stage: Stage) -> dict[str, Any]:
    admitted = recording(stage.cloud.upload(bucket="unversioned"))
    take_claim(Claims(table=stage.cloud.table), admitted)
    key = f"replies/{admitted.recording_id}.json.gz"
    archive = Archive(s3=stage.cloud.s3, bucket="archive")
    archive.write(key, json.dumps(_reply()).encode(), metadata={VOCABULARY_TERMS: "3"})
    reply = {"reply": {"bucket": "archive", "key": key}, "deepgram_requests": 1, "request_id": "r"}
    return {"recording": admitted.to_payload(), **reply}


def _score_quality(stage: Stage) -> dict[str, Any]:
    event = _store_transcript(stage)
    return {"recording": event["recording"], "transcript": stage.invoke("store_transcript", event)["transcript"]}


def _call_console(stage: Stage) -> dict[str, Any]:
    stage.invoke("store_transcript", _store_transcript(stage))
    return console_request("/api/clinics/harbour/calls", groups="[harbour]")


def _draw_waveform(stage: Stage) -> dict[str, Any]:
    event = _store_transcript(stage)
    transcript = stage.invoke("store_transcript", event)["transcript"]
    return {"recording_id": event["recording"]["recording_id"], "document": transcript["key"]}


def _analyse_call(stage: Stage) -> dict[str, Any]:
    event = _store_transcript(stage)
    settings = {"model": MODEL, "price_model": MODEL, "endpoint": stage.bedrock.url}
    stage.environment.setenv("ANALYST", json.dumps(settings))
    transcript = stage.invoke("store_transcript", event)["transcript"]
    return {"call_id": "call-7", "recording_id": event["recording"]["recording_id"], "transcript": transcript}


def _start_live_call(stage: Stage) -> dict[str, Any]:
    stage.environment.setenv("CALLS_QUEUE_URL", stage.queue("calls"))
    return contact_flow_event()


def _end_live_call(stage: Stage) -> dict[str, Any]:
    stage.cloud.table.put_item(Item={"PK": f"CALL#{CONTACT_ID}", "SK": "LIVE", "status": "streaming"})
    return contact_event()


def _store_live_transcript(stage: Stage) -> dict[str, Any]:
    boto3.client("events", region_name=REGION).create_event_bus(Name="transcripts")
    stage.environment.setenv("EVENT_BUS_NAME", "transcripts")
    stage.environment.setenv("FAILED_CALLS_QUEUE_URL", stage.queue("failed"))
    stage.cloud.table.put_item(Item=live_item())
    for said in CONVERSATION:
        stage.cloud.table.put_item(Item=utterance_item(said))
    return {
        "detail-type": "Live Call Transcribed",
        "source": "callscribe",
        "time": "2026-11-20T09:05:00Z",
        "detail": {"version": "1", "call_id": CALL_ID, "clinic_id": "harbour", "day": "2026-11-20"},
    }


def _update_search(stage: Stage) -> dict[str, Any]:
    stage.invoke("store_transcript", _store_transcript(stage))
    return table_changes(*((item["PK"], item["SK"]) for item in stage.cloud.items()))


SCENES: Final[dict[str, Scene]] = {
    "admit_recording": _admit_recording,
    "analyse_call": _analyse_call,
    "call_console": _call_console,
    "draw_waveform": _draw_waveform,
    "end_live_call": _end_live_call,
    "score_quality": _score_quality,
    "start_live_call": _start_live_call,
    "store_live_transcript": _store_live_transcript,
    "store_transcript": _store_transcript,
    "transcribe_call": _transcribe_call,
    "update_search": _update_search,
}
