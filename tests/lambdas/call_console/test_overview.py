"""A clinic's calls over time: counted by day, and what is not known as that."""

from __future__ import annotations

from tests.lambdas.call_console.conftest import Console

OVERVIEW = "/api/clinics/harbour/overview"


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
