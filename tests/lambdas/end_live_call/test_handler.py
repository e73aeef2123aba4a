from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any, cast

import pytest

from callscribe.contract.schema import SCHEMA_VERSION
from lambdas.common.errors import UnexpectedError
from lambdas.end_live_call import handler
from lambdas.end_live_call.hints import EndHints
from tests.fakes.contact_flow import CONTACT_ID, CUSTOMER_NUMBER, audio, contact_event, contact_flow_event
from tests.lambdas.cloud import Cloud, Context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_lambda_powertools.utilities.typing import LambdaContext

CONTEXT = cast("LambdaContext", Context())
KEY = {"PK": f"CALL#{CONTACT_ID}", "SK": "LIVE"}
RUNNING = KEY | {"status": "streaming", "lease_owner": "task", "updated_at": "then"}
JOINED = "2026-11-22T12:01:20+00:00"
STOP_FRAGMENT = "91343852333181432392682062630889465430254379999"


@pytest.fixture
def live(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """A call that runs."""
    monkeypatch.setenv("TABLE_NAME", "transcripts")
    handler._hints.cache_clear()
    cloud.table.put_item(Item=RUNNING)
    yield cloud
    handler._hints.cache_clear()


def hints(cloud: Cloud) -> dict[str, Any]:
    """What was noted; everything else must be as it was."""
    item = cloud.table.get_item(Key=KEY)["Item"]
    assert item | RUNNING == item
    return {name: value for name, value in item.items() if name not in RUNNING}


def handle(event: dict[str, Any]) -> dict[str, Any]:
    return handler.handle(event, CONTEXT)


def stop(fragment: str | None = STOP_FRAGMENT, at_ms: str | None = "1763812399000") -> dict[str, Any]:
    stopped = audio(StopFragmentNumber=fragment, StopTimestamp=at_ms)
    return contact_flow_event(MediaStreams={"Customer": {"Audio": stopped}})


@pytest.mark.parametrize(
    "event",
    [
        contact_event(),
        contact_event() | {"detail-type": "Connect Customer Contact Event"},
        contact_event() | {"detail": {"EventType": "DISCONNECTED", "ContactId": CONTACT_ID}},
        contact_event(disconnectTimestamp=None),
        contact_event(customerEndpoint=None, somethingNew={"nested": [1]}),
    ],
)
def test_a_contact_that_is_over_is_noted(live: Cloud, event: dict[str, Any]) -> None:
    assert handle(event) == {"live_transcription": "stopped", "reason": "disconnected"}
    assert hints(live)["disconnected_at"][:16] == "2026-11-22T12:05"


def test_the_time_is_the_contact_s_not_the_event_s(live: Cloud) -> None:
    handle(contact_event())
    assert hints(live) == {"disconnected_at": "2026-11-22T12:05:45.518000+00:00", "agent_joined_at": JOINED}


@pytest.mark.parametrize(
    "agent",
    [
        None,
        {},
        {"agentArn": "arn"},
        {"connectedToAgentTimestamp": None},
        {"connectedToAgentTimestamp": "soon"},
        {"connectedToAgentTimestamp": 5},
        # Never set, and after the end: both are in Amazon's own samples.
        {"connectedToAgentTimestamp": "1970-01-01T00:00:00.001Z"},
        {"connectedToAgentTimestamp": "2026-11-22T12:17:00.000Z"},
        ["arn"],
    ],
)
def test_an_end_is_noted_whatever_the_event_says_of_the_agent(live: Cloud, agent: object) -> None:
    assert handle(contact_event(agentInfo=agent))["reason"] == "disconnected"
    assert hints(live) == {"disconnected_at": "2026-11-22T12:05:45.518000+00:00"}


def test_an_agent_is_read_in_the_older_spelling_too(live: Cloud) -> None:
    detail = {
        "EventType": "DISCONNECTED",
        "ContactId": CONTACT_ID,
        "DisconnectTimestamp": "2026-11-22T12:05:45.518",
        "AgentInfo": {"ConnectedToAgentTimestamp": "2026-11-22T12:01:20.000Z"},
    }
    handle(contact_event() | {"detail": detail})
    assert hints(live) == {"disconnected_at": "2026-11-22T12:05:45.518000+00:00", "agent_joined_at": JOINED}


def test_the_first_disconnection_stays(live: Cloud) -> None:
    handle(contact_event())
    handle(contact_event(disconnectTimestamp="2026-11-22T13:00:00Z"))
    assert hints(live)["disconnected_at"][:16] == "2026-11-22T12:05"


@pytest.mark.parametrize("event_type", ["INITIATED", "QUEUED", "CONNECTED_TO_AGENT", "COMPLETED", "A_TYPE_OF_TOMORROW"])
def test_other_contact_events_are_passed_over(live: Cloud, event_type: str) -> None:
    assert handle(contact_event(event_type))["reason"] == "other-event"
    assert hints(live) == {}


def test_a_contact_that_is_not_transcribed_live_gets_no_state(live: Cloud, output: Callable[[], str]) -> None:
    live.table.delete_item(Key=KEY)
    assert handle(stop()) == {"live_transcription": "ignored", "reason": "no-live-call"}
    assert live.items() == []
    assert '"ERROR"' not in output()


def test_the_end_of_a_contact_that_is_no_live_call_is_kept_for_a_day(live: Cloud, output: Callable[[], str]) -> None:
    live.table.delete_item(Key=KEY)
    before = time.time()
    assert handle(contact_event()) == {"live_transcription": "ignored", "reason": "no-live-call"}
    handle(contact_event(disconnectTimestamp="2026-11-22T13:00:00Z"))
    (kept,) = live.items()
    assert before + 86_000 < kept.pop("expires_at") <= time.time() + 86_400
    assert kept == {
        "PK": f"CALL#{CONTACT_ID}",
        "SK": "DISCONNECTION",
        "type": "disconnection",
        "schema_version": SCHEMA_VERSION,
        "disconnected_at": "2026-11-22T12:05:45.518000+00:00",
        "agent_joined_at": JOINED,
    }
    assert '"ERROR"' not in output()


def test_a_call_that_is_noted_at_the_same_moment_learns_of_its_end(
    live: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is noted, and has looked for the end in vain, when that is about to be kept."""
    live.table.delete_item(Key=KEY)
    keep = EndHints._keep

    def late(self: EndHints, call_id: str, told: dict[str, str]) -> None:
        live.table.put_item(Item=RUNNING)
        keep(self, call_id, told)

    monkeypatch.setattr(EndHints, "_keep", late)
    assert handle(contact_event())["reason"] == "disconnected"
    assert hints(live)["disconnected_at"] == "2026-11-22T12:05:45.518000+00:00"


def test_where_streaming_was_stopped_is_noted(live: Cloud) -> None:
    assert handle(stop()) == {"live_transcription": "stopped", "reason": "stop-fragment"}
    assert hints(live) == {
        "stop_fragment": STOP_FRAGMENT,
        "stopped_at_ms": 1763812399000,
        "stops_ms": {1763812399000},
    }


@pytest.mark.parametrize("event", [stop(fragment=None), stop(at_ms=None), contact_flow_event(MediaStreams=None)])
def test_a_flow_that_has_not_stopped_streaming_changes_nothing(live: Cloud, event: dict[str, Any]) -> None:
    assert handle(event) == {"live_transcription": "ignored", "reason": "no-stop-fragment"}
    assert hints(live) == {}


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_the_hints_are_the_same_in_every_order_and_however_often(live: Cloud, order: tuple[int, ...]) -> None:
    events = [stop("100", "1000"), stop("200", "2000"), stop("200", "2000"), contact_event()]
    for number in order:
        handle(events[number])
    assert hints(live) == {
        "stop_fragment": "200",
        "stopped_at_ms": 2000,
        "stops_ms": {1000, 2000},
        "agent_joined_at": JOINED,
        "disconnected_at": "2026-11-22T12:05:45.518000+00:00",
    }


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"detail": {}},
        {"detail": 5},
        contact_event(contactId=""),
        contact_event(contactId="x" * 257),
        contact_event(contactId="\ud800"),
        contact_event(disconnectTimestamp=10**17),
        contact_event() | {"time": f"call {CUSTOMER_NUMBER}"},
        {"Name": "ContactFlowEvent"},
        stop(at_ms=CUSTOMER_NUMBER + "x"),
        stop(at_ms="9" * 50),
        stop(at_ms="-1"),
        stop(fragment="9" * 129),
    ],
)
def test_a_malformed_event_is_ignored_and_counted(
    live: Cloud, output: Callable[[], str], caplog: pytest.LogCaptureFixture, event: dict[str, Any]
) -> None:
    assert handle(event) == {"live_transcription": "ignored", "reason": "invalid-event"}
    shown = output()
    assert '"LiveCallEndsMalformed":[1.0]' in shown
    assert "5550107788" not in shown + caplog.text


@pytest.mark.parametrize("event", [contact_event(), stop()])
def test_a_number_is_neither_kept_nor_shown(
    live: Cloud, output: Callable[[], str], caplog: pytest.LogCaptureFixture, event: dict[str, Any]
) -> None:
    result = handle(event)
    assert "5550107788" not in str(result) + str(live.items()) + output() + caplog.text


@pytest.mark.parametrize("event", [contact_event(), stop()])
def test_a_table_that_does_not_answer_is_an_error(live: Cloud, event: dict[str, Any]) -> None:
    live.table.delete()
    with pytest.raises(UnexpectedError, match="ResourceNotFoundException"):
        handle(event)
