"""Live calls that could not be followed, or whose transcript could not be stored."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from callscribe.live.call import SAMPLE_RATE, LiveCall
from operations.command_line import main
from operations.environment import Environment
from tests.callscribe.live_calls import CALL_ID, CLINIC_ID, live_item

if TYPE_CHECKING:
    from tests.operations.conftest import Deployed

RETENTION = timedelta(hours=24)


class Live:
    """The live stack of an environment, as far as operators touch it."""

    def __init__(self, deployed: Deployed) -> None:
        self._deployed = deployed
        self._sqs = deployed.sqs
        self.calls = self._sqs.create_queue(QueueName="live-calls")["QueueUrl"]
        self.failed = self._sqs.create_queue(QueueName="failed-live-calls")["QueueUrl"]
        self.announced = self._sqs.create_queue(QueueName="announced")["QueueUrl"]
        session = boto3.Session()
        events, kinesis_video = session.client("events"), session.client("kinesisvideo")
        events.create_event_bus(Name="bus")
        events.put_rule(Name="all", EventBusName="bus", EventPattern='{"source": ["callscribe"]}')
        queue = self._sqs.get_queue_attributes(QueueUrl=self.announced, AttributeNames=["QueueArn"])["Attributes"]
        events.put_targets(Rule="all", EventBusName="bus", Targets=[{"Id": "queue", "Arn": queue["QueueArn"]}])
        self.stream = kinesis_video.create_stream(
            StreamName="live-1", DataRetentionInHours=RETENTION // timedelta(hours=1)
        )["StreamARN"]
        deployed.outputs |= {
            "LiveCallsQueueUrl": self.calls,
            "FailedLiveCallsQueueUrl": self.failed,
            "EventBusName": "bus",
        }
        deployed.write_outputs()

    def call(self, call_id: str = CALL_ID, *, began: timedelta = timedelta(minutes=5), **fields: Any) -> LiveCall:
        started_at = datetime.now(UTC) - began
        return LiveCall(
            call_id=call_id,
            clinic_id=CLINIC_ID,
            start_fragment="",
            **{"stream_arn": self.stream, "started_at_ms": int(started_at.timestamp() * 1000), **fields},
        )

    def fail(self, body: str, *, code: str = "Deepgram.HTTP402") -> None:
        attribute: Any = {"error_code": {"DataType": "String", "StringValue": code}}
        self._sqs.send_message(QueueUrl=self.failed, MessageBody=body, MessageAttributes=attribute)

    def redrive(self, *arguments: str) -> int:
        return main(["redrive", *self._deployed.arguments, "--live", *arguments])

    def messages(self, queue_url: str) -> list[str]:
        return self._deployed.messages(queue_url)


@pytest.fixture
def live(deployed: Deployed) -> Live:
    return Live(deployed)


def test_a_failed_live_call_goes_back_to_the_streamers(live: Live, capsys: pytest.CaptureFixture[str]) -> None:
    call = live.call()
    live.fail(call.to_json())
    assert live.redrive() == 0
    assert [LiveCall.from_json(body) for body in live.messages(live.calls)] == [call]
    assert live.messages(live.failed) == []
    shown = capsys.readouterr().out
    assert all(text in shown for text in (CALL_ID[:8], "Deepgram.HTTP402", "sent back to the streamers"))


def test_a_dry_run_leaves_everything_in_place(live: Live, capsys: pytest.CaptureFixture[str]) -> None:
    live.fail(live.call().to_json())
    assert live.redrive("--dry-run") == 0
    assert live.messages(live.calls) == []
    assert len(live.messages(live.failed)) == 1
    assert "would be sent back to the streamers" in capsys.readouterr().out


def test_a_call_whose_audio_is_gone_is_reported_and_moved_only_by_force(
    live: Live, capsys: pytest.CaptureFixture[str]
) -> None:
    live.fail(live.call(began=RETENTION + timedelta(minutes=1)).to_json())
    assert live.redrive() == 1
    assert (live.messages(live.calls), len(live.messages(live.failed))) == ([], 1)
    assert "keeps audio for 24 h" in " ".join(capsys.readouterr().out.split())
    assert live.redrive("--force") == 0
    assert (len(live.messages(live.calls)), live.messages(live.failed)) == (1, [])


@pytest.mark.parametrize(("transcribed", "status"), [(timedelta(minutes=1), 1), (timedelta(minutes=3), 0)])
def test_the_audio_that_is_still_needed_counts(
    deployed: Deployed, live: Live, transcribed: timedelta, status: int
) -> None:
    call = live.call(began=RETENTION + timedelta(minutes=2))
    samples = Decimal(int(transcribed.total_seconds()) * SAMPLE_RATE)
    deployed.table.put_item(
        Item=live_item(status="failed", origin_ms=Decimal(call.started_at_ms), watermarks=[samples, samples + 8000])
    )
    live.fail(call.to_json())
    assert live.redrive() == status


def test_a_call_whose_stream_is_gone_is_reported(live: Live, capsys: pytest.CaptureFixture[str]) -> None:
    live.fail(live.call(stream_arn="arn:aws:kinesisvideo:eu-central-1:123456789012:stream/gone/1").to_json())
    assert live.redrive() == 1
    assert "its stream is gone" in " ".join(capsys.readouterr().out.split())


def test_a_call_in_two_messages_goes_back_once(live: Live) -> None:
    for _ in range(2):
        live.fail(live.call().to_json())
    assert live.redrive() == 0
    assert len(live.messages(live.calls)) == 1
    assert live.messages(live.failed) == []


def test_the_end_of_a_call_is_announced_again(live: Live) -> None:
    detail = {"version": "1", "call_id": CALL_ID, "clinic_id": CLINIC_ID, "complete": True}
    event = {"source": "callscribe", "detail-type": "Live Call Transcribed", "detail": detail}
    live.fail(json.dumps(event), code="500")
    live.fail(live.call().to_json())
    assert live.redrive() == 0
    [announced] = [json.loads(body) for body in live.messages(live.announced)]
    assert {name: announced[name] for name in event} == event
    assert len(live.messages(live.calls)) == 1


@pytest.mark.parametrize("body", ["what the customer said", "{}", '{"detail-type": "Live Call Transcribed"}', "[]"])
def test_a_message_not_understood_stays_and_is_not_quoted(
    live: Live, capsys: pytest.CaptureFixture[str], body: str
) -> None:
    live.fail(body)
    assert live.redrive() == 1
    assert live.messages(live.failed) == [body]
    shown = capsys.readouterr().out
    assert "left in place" in shown
    assert "customer" not in shown


def test_an_event_that_the_bus_refuses_keeps_its_message(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    event = {"source": "callscribe", "detail-type": "Live Call Transcribed", "detail": {"call_id": CALL_ID}}
    live.fail(json.dumps(event))

    class RefusingBus:
        def put_events(self, **_: Any) -> dict[str, Any]:
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]}

    known = Environment.client
    monkeypatch.setattr(
        Environment, "client", lambda self, name: RefusingBus() if name == "events" else known(self, name)
    )
    assert live.redrive() == 1
    assert len(live.messages(live.failed)) == 1


def test_an_environment_without_live_calls_ends_with_3(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["redrive", *deployed.arguments, "--live"]) == 3
    assert "no output FailedLiveCallsQueueUrl" in capsys.readouterr().err


def test_force_is_for_live_calls(deployed: Deployed) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["redrive", *deployed.arguments, "--force"])
