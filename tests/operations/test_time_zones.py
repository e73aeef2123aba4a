"""Times are shown by the clocks of the clinic, and in UTC where these are not known."""

from argparse import ArgumentTypeError
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from operations.environment import Environment, UnusableEnvironment
from operations.rendering import calls_table, live_calls_table, transcript_view
from operations.time_zones import OUTPUT, time_zone_argument, time_zones
from tests.operations.test_rendering import SHOWN, printed

MOMENT = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
NOBODY: Any = None


def environment(**outputs: str) -> Environment:
    return Environment(name="Dev", outputs=outputs, session=NOBODY)


@pytest.mark.parametrize(
    ("clinic", "shown"),
    [
        ("lakeside", "2026-11-20 17:30 CST"),
        ("hilltop", "2026-11-21 00:30 CET"),
        (None, "2026-11-21 00:30 CET"),
    ],
)
def test_each_clinic_has_its_own_and_all_others_one(clinic: str | None, shown: str) -> None:
    target = environment(**{OUTPUT: '{"*": "Europe/Berlin", "lakeside": "America/Chicago"}'})
    assert time_zones(target).written(MOMENT, clinic) == shown


def test_without_a_setting_it_is_utc_and_says_so() -> None:
    assert time_zones(environment()).written(MOMENT, "lakeside") == "2026-11-20 23:30 UTC"
    some = environment(**{OUTPUT: '{"lakeside": "America/Chicago"}'})
    assert time_zones(some).written(MOMENT, "hilltop") == "2026-11-20 23:30 UTC"


def test_one_that_is_chosen_comes_before_those_that_were_deployed() -> None:
    target = environment(**{OUTPUT: '{"*": "Europe/Berlin"}'})
    assert time_zones(target, ZoneInfo("Asia/Tokyo")).written(MOMENT, "lakeside") == "2026-11-21 08:30 JST"


@pytest.mark.parametrize("written", ["no JSON", '{"*": 1}', '{"*": "Nowhere/Else"}', '{"*": "../etc/passwd"}'])
def test_what_was_deployed_and_cannot_be_used_is_named_with_the_remedy(written: str) -> None:
    with pytest.raises(UnusableEnvironment, match="choose with --time-zone"):
        time_zones(environment(**{OUTPUT: written}))


@pytest.mark.parametrize("name", ["Nowhere/Else", "", "/etc/passwd", "../x"])
def test_an_argument_that_is_no_time_zone_is_refused(name: str) -> None:
    with pytest.raises(ArgumentTypeError, match="must be a name like Europe/Berlin"):
        time_zone_argument(name)


def test_every_view_shows_the_start_in_the_clinics_time_zone() -> None:
    zones = time_zones(environment(**{OUTPUT: '{"main": "Europe/Berlin"}'}))
    live = {"call_id": "c", "clinic_id": "main", "status": "failed", "started_at_ms": 1_795_165_200_000}
    for shown in (calls_table([SHOWN], zones=zones), transcript_view(SHOWN, zones=zones)):
        assert "2026-11-20 15:05 CET" in printed(shown)
    assert "CET" in printed(live_calls_table([live], zones=zones))


def test_of_a_call_whose_day_alone_is_known_no_time_is_made_up() -> None:
    zones = time_zones(environment(**{OUTPUT: '{"*": "Pacific/Auckland"}'}))
    item = {**SHOWN, "started_at": "2026-11-20T00:00:00+00:00", "started_at_source": "key-day"}
    shown = printed(transcript_view(item, zones=zones))
    assert "2026-11-20 UTC (agent)" in shown
