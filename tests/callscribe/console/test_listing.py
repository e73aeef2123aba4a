"""Rows, filters and cursors of the list of calls."""

import base64
from typing import Any

import pytest

from callscribe.console.listing import InvalidQuery, ListQuery, Position, row_of
from callscribe.conversation.reliability import Reliability, ReliabilityLevel
from callscribe.recordings.calls import CallDirection

ITEM: dict[str, Any] = {
    "PK": "CLINIC#harbour",
    "SK": "TRANSCRIPT#2026-11-20#call-7",
    "call_id": "call-7",
    "kind": "agent",
    "source": "batch",
    "agent_id": "agent-1",
    "queue_id": "queue-1",
    "started_at": "2026-11-20T09:00:00+00:00",
    "duration_seconds": 31,
    "word_count": 80,
    "cost": {"total_usd": 0.01, "at_least_usd": 0.01, "unpriced": []},
    "flags": {"urgent": False, "complaint": True},
    "reliability": {"level": "doubtful", "reasons": ["short"]},
    "quality": {"score": 71, "direction": "incoming"},
}


def test_a_row_has_the_figures_of_a_call() -> None:
    row = row_of(ITEM)
    assert (row.day, row.score, row.urgent, row.direction) == ("2026-11-20", 71, False, CallDirection.INCOMING)
    assert row.reliability is not None
    assert row.reliability.level is ReliabilityLevel.DOUBTFUL


def test_what_is_not_known_is_null() -> None:
    row = row_of({name: ITEM[name] for name in ITEM if name not in ("flags", "reliability", "quality", "cost")})
    assert (row.flags, row.urgent, row.reliability, row.score, row.direction) == (None, None, None, None, None)
    assert (row.cost.total_usd, row.cost.at_least_usd) == (None, None)


def test_a_flag_that_nobody_looked_for_is_not_known() -> None:
    assert row_of({**ITEM, "flags": {"complaint": True}}).urgent is None


def test_older_items_have_their_flags_one_by_one() -> None:
    old = {name: value for name, value in ITEM.items() if name != "flags"}
    assert row_of({**old, "complaint": True}).flags == {"complaint": True}


def test_a_sum_that_lacks_something_is_no_total() -> None:
    cost = row_of({**ITEM, "cost": {"total_usd": 0.01, "unpriced": ["redaction"]}}).cost
    assert (cost.total_usd, cost.at_least_usd) == (None, 0.01)


def test_a_reliability_of_later_versions_is_kept() -> None:
    row = row_of({**ITEM, "reliability": {"level": "splendid", "reasons": []}})
    assert row.reliability == Reliability(level=ReliabilityLevel("splendid"))


@pytest.mark.parametrize(
    ("parameters", "wanted"),
    [
        ({}, True),
        ({"flag": "complaint"}, True),
        ({"flag": "urgent"}, False),
        ({"flag": "unheard_of"}, False),
        ({"score_below": "72"}, True),
        ({"score_below": "71"}, False),
        ({"reliability": "doubtful"}, True),
        ({"reliability": "high"}, False),
        ({"direction": "incoming"}, True),
        ({"direction": "outgoing"}, False),
        ({"source": "live"}, False),
        ({"agent": "agent-1"}, True),
        ({"agent": "agent-10"}, False),
        ({"queue": "queue-1", "agent": "agent-1"}, True),
        ({"queue": "queue-2", "agent": "agent-1"}, False),
        ({"flag": "complaint", "score_below": "50"}, False),
    ],
)
def test_filters_go_together(parameters: dict[str, str], wanted: bool) -> None:
    assert ListQuery.of(parameters).admits(row_of(ITEM)) is wanted


@pytest.mark.parametrize(("name", "attribute"), [("agent", "agent_id"), ("queue", "queue_id")])
def test_a_call_of_whose_agent_or_queue_nothing_is_known_is_nobodys(name: str, attribute: str) -> None:
    row = row_of({**ITEM, attribute: None})
    assert getattr(row, attribute) is None
    assert not ListQuery.of({name: "None"}).admits(row)
    assert ListQuery.of({name: "None"}).picks


def test_a_call_without_a_score_has_none_below_anything() -> None:
    assert not ListQuery.of({"score_below": "101"}).admits(row_of({**ITEM, "quality": None}))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-20", "2026-11-20T00:00:00Z"),
        ("2026-11-20T01:30:00+02:00", "2026-11-19T23:30:00Z"),
        ("2026-11-20T01:30:00.9Z", "2026-11-20T01:30:00Z"),
    ],
)
def test_times_are_read_as_the_index_writes_them(text: str, moment: str) -> None:
    query = ListQuery.of({"from": text, "to": text})
    assert (query.begins_at, query.ends_before) == (moment, moment)


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-11-20T01:30:00"}, "to"),
        ({"to": "2026-13-20"}, "to"),
        ({"from": "0001-01-01T00:00:00+14:00"}, "from"),
        ({"score_below": "low"}, "score_below"),
        ({"score_below": "-1"}, "score_below"),
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"reliability": "splendid"}, "reliability"),
        ({"direction": "Karen"}, "direction"),
        ({"agent": ""}, "agent"),
        ({"queue": "Karen" * 100}, "queue"),
        ({"cursor": "Karen"}, "cursor"),
        ({"cursor": "é"}, "cursor"),
        ({"cursor": base64.urlsafe_b64encode(b'["a","CLINIC"]').decode()}, "cursor"),
        ({"cursor": base64.urlsafe_b64encode(b'["a"]').decode()}, "cursor"),
        ({"Karen": "1"}, "unknown"),
    ],
)
def test_what_cannot_be_read_is_named_and_not_quoted(parameters: dict[str, str], named: str) -> None:
    with pytest.raises(InvalidQuery, match=named) as refused:
        ListQuery.of(parameters)
    assert "Karen" not in str(refused.value)


def test_a_cursor_is_a_place_in_whichever_list_it_is_used() -> None:
    place = Position("2026-11-20T09:00:00Z#call-7", "TRANSCRIPT#2026-11-20#call-7")
    query = ListQuery.of({"cursor": place.cursor()})
    assert query.after == place
    assert query.after.start_key("lakeside") == {
        "PK": "CLINIC#lakeside",
        "SK": place.stored,
        "GSI2PK": "CLINIC#lakeside",
        "GSI2SK": place.listed,
    }
