from __future__ import annotations

import json
import socket
from dataclasses import fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest

from callscribe.contract.call_kind import CallKind
from callscribe.contract.schema import SCHEMA_VERSION
from callscribe.contract.table_keys import ItemKey, transcript_key
from callscribe.live.call import LiveCall
from callscribe.serialization import decode
from callscribe.table_values import plain
from lambdas.common import aws
from lambdas.common.errors import TransientError, UnexpectedError
from lambdas.start_live_call import handler
from tests.fakes.contact_flow import (
    CONTACT_ID,
    CUSTOMER_NUMBER,
    DIALLED_NUMBER,
    INSTANCE_ARN,
    START_FRAGMENT,
    STARTED_AT_MS,
    STREAM_ARN,
    audio,
    contact_flow_event,
)
from tests.lambdas.cloud import REGION, Cloud, Context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_lambda_powertools.utilities.typing import LambdaContext
    from mypy_boto3_sqs import SQSClient

CONTEXT = cast("LambdaContext", Context())
DAY = datetime.fromtimestamp(STARTED_AT_MS / 1000, UTC).date().isoformat()
CALL = LiveCall(
    call_id=CONTACT_ID,
    clinic_id="harbour",
    stream_arn=STREAM_ARN,
    start_fragment=START_FRAGMENT,
    started_at_ms=STARTED_AT_MS,
)


