"""A language model reads each call on the emulator; each of its faults leaves the call as the rules have it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.emulator.deployment import Deployment, new_call, recording
from tests.fakes.bedrock import (
    DENIED,
    INVENTED,
    REFUSED,
    SAYING,
    THROTTLED,
    TRUNCATED,
    FakeBedrock,
    call_in,
    saying,
)
from tests.fakes.scripted_api import Answer
from tests.patience import eventually

pytestmark = pytest.mark.emulator

FAULTS = {
    "Bedrock.ThrottlingException": THROTTLED,
    "Bedrock.InvalidAnswer": saying("I will not."),
    "Bedrock.Refused": REFUSED,
    "Bedrock.Truncated": TRUNCATED,
    "Bedrock.AccessDeniedException": DENIED,
    "Bedrock.ConnectionClosedError": Answer(reset=True),
}


@pytest.fixture
def hold() -> Iterator[threading.Event]:
    """What a request waits for that gets no answer; set in the end, so that nothing waits on."""
    event = threading.Event()
    yield event
    event.set()


def test_a_call_is_read_and_what_nobody_said_is_dropped(deployment: Deployment, bedrock: FakeBedrock) -> None:
    bedrock.answer(then=INVENTED)
    call = new_call()
    deployment.put(call, recording(seconds=4))

    item = deployment.transcribed(call)

    assert item["analysis"]["status"] == "succeeded"
    assert item["analysis"]["dropped"] == 2
    assert "summary" not in item["analysis"]
    assert [line["item"] for line in item["cost"]["lines"]][-1] == "analysis amazon.nova-lite-v1:0 output"
    said = [turn["text"] for turn in call_in(bedrock.requests[-1])["turns"]]
    assert " ".join(said).startswith("Thank you for calling")
    event = eventually(
        lambda: next((one for one in deployment.announced() if one["detail"]["call_id"] == call.call_id), None)
    )
    assert event["detail"]["analysis"]["status"] == "succeeded"


def test_every_fault_of_the_model_leaves_the_call_as_the_rules_have_it(
    deployment: Deployment, bedrock: FakeBedrock, hold: threading.Event
) -> None:
    faults = {**FAULTS, "Bedrock.ReadTimeoutError": Answer(hold=hold, body={})}
    for reason, fault in faults.items():
        bedrock.answer(then=fault)
        call = new_call()
        deployment.put(call, recording(seconds=1))
        item = deployment.transcribed(call)
        assert (item["analysis"]["status"], item["analysis"]["reason"]) == ("failed", reason)
        assert item["quality"]["rubric"]
        assert item["summary"] != SAYING
        assert deployment.ended(call)[0]["status"] == "completed"
