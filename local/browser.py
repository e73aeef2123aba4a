"""The browser of this machine, for pictures of the console and for tests."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from playwright.sync_api import Browser, sync_playwright

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
"""Programs that are looked for, in this order: what Debian, Ubuntu and Google call it."""


class NoBrowser(RuntimeError):
    """There is none; the message says what was looked for."""


@contextmanager
def browser() -> Iterator[Browser]:
    """Start it, without a window; it ends with the context.

    Raises:
        NoBrowser: There is none.
    """
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    if found is None:
        raise NoBrowser(f"no browser: none of {', '.join(NAMES)} is installed")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=found, args=["--autoplay-policy=no-user-gesture-required", "--mute-audio"]
        )
        try:
            yield started
        finally:
            started.close()
