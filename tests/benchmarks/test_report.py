from io import StringIO

import pytest
from rich.console import Console

from benchmarks.report import Figures, refresh

FIGURES = Figures(
    name="burst", title="Burst", columns=("", "lost"), rows=(("plain", "40"), ("a|b", "0")), notes=("A note.",)
)
PAGE = "before\n<!-- figures: burst -->\nold\n<!-- end of figures -->\nafter\n"


def test_a_document_shows_the_first_column_as_text_and_the_others_as_numbers() -> None:
    assert FIGURES.for_document().splitlines() == [
        "|  | lost |",
        "| --- | ---: |",
        "| plain | 40 |",
        "| a&#124;b | 0 |",
        "",
        "A note.",
    ]


def test_refreshing_replaces_only_what_stands_between_the_markers() -> None:
    page = refresh(PAGE, [FIGURES])

    assert page.startswith("before\n<!-- figures: burst -->\n\n|  | lost |")
    assert page.endswith("A note.\n\n<!-- end of figures -->\nafter\n")
    assert "old" not in page


def test_refreshing_twice_changes_nothing() -> None:
    assert refresh(refresh(PAGE, [FIGURES]), [FIGURES]) == refresh(PAGE, [FIGURES])


def test_each_table_goes_to_its_own_place() -> None:
    other = "<!-- figures: cost -->\n<!-- end of figures -->\n"

    page = refresh(other + PAGE, [FIGURES])

    assert page.startswith(other)


@pytest.mark.parametrize("page", ["no place", PAGE + PAGE])
def test_a_document_without_exactly_one_place_for_a_table_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="'burst'"):
        refresh(page, [FIGURES])


def test_the_terminal_shows_every_cell_and_note() -> None:
    console = Console(width=60, record=True, file=StringIO())

    console.print(FIGURES.for_terminal())

    words = console.export_text().split()
    assert {"Burst", "lost", "plain", "40", "a|b", "0", "note."} <= set(words)
