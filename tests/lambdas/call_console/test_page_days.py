"""Days as the page asks for them, in Node: whole ones in the zone that is shown, also where clocks are put back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.lambdas.call_console.page_module import run_with

_RUN = """
import { asked, daysAgo } from %s
const { now, days, zones } = JSON.parse(process.argv[1])
Date.now = () => Date.parse(now)
const of = (zone) => ({ ago: daysAgo(1, zone), bounds: days.map((day) => asked({ from: day, to: day }, zone)) })
console.log(JSON.stringify(zones.map(of)))
"""
ZONES = ("UTC", "America/New_York", "Asia/Kolkata", "Pacific/Auckland")
DAYS = ("2026-03-08", "2026-11-01", "2026-11-20")  # clocks are put forward, and back, on the first two in New York


def test_a_day_begins_and_ends_as_in_the_zone_that_is_shown() -> None:
    now = datetime(2026, 11, 20, 2, 30, 15, 600_000, tzinfo=UTC)
    told = run_with("format.js", _RUN, {"now": now.isoformat(), "days": DAYS, "zones": ZONES})
    for zone, answer in zip(map(ZoneInfo, ZONES), told, strict=True):
        assert answer["ago"] == (now.astimezone(zone) - timedelta(days=1)).date().isoformat(), zone
        for day, bounds in zip(map(date.fromisoformat, DAYS), answer["bounds"], strict=True):
            midnights = [datetime(at.year, at.month, at.day, tzinfo=zone) for at in (day, day + timedelta(days=1))]
            assert [datetime.fromisoformat(bounds[name]) for name in ("from", "to")] == midnights, (zone, day)
