"""One Amazon Connect instance for several clinics, whose recordings share a prefix: whose call each of them is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from callscribe.live.call import LiveCall
from tests.callscribe.live_calls import live_item
from tests.fakes.contact_flow import contact_flow_event
from tests.fakes.deepgram import FakeDeepgram
from tests.workflow.conftest import HARBOUR_NUMBER, INSTANCE_ARN, QUEUE_ID
from tests.workflow.functions import Function
from tests.workflow.harness import Execution, Workflow
from tests.workflow.recordings import recording

LAKESIDE, HARBOUR, HILLTOP, NOBODY = (f"{n:08x}-0f9a-4c55-9d43-2f1a5b7c9e10" for n in range(1, 5))
CLINICS = {LAKESIDE: "lakeside", HARBOUR: "harbour", HILLTOP: "hilltop", NOBODY: "main"}
# What Amazon Connect knows of each contact, by its API and, while the call runs, by the flow.
DESCRIBED: dict[str, dict[str, Any]] = {
    LAKESIDE: {"Attributes": {"clinic_id": "lakeside"}, "QueueInfo": {"Id": QUEUE_ID}},
    HARBOUR: {"SystemEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": HARBOUR_NUMBER}},
    HILLTOP: {"QueueInfo": {"Id": QUEUE_ID}},
    NOBODY: {},
}
IN_FLOW: dict[str, dict[str, Any]] = {
    LAKESIDE: {"Attributes": {"clinic_id": "lakeside"}},
    HARBOUR: {"SystemEndpoint": {"Type": "TELEPHONE_NUMBER", "Address": HARBOUR_NUMBER}},
    HILLTOP: {"Queue": {"ARN": f"{INSTANCE_ARN}/queue/{QUEUE_ID}", "Name": "Hilltop"}},
    NOBODY: {},
}


def key_of(contact: str, *, prefix: str = "connect/chain", kind: str = "") -> str:
    return f"{prefix}/CallRecordings/{kind}2026/11/20/{contact}_20261120T09:00_UTC.wav"


class Instance:
    """An instance that answers about its contacts.

    Attributes:
        described: What it knows of them.
        asked: The contacts that it was asked about.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Be as at the beginning of a test."""
        self.described = dict(DESCRIBED)
        self.asked: list[str] = []

    def answer(self, event_name: str, params: Mapping[str, Any], **_: Any) -> Any:
        """Answer a call to Amazon Connect in its place."""
        contact = params["url_path"].rpartition("/")[2]
        self.asked.append(contact)
        answers = {
            "DescribeContact": {"Contact": {"Id": contact, **self.described[contact]}},
            "GetContactAttributes": {"Attributes": self.described[contact].get("Attributes", {})},
        }
        return SimpleNamespace(status_code=200), answers[event_name.rpartition(".")[2]]


class Chain:
    """The workflow, the function that a contact flow invokes, and an instance that answers about its contacts."""

    def __init__(self, workflow: Workflow, instance: Instance) -> None:
        self.workflow = workflow
        self.instance = instance
        self._sqs = boto3.client("sqs")
        self._live_calls = self._sqs.create_queue(QueueName="live-calls")["QueueUrl"]
        self._start = Function(
            name="start",
            handler="lambdas.start_live_call.handler.handle",
            environment={
                **workflow.functions["admit_recording"].environment,
                "CALLS_QUEUE_URL": self._live_calls,
                "POWERTOOLS_SERVICE_NAME": "start",
            },
            timeout_seconds=7,
        )

    def announce(self, contact: str, **facts: Any) -> LiveCall:
        """Announce a call as its flow does; what goes to the streamers."""
        known = {"Attributes": {}, "SystemEndpoint": None, **IN_FLOW[contact], **facts}
        answer = self._start(contact_flow_event(ContactId=contact, **known))
        assert answer["live_transcription"] == "started", answer
        [message] = self._sqs.receive_message(QueueUrl=self._live_calls)["Messages"]
        self._sqs.delete_message(QueueUrl=self._live_calls, ReceiptHandle=message["ReceiptHandle"])
        return LiveCall.from_json(message["Body"])

    def complete(self, call: LiveCall) -> None:
        """Leave what a streamer leaves of a call that was heard from its beginning to its end, and its transcript."""
        now = datetime.now(UTC).isoformat()
        item = live_item(call_id=call.call_id, clinic_id=call.clinic_id, updated_at=now)
        self.workflow.table.put_item(Item=item)
        place = {"PK": f"CLINIC#{call.clinic_id}", "SK": f"TRANSCRIPT#2026-11-20#{call.call_id}"}
        listed = {"GSI1PK": f"CALL#{call.call_id}", "GSI1SK": "TRANSCRIPT"}
        about = {"type": "transcript", "source": "live", "clinic_id": call.clinic_id, "call_id": call.call_id}
        self.workflow.table.put_item(Item={**place, **listed, **about, "live": {"utterances": 5}})

    def record(self, contact: str, **key: str) -> Execution:
        return self.workflow.run(self.workflow.upload(key_of(contact, **key), recording()))

    def filed(self) -> dict[str, set[str]]:
        """The clinics under which something of a call stands: transcripts, claims, the live call, documents."""
        found: dict[str, set[str]] = {}
        for item in self.workflow.items():
            if "clinic_id" in item and "call_id" in item:
                found.setdefault(item["call_id"], set()).add(item["clinic_id"])
        for key in self.workflow.archived("transcripts/"):
            _, clinic, _, call, _ = key.split("/")
            found.setdefault(call.removesuffix(".ivr"), set()).add(clinic)
        return found

    def decision(self, contact: str) -> dict[str, Any]:
        return self.workflow.table.get_item(Key={"PK": f"CALL#{contact}", "SK": "CLINIC"})["Item"]


@pytest.fixture(scope="session")
def instance(session: boto3.Session) -> Instance:
    """The instance that the session's clients reach; each of them is made once and keeps who answers it."""
    instance = Instance()
    for operation in ("DescribeContact", "GetContactAttributes"):
        session.events.register(f"before-call.connect.{operation}", instance.answer)
    return instance


