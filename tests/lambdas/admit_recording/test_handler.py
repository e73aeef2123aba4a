from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError

from callscribe.recordings.calls import CallDirection
from callscribe.recordings.recording import AdmittedRecording
from lambdas.admit_recording.handler import handle
from lambdas.common import aws
from tests.callscribe.live_calls import live_item
from tests.fakes.contact_flow import INSTANCE_ARN
from tests.lambdas.cloud import EXECUTION, Cloud, Context

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.typing import LambdaContext

CONTEXT = cast("LambdaContext", Context())


@pytest.mark.usefixtures("function_environment")
def test_the_state_machine_gets_the_decision(cloud: Cloud, output: Callable[[], str]) -> None:
    result = handle({"event": cloud.upload(), "execution": EXECUTION}, CONTEXT)
    assert result.keys() == {"decision", "reason", "message", "recording"}
    assert (result["decision"], result["recording"]["day"]) == ("claimed", "2026-11-20")
    lines = [json.loads(line) for line in output().splitlines()]
    decided = next(line for line in lines if line.get("message") == "decided")
    assert (decided["correlation_id"], decided["decision"]) == ("call-7", "claimed")
    assert any(line.get("RecordingsClaimed") == [1.0] for line in lines)


@pytest.mark.parametrize("event", [{}, {"detail": {}}, {"detail": {"bucket": {"name": "b"}, "object": {"key": 5}}}])
@pytest.mark.usefixtures("function_environment")
def test_an_event_of_another_kind_is_rejected(event: dict[str, Any]) -> None:
    result = handle({"event": event, "execution": EXECUTION}, CONTEXT)
    assert (result["decision"], result["reason"], result["recording"]) == ("rejected", "InvalidEvent", {})


class Instance:
    """Amazon Connect, as far as it is asked.

    Args:
        contact: What it says of every contact; None where it is too busy.
    """

    def __init__(self, contact: dict[str, Any] | None) -> None:
        self.contact = contact
        self.asked: list[str] = []

    def describe_contact(self, *, InstanceId: str, ContactId: str) -> dict[str, Any]:  # noqa: N803 - as boto3 calls them
        assert InstanceId == INSTANCE_ARN.rpartition("/")[2]
        self.asked.append(ContactId)
        if self.contact is None:
            raise ClientError({"Error": {"Code": "TooManyRequestsException"}}, "DescribeContact")
        return {"Contact": {"Id": ContactId, **self.contact}}


RECORDED = "connect/harbour/CallRecordings/2026/11/20/3f2b9e64-0c7d-4a57-9c11-2f5a0d7c9a01_20261120T09:30_UTC.wav"


def admitted(cloud: Cloud, patch: pytest.MonkeyPatch, contact: dict[str, Any] | None, *, key: str = RECORDED) -> Any:
    instance = Instance(contact)
    patch.setattr(aws, "connect", lambda *_: instance)
    patch.setenv("CONNECT_INSTANCE_ARN", INSTANCE_ARN)
    patch.setenv("CONTACT_DETAILS", "true")
    # Whose the call is, is known, so that nobody asks for that.
    patch.setenv("CLINICS", json.dumps({"default_clinic_id": "harbour"}))
    cloud.table.put_item(
        Item={"PK": f"CALL#{CONTACT}", "SK": "CLINIC", "clinic_id": "harbour", "type": "clinic-decision"}
    )
    result = handle({"event": cloud.upload(key=key), "execution": EXECUTION}, CONTEXT)
    assert result["decision"] == "claimed"
    return AdmittedRecording.from_payload(result["recording"]).call, instance.asked


CONTACT = "3f2b9e64-0c7d-4a57-9c11-2f5a0d7c9a01"


def test_agent_queue_and_direction_go_with_the_recording(
    cloud: Cloud, function_environment: pytest.MonkeyPatch
) -> None:
    contact = {"AgentInfo": {"Id": "agent-1"}, "QueueInfo": {"Id": "queue-1"}, "InitiationMethod": "CALLBACK"}
    call, asked = admitted(cloud, function_environment, contact)
    assert (call.agent_id, call.queue_id, call.direction) == ("agent-1", "queue-1", CallDirection.OUTGOING)
    assert asked == [CONTACT]


def test_a_connect_that_is_too_busy_costs_no_call(cloud: Cloud, function_environment: pytest.MonkeyPatch) -> None:
    call, asked = admitted(cloud, function_environment, None)
    assert (call.agent_id, call.queue_id, call.direction) == (None, None, None)
    assert asked == [CONTACT]


def test_nobody_is_asked_about_a_recording_that_is_of_no_contact(
    cloud: Cloud, function_environment: pytest.MonkeyPatch
) -> None:
    call, asked = admitted(cloud, function_environment, {}, key="recordings/harbour/2026-11-20/call-7.wav")
    assert (call.agent_id, asked) == (None, [])


def test_what_the_live_call_has_told_goes_with_its_recording(
    cloud: Cloud, function_environment: pytest.MonkeyPatch
) -> None:
    live = live_item(call_id=CONTACT, clinic_id="harbour", direction="outgoing", queue_id="queue-2")
    cloud.table.put_item(Item=live)
    call, _ = admitted(cloud, function_environment, {"AgentInfo": {"Id": "agent-1"}})
    assert (call.agent_id, call.queue_id, call.direction) == ("agent-1", "queue-2", CallDirection.OUTGOING)
