import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscribe.contract.identifiers import feed_channel
from callscribe.contract.table_keys import live_call_key, utterance_key, utterance_range
from callscribe.live.call import EndReason, Gap, GapReason, InvalidLiveCall, LiveCall

STREAM = "arn:aws:kinesisvideo:eu-central-1:123456789012:stream/live-1/1700000000000"
CALL = LiveCall(
    call_id="c-1",
    clinic_id="harbour",
    stream_arn=STREAM,
    start_fragment="91343852333181",
    started_at_ms=1_795_165_200_000,
)
IDS = st.from_regex(r"\A[A-Za-z0-9]([A-Za-z0-9-]{0,48}[A-Za-z0-9])?\Z")


@given(
    st.builds(
        LiveCall,
        call_id=IDS,
        clinic_id=IDS,
        stream_arn=st.just(STREAM),
        start_fragment=st.text(max_size=128),
        started_at_ms=st.integers(1, 4_102_444_799_999),
    )
)
def test_an_announcement_is_read_as_it_was_written(call: LiveCall) -> None:
    assert LiveCall.from_json(call.to_json()) == call


def test_an_announcement_of_a_newer_writer_is_read() -> None:
    newer = {**json.loads(CALL.to_json()), "mood": "xyzzy", "version": "2", "schema_version": 99}
    assert LiveCall.from_json(json.dumps(newer)) == CALL


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"call_id": ""}, "call_id must be 1 to 50"),
        ({"call_id": "x" * 51}, "call_id must be 1 to 50"),
        ({"call_id": "xyzzy/1"}, "call_id must be 1 to 50"),
        ({"call_id": "c-1\n"}, "call_id must be 1 to 50"),
        ({"clinic_id": "-xyzzy"}, "clinic_id must be 1 to 50"),
        ({"clinic_id": "xyzzy-"}, "clinic_id must be 1 to 50"),
        ({"clinic_id": "xyzzy#1"}, "clinic_id must be 1 to 50"),
        ({"clinic_id": None}, "live call.clinic_id is of another type"),
        ({"stream_arn": "arn:aws:xyzzy"}, "stream_arn is not the ARN"),
        ({"stream_arn": f"{STREAM}{'0' * 1024}"}, "stream_arn is not the ARN"),
        ({"start_fragment": "9" * 129}, "start_fragment is not the number"),
        ({"started_at_ms": 0}, "started_at_ms must be a time"),
        ({"started_at_ms": 10**17}, "started_at_ms must be a time"),
        ({"started_at_ms": 1_795_165_200_000_000}, "started_at_ms must be a time"),  # microseconds
        ({"started_at_ms": "xyzzy"}, "live call.started_at_ms is of another type"),
        ({"started_at_ms": True}, "live call.started_at_ms is of another type"),
    ],
)
def test_what_cannot_be_followed_is_refused_by_place(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidLiveCall, match=message) as error:
        LiveCall.from_json(json.dumps({**json.loads(CALL.to_json()), **change}))
    assert "xyzzy" not in str(error.value)


@pytest.mark.parametrize("name", ["call_id", "clinic_id", "stream_arn", "start_fragment", "started_at_ms"])
def test_every_field_is_needed(name: str) -> None:
    message = json.loads(CALL.to_json())
    del message[name]
    with pytest.raises(InvalidLiveCall, match=f"has no {name}"):
        LiveCall.from_json(json.dumps(message))


@pytest.mark.parametrize("text", ["", "xyzzy", "[]", "null", "1", '"xyzzy"', "[" * 100_000, '{"xyzzy":' * 100_000])
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(InvalidLiveCall) as error:
        LiveCall.from_json(text)
    assert "xyzzy" not in str(error.value)


def test_only_evidence_proves_an_end() -> None:
    assert {reason for reason in EndReason if reason.proven} == {"other-contact", "stop-fragment", "disconnected"}


def test_a_gap_tells_its_length() -> None:
    assert Gap(start=4000, end=12000, reason=GapReason.MISSING).seconds == 1.0


@given(st.tuples(IDS, IDS), st.tuples(IDS, IDS))
def test_no_two_calls_share_a_channel_of_the_feed(first: tuple[str, str], second: tuple[str, str]) -> None:
    assert (feed_channel(*first) == feed_channel(*second)) is (first == second)


def test_the_channel_of_the_feed_lies_below_its_clinic() -> None:
    assert feed_channel("harbour", "c-1") == "/calls/harbour/c-1"


def test_a_live_call_is_filed_by_call_and_listed_by_clinic_and_day() -> None:
    assert live_call_key("c-1", clinic_id="harbour", day="2026-11-20").attributes() == {
        "PK": "CALL#c-1",
        "SK": "LIVE",
        "GSI1PK": "LIVE#harbour#2026-11-20",
        "GSI1SK": "CALL#c-1",
    }
    assert live_call_key("c-1").attributes() == {"PK": "CALL#c-1", "SK": "LIVE"}


@given(st.integers(1, 10**8 - 1), st.integers(1, 10**8 - 1))
def test_utterances_sort_by_their_number(first: int, second: int) -> None:
    keys = [utterance_key("c-1", seq) for seq in (first, second)]
    assert all(key.pk == "CALL#c-1" and key.sk.startswith(utterance_range()) for key in keys)
    assert (keys[0].sk < keys[1].sk) is (first < second)
