"""The overview's charts, in Node: scales that people can read, and days that look like what they are."""

from __future__ import annotations

import pytest

from tests.lambdas.call_console.page_module import run_with

_TICKS = """
import { ticks } from %s
console.log(JSON.stringify(JSON.parse(process.argv[1]).map(([values, options]) => ticks(values, options))))
"""
_BARS = """
import { bar } from %s
const figure = { value: (day) => day.value, known: (day) => day.known, least: true }
console.log(JSON.stringify(JSON.parse(process.argv[1]).map((day) => bar(figure, day, 10))))
"""
WHOLE = {"whole": True}


@pytest.mark.parametrize(
    ("values", "options", "top"),
    [
        ([1], WHOLE, 2),
        ([3, None, 2], WHOLE, 4),
        ([41], WHOLE, 100),
        ([20], WHOLE, 20),
        ([1503], WHOLE, 2000),
        ([0.0359], {}, 0.04),
        ([], WHOLE, 2),
        ([None], {}, 1),
        ([84.2], {"top": 100}, 100),
    ],
)
def test_a_scale_has_room_for_all_and_marks_that_can_be_read(
    values: list[float | None], options: dict[str, object], top: float
) -> None:
    [[foot, middle, found]] = run_with("scale.js", _TICKS, [[values, options]])
    assert (foot, found) == (0, pytest.approx(top))
    assert middle == pytest.approx(top / 2)
    if options == WHOLE:
        assert middle == int(middle)


def test_no_calls_nothing_known_zero_and_at_least_look_different() -> None:
    days = [
        None,
        {"calls": 3, "value": None, "known": 0},
        {"calls": 3, "value": 0, "known": 3},
        {"calls": 3, "value": 0, "known": 2},
        {"calls": 3, "value": 5, "known": 2},
        {"calls": 3, "value": 5, "known": 3},
    ]
    bars = run_with("scale.js", _BARS, days)
    assert [bar["is"] for bar in bars] == ["none", "unknown", "zero", "part", "part", "known"]
    assert [bar["share"] for bar in bars] == [0, 1, 0, 0, 0.5, 0.5]
