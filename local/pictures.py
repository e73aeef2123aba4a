"""Pictures of the console as people of a clinic see it, taken in the browser of this machine."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Error, Page, ViewportSize

from local.browser import NoBrowser, browser
from local.console import Person

_LOOKS: Final[Mapping[str, Mapping[str, Any]]] = {
    "wide": {"viewport": ViewportSize(width=1120, height=760), "color_scheme": "light"},
    "narrow": {"viewport": ViewportSize(width=390, height=844), "color_scheme": "dark"},
}
_TURNS: Final = 3
"""Of a running call, until there is something to be seen."""
_TIMEOUT_MS: Final = 60_000
_ANSWERED: Final = {"Live": "now.", "Overview": "counted", "Operate": "fail"}
"""What a view beside the calls says once it has been answered."""
_OTHER_VIEWS: Final = ("Overview", "Operate")
_SOUGHT: Final = "surgery"
"""What one of the demo's callers has had."""


class NoPictures(RuntimeError):
    """There are none; the message says why."""


def sign_in(page: Page, url: str, person: Person) -> None:
    """Sign in on the pages of the emulated user pool."""
    page.goto(url)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Username").fill(person.name)
    page.get_by_label("Password").fill(person.password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()


def take_pictures(url: str, person: Person, folder: Path, *, running: str | None = None) -> list[Path]:
    """Take pictures of each view, the newest call, and what a reviewer says of it, on a desk and a telephone.

    Args:
        url: The console's address.
        person: Who looks: somebody who may review.
        folder: Where the pictures go.
        running: A call that runs, whose words are seen as they come. Default: the list of running calls is.

    Raises:
        NoPictures: This machine has no browser, or the browser did not show what it should.
    """
    folder.mkdir(parents=True, exist_ok=True)
    taken = []
    try:
        with browser() as started, ExitStack() as stack:
            pages = {
                name: stack.enter_context(_signed_in(started, url, person, **look)) for name, look in _LOOKS.items()
            }
            # Before it ends.
            taken += [_live(page, folder / f"live-{name}.png", running) for name, page in pages.items()]
            for name, page in pages.items():
                page.goto(url)
                newest = page.get_by_role("table").get_by_role("link").first
                newest.wait_for()
                taken.append(_picture(page, folder / f"calls-{name}.png"))
                newest.click()
                page.get_by_role("heading", name="Transcript", exact=True).wait_for()
                taken.append(_picture(page, folder / f"call-{name}.png"))
                taken.append(_opened(page, "Correct the roles", "Who is who", folder / f"roles-{name}.png"))
                taken.append(_opened(page, "Review the score", "Score", folder / f"review-{name}.png"))
                taken.append(_search(page, folder / f"search-{name}.png"))
                taken += [_view(page, view, folder / f"{view.lower()}-{name}.png") for view in _OTHER_VIEWS]
    except NoBrowser as error:
        raise NoPictures(str(error)) from None
    except Error as error:
        raise NoPictures(f"the browser says: {error.message.splitlines()[0]}") from error
    return taken


@contextmanager
def _signed_in(started: Browser, url: str, person: Person, **look: Any) -> Iterator[Page]:
    context = started.new_context(locale="en-US", timezone_id="UTC", **look)
    context.set_default_timeout(_TIMEOUT_MS)
    page = context.new_page()
    sign_in(page, url, person)
    try:
        yield page
    finally:
        context.close()


def _live(page: Page, path: Path, running: str | None) -> Path:
    """Take a picture of a call that runs, while words come as they are said; without one, of the list."""
    if running is None:
        return _view(page, "Live", path)
    page.get_by_role("navigation", name="Views").get_by_role("link", name="Live", exact=True).click()
    page.get_by_role("table").locator(f"a[href*='{running}']").click()
    page.get_by_text("words come as they are said").wait_for()
    page.get_by_role("log").locator(".turn").nth(_TURNS - 1).wait_for()
    return _picture(page, path)


def _search(page: Page, path: Path) -> Path:
    """Take a picture of what is found, once the search has ended."""
    page.get_by_role("navigation", name="Views").get_by_role("link", name="Search", exact=True).click()
    page.get_by_role("searchbox").fill(_SOUGHT)
    page.get_by_role("searchbox").press("Enter")
    page.locator("main [role=status]", has_text="searched").wait_for()
    return _picture(page, path)


def _view(page: Page, name: str, path: Path) -> Path:
    """Take a picture of a view, once it says how many calls it has."""
    page.get_by_role("navigation", name="Views").get_by_role("link", name=name, exact=True).click()
    page.locator("main [role=status]", has_text=_ANSWERED[name]).wait_for()
    page.evaluate("scrollTo(0, 0)")
    return _picture(page, path)


def _opened(page: Page, button: str, heading: str, path: Path) -> Path:
    """Take a picture of what a button opens; who looks is a reviewer."""
    page.get_by_role("button", name=button).click()
    page.get_by_role("heading", name=heading, exact=True).evaluate("heading => heading.scrollIntoView()")
    return _picture(page, path)


def _picture(page: Page, path: Path) -> Path:
    page.screenshot(path=path, animations="disabled")
    return path
