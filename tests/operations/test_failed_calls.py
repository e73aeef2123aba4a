import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from operations.failed_calls import FailedCall, Repeat, SendBack, StartAgain, read_message
from tests.operations.conftest import announcement

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef


def read(body: Any, **more: Any) -> FailedCall[Repeat]:
    message: MessageTypeDef = {
        "MessageId": "m-1",
        "ReceiptHandle": "r-1",
        "Attributes": {"SentTimestamp": "1795348800000"},
        "Body": body if isinstance(body, str) else json.dumps(body),
        **more,  # type: ignore[typeddict-item]
    }
    return read_message(message)


def test_a_failure_of_the_state_machine_starts_its_event_again() -> None:
    event = announcement("call-1")
    call = read(
        {
            "event": event,
            "execution": "arn:…",
            "error": "Deepgram.PAYMENT",
            "cause": "402",
            "step": "Transcribe",
            "recording_id": "ab",
            "call_id": "call-1",
        }
    )
    assert isinstance(call.repeat, StartAgain)
    assert call.repeat.input() == {**event, "redrive_of": "arn:…"}
    assert (call.call_id, call.error, call.step) == ("call-1", "Deepgram.PAYMENT", "Transcribe")
    assert call.sent_at == datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def test_an_event_that_was_not_delivered_is_started_as_it_came() -> None:
    event = announcement("call-1")
    call = read(event, MessageAttributes={"ERROR_CODE": {"StringValue": "NO_PERMISSIONS", "DataType": "String"}})
    assert isinstance(call.repeat, StartAgain)
    assert call.repeat.event == event
    assert (call.call_id, call.error) == ("call-1", "NO_PERMISSIONS")


@pytest.mark.parametrize(
    ("detail", "error"), [({"status": "TIMED_OUT"}, "TIMED_OUT"), ({"error": "States.Runtime"}, "States.Runtime")]
)
def test_an_execution_that_ended_without_a_word_starts_its_event_again(detail: dict[str, str], error: str) -> None:
    event = announcement("call-1")
    ended = {"executionArn": "arn:ended", "input": json.dumps(event), **detail}
    call = read({"detail-type": "Step Functions Execution Status Change", "detail": ended})
    assert isinstance(call.repeat, StartAgain)
    assert call.repeat.input() == {**event, "redrive_of": "arn:ended"}
    assert (call.call_id, call.error) == ("call-1", error)


def test_a_failure_that_was_repeated_before_names_its_last_execution() -> None:
    repeated = {**announcement("call-1"), "redrive_of": "arn:first"}
    call = read({"event": repeated, "execution": "arn:second", "error": "E"})
    assert isinstance(call.repeat, StartAgain)
    again = call.repeat.input()
    assert (again["redrive_of"], again["redrives_before"]) == ("arn:second", ["arn:first"])
    once_more = read({"event": again, "execution": "arn:third", "error": "E"}).repeat
    assert isinstance(once_more, StartAgain)
    assert once_more.input() == {**repeated, "redrive_of": "arn:third", "redrives_before": ["arn:first", "arn:second"]}


def test_of_redrives_without_end_the_last_hundred_are_named() -> None:
    event: dict[str, Any] = announcement("call-1")
    for number in range(300):
        repeat = read({"event": event, "execution": f"arn:{number}", "error": "E"}).repeat
        assert isinstance(repeat, StartAgain)
        event = repeat.input()
    assert event["redrives_before"] == [f"arn:{number}" for number in range(199, 299)]


def test_a_work_message_goes_back_as_it_came() -> None:
    body = json.dumps({"task_token": "token", "recording": {"call_id": "call-1"}, "execution": "arn:…"})
    call = read(body)
    assert call.repeat == SendBack(body=body, subject="token")
    assert (call.call_id, call.step) == ("call-1", "Transcribe")


def test_messages_about_one_recording_have_one_identity() -> None:
    wrapped = read({"event": announcement("call-1"), "error": "E"}).repeat
    raw = read(announcement("call-1")).repeat
    newer = read(announcement("call-1", version="v2")).repeat
    assert wrapped is not None
    assert raw is not None
    assert newer is not None
    assert wrapped.subject == raw.subject != newer.subject


def test_a_key_of_no_known_layout_has_no_call_id_but_is_repeated() -> None:
    event = announcement("call-1")
    event["detail"]["object"]["key"] = "elsewhere/a.wav"
    call = read(event)
    assert (call.call_id, call.object_name) == (None, f"s3://{event['detail']['bucket']['name']}/elsewhere/a.wav")
    assert call.repeat is not None


ENDED = "Step Functions Execution Status Change"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("words, not JSON", "the body is not JSON"),
        ('{"a":' * 100_000, "the body is nested too deeply"),
        (
            {"detail-type": ENDED, "detail": {"input": '{"a":' * 100_000, "executionArn": "arn"}},
            "the input is nested too deeply",
        ),
        ([1], "the body is of another type"),
        ({}, "the event has no detail"),
        ({"event": "text"}, "the body.event is of another type"),
        (
            {"detail": {"bucket": {"name": "b"}, "object": {"key": ""}}},
            "the event.detail.object.key has no value of its kind",
        ),
        ({"detail": {"bucket": {}, "object": {"key": "k", "etag": "e"}}}, "the event.detail.bucket has no name"),
        ({"detail": {"bucket": {"name": "b"}, "object": {"key": "k"}}}, "the event has neither version-id nor etag"),
        ({"task_token": "", "recording": {}}, "the body.task_token has no value of its kind"),
        ({"task_token": "t"}, "the body has no recording"),
    ],
)
def test_a_message_of_another_form_is_not_understood(body: Any, problem: str) -> None:
    call = read(body)
    assert call.repeat is None
    assert call.problem == problem