@pytest.fixture
def chain(deploy: Callable[..., Workflow], instance: Instance) -> Chain:
    instance.forget()
    return Chain(deploy("chain"), instance)


def test_recordings_alone_are_told_apart_by_what_connect_knows(chain: Chain, deepgram: FakeDeepgram) -> None:
    for contact in CLINICS:
        assert chain.record(contact).states[-1] == "Transcribed"

    assert chain.filed() == {contact: {clinic} for contact, clinic in CLINICS.items()}
    sources = {item["clinic_id"]: item["clinic_source"] for item in chain.workflow.transcripts()}
    assert sources == {"lakeside": "attribute", "harbour": "dialled-number", "hilltop": "queue", "main": "default"}
    assert {item["clinic_id"]: item["clinic_source"] for item in chain.workflow.claims()} == sources
    documents = [chain.workflow.document(key) for key in chain.workflow.archived("transcripts/")]
    assert {d["recording"]["clinic_id"]: d["recording"]["clinic_source"] for d in documents} == sources
    assert sorted(event["detail"]["clinic_id"] for event in chain.workflow.announced()) == sorted(CLINICS.values())
    assert len(deepgram.requests) == len(CLINICS)


def test_calls_followed_live_spare_their_recordings_whatever_their_prefix_says(
    chain: Chain, deepgram: FakeDeepgram
) -> None:
    for contact, clinic in CLINICS.items():
        call = chain.announce(contact)
        assert call.clinic_id == clinic
        chain.complete(call)

    for contact in CLINICS:
        assert chain.record(contact, prefix="connect/old").states[-1] == "CoveredByLive"

    assert deepgram.requests == []
    assert chain.instance.asked == []
    assert chain.filed() == {contact: {clinic} for contact, clinic in CLINICS.items()}
    assert [list(chain.decision(contact)["conflicts"]) for contact in CLINICS] == [["prefix#old"]] * len(CLINICS)


def test_a_live_call_that_is_not_whole_is_replaced_in_its_own_clinic(chain: Chain, deepgram: FakeDeepgram) -> None:
    chain.announce(LAKESIDE)
    chain.workflow.table.put_item(
        Item=live_item(call_id=LAKESIDE, clinic_id="lakeside", complete=False, incomplete_reasons=["gap-missing"])
    )

    assert chain.record(LAKESIDE).states[-1] == "Transcribed"

    assert len(deepgram.requests) == 1
    assert chain.filed() == {LAKESIDE: {"lakeside"}}
    [transcript] = chain.workflow.transcripts()
    assert (transcript["source"], transcript["live"]["complete"]) == ("batch", False)


def test_a_call_that_is_announced_after_its_recording_stays_with_it(chain: Chain, deepgram: FakeDeepgram) -> None:
    for contact in CLINICS:
        chain.record(contact)

    for contact, clinic in CLINICS.items():
        assert chain.announce(contact, Attributes={"clinic_id": "elsewhere"}).clinic_id == clinic

    assert chain.filed() == {contact: {clinic} for contact, clinic in CLINICS.items()}
    assert len(chain.workflow.transcripts()) == len(CLINICS)


def test_a_call_that_is_announced_again_for_another_clinic_stays_where_it_is(chain: Chain) -> None:
    first = chain.announce(LAKESIDE)
    for _ in range(2):
        assert chain.announce(LAKESIDE, Attributes={"clinic_id": "harbour"}).clinic_id == first.clinic_id

    assert chain.filed() == {LAKESIDE: {"lakeside"}}
    assert list(chain.decision(LAKESIDE)["conflicts"]) == ["attribute#harbour"]


def test_the_automated_part_and_the_agents_are_one_clinics(chain: Chain, deepgram: FakeDeepgram) -> None:
    chain.record(HILLTOP, kind="ivr/")
    chain.record(HILLTOP, prefix="connect/old")

    assert chain.filed() == {HILLTOP: {"hilltop"}}
    assert sorted(item["kind"] for item in chain.workflow.transcripts()) == ["agent", "ivr"]
    assert len(deepgram.requests) == 2


def test_words_from_before_there_were_decisions_stay_where_they_are(chain: Chain, deepgram: FakeDeepgram) -> None:
    chain.instance.described[LAKESIDE] = {}
    chain.record(LAKESIDE, prefix="connect/old")
    chain.instance.described[LAKESIDE] = DESCRIBED[LAKESIDE]
    chain.workflow.table.delete_item(Key={"PK": f"CALL#{LAKESIDE}", "SK": "CLINIC"})
    assert chain.filed() == {LAKESIDE: {"old"}}

    newer = chain.workflow.upload(key_of(LAKESIDE), recording(seconds=4))

    assert chain.workflow.run(newer).states[-1] == "Transcribed"
    assert chain.filed() == {LAKESIDE: {"old"}}
    [transcript] = chain.workflow.transcripts()
    assert (transcript["clinic_source"], transcript["s3_key"]) == ("recording", newer["detail"]["object"]["key"])
    assert chain.decision(LAKESIDE)["conflicts"] == {}


def test_no_number_of_a_contact_leaves_the_settings(chain: Chain) -> None:
    execution = chain.record(HARBOUR)

    told = execution.text() + str(chain.workflow.items()) + str(chain.workflow.announced())
    assert HARBOUR in told
    assert HARBOUR_NUMBER.removeprefix("+") not in told
