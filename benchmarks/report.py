"""Tables that go to the terminal and into the documentation alike."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from rich import box
from rich.console import Group
from rich.table import Table


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One table of results.

    Attributes:
        name: Names the place in the document where the table stands.
        title: Heading in the terminal.
        columns: Headings; the first column is text, the others are numbers.
        rows: One text per column.
        notes: What a reader must know beside the numbers, one sentence each.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def for_terminal(self) -> Group:
        table = Table(title=self.title, title_justify="left", box=box.SIMPLE)
        for index, column in enumerate(self.columns):
            table.add_column(column, justify="right" if index else "left")
        for row in self.rows:
            table.add_row(*row)
        return Group(table, *self.notes)

    def for_document(self) -> str:
        lines = [_line(self.columns), _line("---:" if index else "---" for index in range(len(self.columns)))]
        lines += map(_line, self.rows)
        lines += [f"\n{note}" for note in self.notes]
        return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def refresh(document: str, results: Iterable[Figures]) -> str:
    """Put each table between its markers, ``<!-- figures: NAME -->`` and ``<!-- end of figures -->``.

    Raises:
        ValueError: If the document has no place for a table.
    """
    for figures in results:
        place = re.compile(rf"(<!-- figures: {re.escape(figures.name)} -->\n).*?(<!-- end of figures -->)", re.DOTALL)
        text = f"\n{figures.for_document()}\n\n"
        document, found = place.subn(lambda match, text=text: match[1] + text + match[2], document)  # type: ignore[misc]
        if found != 1:
            raise ValueError(f"the document needs one place for {figures.name!r}, it has {found}")
    return document
