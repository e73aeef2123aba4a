from collections import Counter
from decimal import Decimal

import pytest

from benchmarks import console, search, waveform
from benchmarks.console import View, month_figures, view_figures
from benchmarks.cost import price
from benchmarks.report import Figures


@pytest.fixture(scope="module")
def views() -> tuple[View, ...]:
    return console.measure(calls=1_200, rounds=1, long_seconds=60)


@pytest.fixture(scope="module")
def year() -> search.Year:
    return search.measure(months=2, calls_a_month=20)


def row(figures: Figures, what: str) -> tuple[str, ...]:
    [found] = [cells for cells in figures.rows if cells[0].startswith(what)]
    return found[1:]


def named(views: tuple[View, ...], name: str) -> View:
    [found] = [view for view in views if name in view.name]
    return found


def test_a_list_is_read_by_a_query(views: tuple[View, ...]) -> None:
    assert named(views, "first 50").asked == Counter({"dynamodb:Query": 1})


def test_a_filter_that_picks_nothing_looks_at_a_thousand_calls(views: tuple[View, ...]) -> None:
    asked = named(views, "none of which").asked
    assert asked["dynamodb:Query"] == 10
    assert named(views, "none of which").bytes < named(views, "first 50").bytes


def test_a_call_is_read_from_table_and_archive(views: tuple[View, ...]) -> None:
    opened = named(views, "a call of an hour")
    assert (opened.asked["dynamodb:GetItem"], opened.asked["s3:GetObject"], opened.requests) == (1, 1, 1)
    assert opened.read_units >= 1


def test_every_view_is_packed_and_takes_some_time(views: tuple[View, ...]) -> None:
    assert all(view.bytes > 0 and view.seconds > 0 for view in views)
    assert len(view_figures(views).rows) == len(views)


def test_a_search_looks_at_every_call_of_all_months(year: search.Year) -> None:
    assert [one.calls for one in year.searches] == [40] * len(search.QUERIES)
    # Two listings, the state, and each part.
    assert {one.requests for one in year.searches} == {3 + year.parts}
    assert len(search.figures(year).rows) == len(search.QUERIES)


def test_a_month_is_the_sum_of_its_lines(views: tuple[View, ...], year: search.Year) -> None:
    figures = month_figures(views, year, drawing_seconds=0.5)
    *lines, (_, _, total) = figures.rows
    assert sum(Decimal(usd) for *_, usd in lines) == pytest.approx(Decimal(total), abs=Decimal("0.1"))


def test_recordings_are_heard_once_each(views: tuple[View, ...], year: search.Year) -> None:
    """Four minutes of two channels, eight thousand samples a second, of two bytes: five hundred a day."""
    count, usd = row(month_figures(views, year, drawing_seconds=0.5), "GB to the browsers")
    heard = Decimal(240 * 8_000 * 2 * 2 * 500 * 30) / 10**9
    assert Decimal(count) >= heard.to_integral_value()
    assert Decimal(usd) >= (heard * price("internet_gb")).quantize(Decimal("0.01"))


def test_a_waveform_is_drawn_of_each_length_and_number_of_channels() -> None:
    drawings = list(waveform.measure(lengths=(10, 20)))
    assert [(one.seconds, one.channels) for one in drawings] == [(10, 1), (10, 2), (20, 1), (20, 2)]
    assert drawings[3].bytes == pytest.approx(4 * drawings[0].bytes, rel=0.01)
    assert len(waveform.figures(drawings).rows) == len(drawings)
