"""A real browser for tests, and what it must find in every view of the console."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import pytest
from playwright.sync_api import Browser, Page

from local.browser import NoBrowser, browser
from tests.conftest import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage

NEEDED: Final = "CALLSCRIBE_TESTS_NEED_BROWSER"
"""Set where a test that finds no browser has failed, as in continuous integration."""

_AXE: Final = ROOT / "node_modules" / "axe-core" / "axe.min.js"
# Everything that axe looks for, WCAG 2.2 AA and good practice.
_RULES: Final = {"resultTypes": ["violations"]}


@contextmanager
def needed_browser() -> Iterator[Browser]:
    """Start the browser; skips where there is none, and fails where one is needed."""
    try:
        with browser() as started:
            yield started
    except NoBrowser as error:
        without_browser(str(error))


def without_browser(why: str = "there is no browser") -> NoReturn:
    """Skip the test, or fail it where a browser is needed."""
    if os.environ.get(NEEDED):
        pytest.fail(why)
    pytest.skip(why)


class Looks:
    """A page that is looked at: what the browser complained of, and what a person could not use.

    Args:
        page: The page; nothing must have been loaded yet.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def violations(self) -> list[str]:
        """What axe finds: rules and the elements that break them."""
        if not self.page.evaluate("'axe' in window"):  # it stays until another page is loaded
            self.page.evaluate(_AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate("rules => axe.run(rules)", _RULES)
        return [
            f"{violation['id']}: {node['html'][:160]}"
            for violation in found["violations"]
            for node in violation["nodes"]
        ]

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - innerWidth"))

    def picture(self, path: Path) -> None:
        """Take a picture of what the window shows."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path, animations="disabled")