class Calls:
    """The queue of live calls and their state in the table."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._sqs: SQSClient = boto3.client("sqs", region_name=REGION)
        self.url = self._sqs.create_queue(QueueName="calls")["QueueUrl"]

    def messages(self) -> list[LiveCall]:
        messages = self._sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages", [])
        return [LiveCall.from_json(message["Body"]) for message in messages]

    def bodies(self) -> str:
        messages = self._sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages", [])
        return "".join(message["Body"] for message in messages)

    def states(self) -> list[dict[str, Any]]:
        return [item for item in self._cloud.items() if item["SK"] == "LIVE"]

    def decisions(self) -> list[dict[str, Any]]:
        return [item for item in self._cloud.items() if item["SK"] == "CLINIC"]

    def all_items(self) -> list[dict[str, Any]]:
        return self._cloud.items()

    def put(self, key: ItemKey, **attributes: Any) -> None:
        self._cloud.table.put_item(Item={**key.attributes(), **attributes})

    def put_state(self, **attributes: Any) -> dict[str, Any]:
        item = {"PK": f"CALL#{CONTACT_ID}", "SK": "LIVE"} | attributes
        self._cloud.table.put_item(Item=item)
        return item

    def delete_table(self) -> None:
        self._cloud.table.delete()

    def delete_queue(self) -> None:
        self._sqs.delete_queue(QueueUrl=self.url)


@pytest.fixture
def calls(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Calls]:
    calls = Calls(cloud)
    monkeypatch.setenv("TABLE_NAME", "transcripts")
    monkeypatch.setenv("CALLS_QUEUE_URL", calls.url)
    monkeypatch.setenv("CLINICS", "{}")
    monkeypatch.setenv("RETENTION_DAYS", "")
    handler._announcer.cache_clear()
    yield calls
    handler._announcer.cache_clear()


def start(**contact: Any) -> dict[str, Any]:
    return handler.handle(contact_flow_event(**contact), CONTEXT)


@pytest.mark.parametrize(
    ("stopped_at_ms", "started_at_ms"),
    [(STARTED_AT_MS + 9_000, STARTED_AT_MS + 9_001), (STARTED_AT_MS - 9_000, STARTED_AT_MS)],
)
def test_streaming_that_was_stopped_has_been_started_again_since(
    calls: Calls, stopped_at_ms: int, started_at_ms: int
) -> None:
    stream = audio(StopFragmentNumber="7", StopTimestamp=str(stopped_at_ms))
    start(MediaStreams={"Customer": {"Audio": stream}})
    [call] = calls.messages()
    assert call.started_at_ms == started_at_ms
    [state] = calls.states()
    assert (state["starts_ms"], state["stops_ms"]) == ({started_at_ms}, {stopped_at_ms})


def test_every_start_and_stop_that_a_flow_tells_is_kept(calls: Calls) -> None:
    start()
    for stopped_at_ms in (STARTED_AT_MS + 9_000, STARTED_AT_MS + 99_000, STARTED_AT_MS + 9_000):
        stream = audio(StartTimestamp=str(stopped_at_ms + 5_000), StopTimestamp=str(stopped_at_ms))
        start(MediaStreams={"Customer": {"Audio": stream}})
    [state] = calls.states()
    assert state["started_at_ms"] == STARTED_AT_MS
    assert state["starts_ms"] == {STARTED_AT_MS + after for after in (0, 14_000, 104_000)}
    assert state["stops_ms"] == {STARTED_AT_MS + after for after in (9_000, 99_000)}


def test_what_is_noted_of_a_call_can_be_sent_again(calls: Calls) -> None:
    start()
    [state] = calls.states()
    assert {field.name for field in fields(LiveCall)} <= state.keys()
    assert decode(LiveCall, plain(state), "call") == CALL


def test_a_call_is_noted_and_sent_to_the_queue(calls: Calls) -> None:
    assert start() == {"live_transcription": "started", "reason": "announced"}
    assert calls.messages() == [CALL]
    (state,) = calls.states()
    assert {name: value for name, value in state.items() if name not in {"announced_at", "updated_at"}} == {
        "PK": f"CALL#{CONTACT_ID}",
        "SK": "LIVE",
        "GSI1PK": f"LIVE#harbour#{DAY}",
        "GSI1SK": f"CALL#{CONTACT_ID}",
        "type": "live-call",
        "schema_version": SCHEMA_VERSION,
        "status": "announced",
        "call_id": CONTACT_ID,
        "clinic_id": "harbour",
        "clinic_source": "attribute",
        "direction": "incoming",
        "day": DAY,
        "stream_arn": STREAM_ARN,
        "start_fragment": START_FRAGMENT,
        "started_at_ms": STARTED_AT_MS,
        "starts_ms": {STARTED_AT_MS},
    }


def test_an_end_that_was_told_before_the_call_was_noted_is_taken_up(calls: Calls) -> None:
    told = {"disconnected_at": "2026-11-22T12:05:45+00:00", "agent_joined_at": "2026-11-22T12:01:20+00:00"}
    calls.put_state(SK="DISCONNECTION", type="disconnection", expires_at=1, **told)
    assert start() == {"live_transcription": "started", "reason": "announced"}
    (state,) = [item for item in calls.states() if item["SK"] == "LIVE"]
    assert state.items() >= told.items()
    assert (state["status"], "expires_at" in state) == ("announced", False)
    assert calls.messages() == [CALL]


def test_an_end_that_the_call_has_already_stays(calls: Calls) -> None:
    calls.put_state(status="streaming", disconnected_at="2026-11-22T12:05:45+00:00")
    calls.put_state(SK="DISCONNECTION", disconnected_at="2026-11-22T13:00:00+00:00")
    start()
    (state,) = [item for item in calls.states() if item["SK"] == "LIVE"]
    assert state["disconnected_at"] == "2026-11-22T12:05:45+00:00"


@pytest.mark.parametrize(
    ("queue", "noted"),
    [
        ({"ARN": f"{INSTANCE_ARN}/queue/2f1a7c8e-0001", "Name": "Front desk"}, "2f1a7c8e-0001"),
        ({"ARN": f"{INSTANCE_ARN}/queue/agent/5c2a1f70-0002", "Name": None}, "agent/5c2a1f70-0002"),
        ({"ARN": "Front desk!"}, None),
        (None, None),
    ],
)
def test_the_queue_is_noted_by_its_id(calls: Calls, queue: object, noted: str | None) -> None:
    start(Queue=queue)
    (state,) = calls.states()
    assert state.get("queue_id") == noted


@pytest.mark.parametrize(
    ("method", "direction"),
    [
        ("INBOUND", "incoming"),
        ("WEBRTC_API", "incoming"),
        ("OUTBOUND", "outgoing"),
        ("CALLBACK", "outgoing"),
        ("TRANSFER", None),
        ("TOMORROWS", None),
        ({"odd": 1}, None),
    ],
)
def test_who_called_whom_is_noted_as_far_as_the_contact_tells(
    calls: Calls, method: object, direction: str | None
) -> None:
    start(InitiationMethod=method)
    (state,) = calls.states()
    assert state.get("direction") == direction


@pytest.mark.parametrize(
    "contact",
    [
        pytest.param({"CustomerEndpoint": None}, id="web call"),
        pytest.param(
            {"CustomerEndpoint": None, "InitiationMethod": "WEBRTC_API", "SystemEndpoint": None}, id="web API"
        ),
        pytest.param({"InitiationMethod": "TRANSFER", "PreviousContactId": "another-contact"}, id="transfer"),
        pytest.param({"InitiationMethod": "CALLBACK", "Queue": {"ARN": "arn", "Name": "Callbacks"}}, id="callback"),
        pytest.param({"InitiationMethod": "OUTBOUND", "SystemEndpoint": None}, id="outbound"),
        pytest.param({"SomethingNew": {"Nested": [1]}}, id="a field of tomorrow"),
        pytest.param({"MediaStreams": {"Customer": {"Audio": audio(), "Video": None}}}, id="video"),
    ],
)
def test_every_kind_of_call_is_announced_and_its_number_stays_out(
    calls: Calls, output: Callable[[], str], caplog: pytest.LogCaptureFixture, contact: dict[str, Any]
) -> None:
    result = start(**contact)
    assert result["live_transcription"] == "started"
    shown = json.dumps(result) + calls.bodies() + json.dumps(calls.all_items(), default=str) + output() + caplog.text
    assert CONTACT_ID in shown
    assert CUSTOMER_NUMBER.strip("+") not in shown
    assert "+1555" not in shown


QUEUE = f"{INSTANCE_ARN}/queue/2f1a7c8e-0001-4000-8000-00000000000a"
CHAIN = {
    "clinic_by_queue": {QUEUE: "lakeside"},
    "clinic_by_dialled_number": {DIALLED_NUMBER: "hilltop"},
    "default_clinic_id": "main",
}


def decide_by(monkeypatch: pytest.MonkeyPatch, **clinics: Any) -> None:
    monkeypatch.setenv("CLINICS", json.dumps(clinics))
    handler._announcer.cache_clear()


def conflicts(output: str) -> int:
    """How many conflicts were counted."""
    lines = [json.loads(line) for line in output.splitlines()]
    return int(sum(sum(line.get("ClinicConflicts", [])) for line in lines))


@pytest.mark.parametrize(
    ("contact", "parameters", "clinic", "source"),
    [
        ({}, {"clinic_id": "lakeside"}, "lakeside", "parameter"),
        ({}, {}, "harbour", "attribute"),
        ({"Attributes": {}, "Queue": {"ARN": QUEUE, "Name": "Lakeside"}}, {}, "lakeside", "queue"),
        ({"Attributes": {}, "Queue": {"ARN": f"{QUEUE}b", "Name": "Lakeside"}}, {}, "hilltop", "dialled-number"),
        ({"Attributes": None, "SystemEndpoint": None}, None, "main", "default"),
    ],
)
def test_the_most_specific_source_names_the_clinic(
    calls: Calls,
    monkeypatch: pytest.MonkeyPatch,
    contact: dict[str, Any],
    parameters: dict[str, str] | None,
    clinic: str,
    source: str,
) -> None:
    decide_by(monkeypatch, **CHAIN)
    event = contact_flow_event(**contact)
    event["Details"]["Parameters"] = parameters
    handler.handle(event, CONTEXT)
    [call], [state], [decision] = calls.messages(), calls.states(), calls.decisions()
    assert call.clinic_id == state["clinic_id"] == decision["clinic_id"] == clinic
    assert state["clinic_source"] == decision["clinic_source"] == source
    assert state["GSI1PK"] == f"LIVE#{clinic}#{DAY}"


def test_a_call_announced_again_for_another_clinic_stays_where_it_is(calls: Calls, output: Callable[[], str]) -> None:
    start()
    [before] = calls.states()
    calls.messages()
    output()
    for _ in range(3):
        assert start(Attributes={"clinic_id": "lakeside"})["live_transcription"] == "started"
    assert {call.clinic_id for call in calls.messages()} == {"harbour"}
    [state], [decision] = calls.states(), calls.decisions()
    assert state == before
    assert (decision["clinic_id"], list(decision["conflicts"])) == ("harbour", ["attribute#lakeside"])
    assert conflicts(output()) == 1


def test_a_call_whose_recording_was_first_belongs_to_the_recordings_clinic(calls: Calls) -> None:
    calls.put(transcript_key("lakeside", DAY, CONTACT_ID, CallKind.AGENT), type="transcript", clinic_id="lakeside")
    start()
    assert [call.clinic_id for call in calls.messages()] == ["lakeside"]
    assert [state["clinic_id"] for state in calls.states()] == ["lakeside"]


def test_a_call_that_has_a_clinic_goes_on_whatever_the_contact_says_by_now(calls: Calls) -> None:
    start()
    calls.messages()
    assert start(Attributes={"clinic_id": "no clinic at all"})["live_transcription"] == "started"
    assert start(Attributes={})["live_transcription"] == "started"
    assert {call.clinic_id for call in calls.messages()} == {"harbour"}


def test_a_call_of_a_clinic_without_a_channel_is_refused_and_stays_where_it_is(calls: Calls) -> None:
    calls.put(transcript_key("eye_centre", DAY, CONTACT_ID, CallKind.IVR), type="transcript", clinic_id="eye_centre")
    assert start() == {"live_transcription": "refused", "reason": "invalid-call"}
    assert (calls.messages(), calls.states(), calls.decisions()) == ([], [], [])


def test_what_the_settings_say_against_the_flow_is_told(
    calls: Calls, monkeypatch: pytest.MonkeyPatch, output: Callable[[], str]
) -> None:
    decide_by(monkeypatch, **CHAIN)
    start(Queue={"ARN": QUEUE, "Name": "Lakeside"})
    [decision] = calls.decisions()
    assert (decision["clinic_id"], set(decision["conflicts"])) == (
        "harbour",
        {"queue#lakeside", "dialled-number#hilltop"},
    )
    told = output()
    assert conflicts(told) == 2
    disputes = [json.loads(line) for line in told.splitlines() if "the clinic is disputed" in line]
    assert {(line["correlation_id"], line["named"]) for line in disputes} == {
        (CONTACT_ID, "lakeside"),
        (CONTACT_ID, "hilltop"),
    }
    assert DIALLED_NUMBER.removeprefix("+") not in told + json.dumps(calls.all_items(), default=str)


@pytest.mark.parametrize(("attributes", "parameters"), [(None, None), ({}, {}), ({"clinic_id": ""}, {"clinic_id": ""})])
def test_the_default_clinic_takes_calls_of_no_clinic(
    calls: Calls, monkeypatch: pytest.MonkeyPatch, attributes: dict[str, str] | None, parameters: dict[str, str] | None
) -> None:
    monkeypatch.setenv("CLINICS", '{"default_clinic_id": "main"}')
    event = contact_flow_event(Attributes=attributes)
    event["Details"]["Parameters"] = parameters
    assert handler.handle(event, CONTEXT)["live_transcription"] == "started"
    assert [call.clinic_id for call in calls.messages()] == ["main"]


@pytest.mark.parametrize(
    ("contact", "reason"),
    [
        ({"Channel": "CHAT"}, "not-voice"),
        ({"MediaStreams": None}, "no-media-stream"),
        ({"MediaStreams": {}}, "no-media-stream"),
        ({"MediaStreams": {"Customer": None}}, "no-media-stream"),
        ({"MediaStreams": {"Customer": {"Audio": None}}}, "no-media-stream"),
        ({"MediaStreams": {"Customer": {"Audio": {}}}}, "no-media-stream"),
        ({"MediaStreams": {"Customer": {"Audio": audio(StartTimestamp=None)}}}, "no-media-stream"),
        ({"MediaStreams": {"Customer": {"Audio": audio(StreamARN=CUSTOMER_NUMBER)}}}, "invalid-call"),
        ({"MediaStreams": {"Customer": {"Audio": audio(StartTimestamp="0")}}}, "invalid-call"),
        ({"MediaStreams": {"Customer": {"Audio": audio(StartTimestamp=CUSTOMER_NUMBER + "x")}}}, "invalid-event"),
        ({"MediaStreams": {"Customer": {"Audio": audio(StartTimestamp=10**17)}}}, "invalid-event"),
        ({"MediaStreams": {"Customer": {"Audio": audio(StartFragmentNumber="9" * 129)}}}, "invalid-call"),
        ({"Attributes": None}, "no-clinic"),
        ({"Attributes": {"clinic_id": f"harbour {CUSTOMER_NUMBER}"}}, "invalid-call"),
        ({"ContactId": f"id of {CUSTOMER_NUMBER}"}, "invalid-call"),
        ({"ContactId": None}, "invalid-event"),
    ],
)
def test_a_call_that_cannot_be_followed_is_refused_with_a_code(
    calls: Calls,
    output: Callable[[], str],
    caplog: pytest.LogCaptureFixture,
    contact: dict[str, Any],
    reason: str,
) -> None:
    assert start(**contact) == {"live_transcription": "refused", "reason": reason}
    assert (calls.messages(), calls.all_items()) == ([], [])
    shown = output()
    lines = [json.loads(line) for line in shown.splitlines()]
    assert [line["error_code"] for line in lines if line.get("message") == "refused"] == [reason]
    assert any(line.get("LiveCallsRefused") == [1.0] for line in lines)
    assert "5550107788" not in shown + caplog.text


@pytest.mark.parametrize("event", [{}, {"Name": "ContactFlowEvent"}, {"Name": "Other", "Details": {}}, {"Details": 5}])
def test_an_event_of_another_kind_is_refused(calls: Calls, event: dict[str, Any]) -> None:
    assert handler.handle(event, CONTEXT) == {"live_transcription": "refused", "reason": "invalid-event"}


def test_a_missing_start_fragment_is_no_obstacle(calls: Calls) -> None:
    start(MediaStreams={"Customer": {"Audio": audio(StartFragmentNumber=None)}})
    assert [call.start_fragment for call in calls.messages()] == [""]


@pytest.mark.parametrize("status", ["announced", "streaming", "released", "completed", "failed"])
def test_a_call_announced_again_keeps_its_state_and_is_sent_again(calls: Calls, status: str) -> None:
    state = calls.put_state(
        status=status, clinic_id="harbour", started_at_ms=1, start_fragment="7", lease_owner="task", updated_at="then"
    )
    assert start()["live_transcription"] == "started"
    assert calls.messages() == [CALL]
    (now,) = calls.states()
    assert now | state == now


def test_the_state_of_a_call_is_kept_as_long_as_is_set(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETENTION_DAYS", "30")
    start()
    (state,) = calls.states()
    announced = datetime.fromisoformat(state["announced_at"]).timestamp()
    assert int(state["expires_at"]) == int(announced) + 30 * 86_400


@pytest.mark.parametrize(
    ("lose", "error"), [(Calls.delete_table, "ResourceNotFound"), (Calls.delete_queue, "QueueDoesNotExist")]
)
def test_the_flow_takes_its_error_branch_when_a_service_fails(
    calls: Calls, lose: Callable[[Calls], None], error: str
) -> None:
    lose(calls)
    with pytest.raises(UnexpectedError, match=error):
        start()


def test_a_call_is_not_sent_before_it_is_noted(calls: Calls) -> None:
    calls.delete_table()
    with pytest.raises(UnexpectedError):
        start()
    assert calls.messages() == []


@pytest.fixture
def _clients_of_their_own() -> Iterator[None]:
    caches = (aws.table, aws.sqs, handler._announcer)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


@pytest.mark.usefixtures("_clients_of_their_own")
def test_a_service_that_hangs_does_not_hold_the_caller_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts connections, by the kernel, and never answers
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        for name, value in {
            "TABLE_NAME": "transcripts",
            "CALLS_QUEUE_URL": f"{endpoint}/calls",
            "CLINICS": "{}",
            "RETENTION_DAYS": "",
            "AWS_ENDPOINT_URL": endpoint,
        }.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(TransientError, match="ReadTimeoutError"):
            start()
