"""A clinic's calls over time: counted by day, and what is not known as that."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from callscribe.console.listing import ListQuery, row_of
from callscribe.console.overview import by_day
from callscribe.contract.table_keys import listed_moment
from tests.lambdas.call_console.conftest import Console

OVERVIEW = "/api/clinics/harbour/overview"
ROW = row_of(
    {
        "SK": "TRANSCRIPT#2026-11-20#call",
        "call_id": "call",
        "kind": "agent",
        "started_at": "2026-11-20T09:00:00+00:00",
        "duration_seconds": 60.0,
        "source": "batch",
        "word_count": 100,
    }
)


def test_calls_are_counted_by_day(console: Console) -> None:
    console.store("call-7")
    console.list_calls(600, score=50)
    told = console.ask(OVERVIEW).json
    assert [day["day"] for day in told["days"]] == ["2026-11-19", "2026-11-20"]
    assert (sum(day["calls"] for day in told["days"]), told["calls"], told["cursor"]) == (601, 601, None)


def test_what_is_not_known_is_counted_apart(console: Console) -> None:
    console.store("call-7")
    console.list_calls(3, score=50)
    [day] = console.ask(OVERVIEW).json["days"]
    assert (day["calls"], day["scored"]) == (4, 4)
    assert sum(day["reliability"].values()) == 4
    assert day["reliability"]["unknown"] == 3
    assert day["cost_known"] == 1
    assert day["cost_usd"] > 0


def test_only_so_many_calls_are_counted_at_once_and_the_rest_goes_on(console: Console) -> None:
    console.store("call-7")
    console.list_calls(1100, score=50)
    first = console.ask(OVERVIEW).json
    assert first["calls"] == 1000
    rest = console.ask(OVERVIEW, query={"cursor": first["cursor"]}).json
    assert (rest["calls"], rest["cursor"]) == (101, None)


def test_days_can_be_chosen(console: Console) -> None:
    console.store("call-7")
    told = console.ask(OVERVIEW, query={"from": "2026-11-21"}).json
    assert told == {"days": [], "calls": 0, "cursor": None}


def test_a_call_with_several_flags_that_cannot_wait_is_one_such_call() -> None:
    flagged: list[dict[str, bool] | None] = [
        {"urgent": True, "complaint": True},
        {"urgent": False, "complaint": True},
        {"urgent": True},
        {"voicemail": True},
        {},
        None,
    ]
    rows = [replace(ROW, call_id=f"call-{number}", flags=flags) for number, flags in enumerate(flagged)]
    [day] = by_day(rows, zone=UTC, alerts={"urgent", "complaint"})
    assert (day.calls, day.flags_known, day.alerted) == (6, 5, 3)
    assert day.flags["complaint"] == day.flags["urgent"] == 2


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"])
def test_the_list_between_the_bounds_of_a_day_has_the_calls_that_are_counted_for_it(zone: str) -> None:
    clocks = ZoneInfo(zone)
    first = datetime(2026, 10, 30, tzinfo=UTC)  # clocks are put back in New York two days later
    begins = [first + number * timedelta(minutes=17) for number in range(400)]
    days = by_day([replace(ROW, started_at=begin.isoformat()) for begin in begins], zone=clocks, alerts=())
    assert sum(day.calls for day in days) == len(begins)
    for day in days:
        of = date.fromisoformat(day.day)
        bounds = [datetime(at.year, at.month, at.day, tzinfo=clocks) for at in (of, of + timedelta(days=1))]
        query = ListQuery.of({"from": bounds[0].isoformat(), "to": bounds[1].isoformat()})
        listed = [query.begins_at <= listed_moment(begin) < query.ends_before for begin in begins]  # type: ignore[operator]
        assert sum(listed) == day.calls, day.day


def test_days_are_those_of_the_zone_that_is_asked_for(console: Console) -> None:
    console.store("call-7", begin=datetime(2026, 11, 20, 2, 0, tzinfo=UTC))
    for zone, day in (("UTC", "2026-11-20"), ("America/New_York", "2026-11-19")):
        assert [told["day"] for told in console.ask(OVERVIEW, query={"zone": zone}).json["days"]] == [day]


@pytest.mark.parametrize("zone", ["", "Nowhere/Else", "../../etc/passwd"])
def test_a_zone_that_there_is_not_is_refused(console: Console, zone: str) -> None:
    assert console.ask(OVERVIEW, query={"zone": zone}).status == 400
