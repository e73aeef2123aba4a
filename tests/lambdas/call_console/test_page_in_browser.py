"""The console's page in a real browser, over the real function: what people see, hear, and do without a mouse."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import unquote, urlsplit

import pytest
from boto3.dynamodb.types import TypeDeserializer

from lambdas.call_console.page_files import PageFiles
from tests.browser import Looks, needed_browser
from tests.callscribe.replies import (
    AGENT,
    APPOINTMENT,
    BILLING,
    CUSTOMER,
    URGENT,
    Turn,
    channel,
    mono,
    silent,
    stereo,
    talk,
    words_of,
)
from tests.callscribe.test_peaks import recording as pcm
from tests.conftest import ROOT
from tests.lambdas.call_console.conftest import BEGIN, Console
from tests.lambdas.call_console.failed_calls import Executions, reject
from tests.lambdas.call_console.live_items import put_live_call, say
from tests.lambdas.call_console.site import CLIENT, Site, assembled_page
from tests.lambdas.cloud import Cloud, Context
from tests.patience import PATIENCE_SECONDS, eventually

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Route, WebSocketRoute

HOSTILE: Final = talk(
    (AGENT, "Thank you for calling the eye clinic. This is Karen speaking. How can I help you today?"),
    (CUSTOMER, "Hi. <img src=x onerror=document.title='broken'> I need to cancel my appointment."),
    (AGENT, "Of course. Can I have your last name and your date of birth, please?"),
    (CUSTOMER, "Miller, March the tenth. Thank you. Goodbye."),
)
SWAPPED: Final = [replace(turn, speaker=1 - turn.speaker) for turn in APPOINTMENT]
"""The agent is on the customer's channel."""
HOSTILE_WORDS: Final = "<img src=x onerror=document.title='broken'> I cannot see."
SAMPLE: Final = ROOT / "local" / "samples" / "call3_urgent_symptoms.wav"
WIDTHS: Final = {"wide": (1280, 800), "200 % of it": (640, 400), "a telephone": (360, 740)}
"""Windows in CSS pixels: a browser that shows twice as large has half as many."""
IN_STEP_SECONDS: Final = 0.15


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with needed_browser() as started:
        yield started


@pytest.fixture(scope="module")
def page_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return assembled_page(tmp_path_factory.mktemp("asset"))


@pytest.fixture
def site(console: Console, page_folder: Path, function_environment: pytest.MonkeyPatch) -> Iterator[Site]:
    from lambdas.call_console import handler

    function_environment.setattr(handler, "PageFiles", partial(PageFiles, folder=page_folder))
    function_environment.setenv("CLIENT_ID", CLIENT)
    function_environment.delenv("FEED_HTTP_URL")
    function_environment.delenv("FEED_REALTIME_URL")
    groups = {"ann": "[harbour]", "rita": "[harbour qa]", "bob": "[lakeside]", "eve": None}
    context = cast("Any", Context())
    with Site(invoke=lambda event: handler.handle(event, context), groups=groups).served() as served:
        function_environment.setenv("SIGN_IN_URL", served.url.removesuffix("/"))
        yield served


@pytest.fixture
def executions(monkeypatch: pytest.MonkeyPatch) -> Executions:
    return Executions.of(monkeypatch)


@pytest.fixture
def stored(console: Console) -> Console:
    """Four calls of one clinic, the newest first: urgent, for an appointment, about a bill, and with hostile words."""
    audio = SAMPLE.read_bytes()
    for number, turns in enumerate((URGENT, APPOINTMENT, BILLING, HOSTILE)):
        heard = stereo(turns)
        for utterance in heard["results"]["utterances"]:
            utterance["words"][-1]["confidence"] = 0.42
        begin = BEGIN.replace(hour=BEGIN.hour - number)
        console.store(f"call-{number}", begin=begin, content=audio + bytes([number]), heard=heard)
    return console


class Visitor(Looks):
    """Somebody who looks at the console.

    Args:
        page: The page of their browser.
        site: The site.
    """

    def __init__(self, page: Page, site: Site) -> None:
        super().__init__(page)
        self.site = site

    def sign_in(self, user: str = "ann") -> None:
        self.page.goto(self.site.url)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_label("Username").fill(user)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("heading", level=1).wait_for()

    def open_call(self, number: int = 0) -> None:
        self.page.get_by_role("table").get_by_role("link").nth(number).click()
        self.page.get_by_role("heading", name="Transcript", exact=True).wait_for()

    def look_at_everything(self) -> None:
        """Find nothing that keeps somebody out, on a desk and on a telephone."""
        for name, (width, height) in WIDTHS.items():
            self.page.set_viewport_size({"width": width, "height": height})
            assert not self.violations(), name
            assert self.overflow() <= 0, name
        self.page.set_viewport_size({"width": 1280, "height": 800})

    def audio(self, expression: str) -> Any:
        """What the recording says of itself."""
        return self.page.evaluate(f"(() => {{ const audio = document.querySelector('audio'); return {expression} }})()")

    def sought(self, *, more_than: int) -> bool:
        """Whether the recording was taken to another place more often than that."""
        return len(self.page.evaluate("window.sought")) > more_than

    def ready(self) -> None:
        """Wait until the recording can be played."""
        eventually(lambda: self.audio("audio.readyState >= 1"))


@pytest.fixture
def visitor(chromium: Browser, site: Site, cloud: Cloud) -> Iterator[Visitor]:
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, locale="en-US", timezone_id="Europe/Berlin")
    context.set_default_timeout(PATIENCE_SECONDS * 1000)

    def play(route: Route) -> None:
        """Answer as S3 does, to ranges, too."""
        bucket, key = (
            urlsplit(route.request.url).netloc.partition(".")[0],
            unquote(urlsplit(route.request.url).path[1:]),
        )
        whole = cloud.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", route.request.headers.get("range", "bytes=0-"))
        assert asked
        first, last = int(asked[1]), int(asked[2] or len(whole) - 1)
        headers = {"Content-Range": f"bytes {first}-{last}/{len(whole)}", "Accept-Ranges": "bytes"}
        route.fulfill(status=206, headers=headers, content_type="audio/wav", body=whole[first : last + 1])

    context.route("https://recordings.s3.*/**", play)
    made = Visitor(context.new_page(), site)
    yield made
    complaints = made.complaints
    context.close()
    assert not complaints


def test_somebody_signs_in_and_sees_the_calls_of_their_clinic_the_newest_first(
    visitor: Visitor, stored: Console
) -> None:
    stored.store("other-clinics", clinic="lakeside")
    visitor.sign_in()
    rows = visitor.page.get_by_role("row")
    rows.nth(4).wait_for()
    assert rows.count() == 1 + 4
    assert "urgent" in rows.nth(1).inner_text()
    assert "doubtful" in rows.nth(1).inner_text()
    assert "code=" not in visitor.page.url


def test_of_a_clinic_without_a_time_zone_times_are_the_viewers(visitor: Visitor, stored: Console) -> None:
    def without(route: Route) -> None:
        answer = route.fetch()
        session = answer.json()
        for clinic in session["clinics"]:
            clinic["time_zone"] = None
        route.fulfill(response=answer, json=session)

    visitor.page.route("**/api/session", without)
    visitor.sign_in()
    visitor.page.get_by_role("table").get_by_role("link").first.wait_for()


def test_filters_narrow_the_list_and_stay_in_its_address(visitor: Visitor, stored: Console) -> None:
    visitor.sign_in()
    visitor.page.get_by_role("combobox", name="Flag", exact=True).select_option("urgent")
    visitor.page.get_by_role("button", name="Show", exact=True).click()
    visitor.page.get_by_text("1 call shown.").wait_for()
    assert "flag=urgent" in visitor.page.url
    visitor.page.reload()
    visitor.page.get_by_text("1 call shown.").wait_for()
    assert visitor.page.get_by_role("combobox", name="Flag", exact=True).input_value() == "urgent"
    visitor.page.get_by_role("link", name="Clear filters").click()
    visitor.page.get_by_text("4 calls shown.").wait_for()
    assert visitor.page.get_by_role("combobox", name="Flag", exact=True).input_value() == ""


def test_what_is_filled_in_while_the_list_comes_is_still_there_when_it_has_come(
    visitor: Visitor, stored: Console
) -> None:
    flag = visitor.page.get_by_role("combobox", name="Flag", exact=True)
    queue = visitor.page.get_by_label("Queue (id)")

    def fill_in_and_answer(route: Route) -> None:
        flag.select_option("urgent")
        queue.fill("queue-of-none")
        route.continue_()

    visitor.page.route(re.compile(r"/api/clinics/harbour/calls(\?|$)"), fill_in_and_answer, times=1)
    visitor.sign_in()
    visitor.page.get_by_text("4 calls shown.").wait_for()
    assert (flag.input_value(), queue.input_value()) == ("urgent", "queue-of-none")
    queue.fill("")
    visitor.page.get_by_role("button", name="Show", exact=True).click()
    visitor.page.get_by_text("1 call shown.").wait_for()


def test_what_is_filled_in_while_a_search_goes_on_is_still_there_when_it_has_ended(
    visitor: Visitor, stored: Console
) -> None:
    stored.follow()
    words = visitor.page.get_by_role("searchbox")
    said_by = visitor.page.get_by_label("Said by")
    flag = visitor.page.get_by_role("combobox", name="Flag", exact=True)

    def fill_in_and_answer(route: Route) -> None:
        words.fill("lights")
        said_by.select_option("customer")
        flag.select_option("urgent")
        route.continue_()

    visitor.page.route("**/api/clinics/harbour/search", fill_in_and_answer, times=1)
    visitor.sign_in()
    visitor.page.get_by_role("link", name="Search", exact=True).click()
    words.fill("appointment")
    visitor.page.get_by_role("button", name="Search", exact=True).click()
    visitor.page.locator(".found").first.wait_for()
    assert (words.input_value(), said_by.input_value(), flag.input_value()) == ("lights", "customer", "urgent")


def test_the_calls_of_an_agent_are_a_click_away_from_one_of_them(visitor: Visitor, stored: Console) -> None:
    for item in stored.cloud.items():
        if item["SK"].startswith("TRANSCRIPT#") and item["call_id"] in ("call-0", "call-2"):
            of = {"agent_id": "agent-7", "queue_id": f"queue-{item['call_id']}"}
            stored.cloud.table.put_item(Item={**item, **of})
    visitor.sign_in()
    visitor.open_call()
    visitor.page.get_by_role("link", name="agent-7").press("Enter")
    visitor.page.get_by_text("2 calls shown.").wait_for()
    assert visitor.page.get_by_label("Agent (id)").input_value() == "agent-7"
    visitor.page.get_by_label("Queue (id)").fill("queue-call-2")
    visitor.page.get_by_role("button", name="Show", exact=True).click()
    visitor.page.get_by_text("1 call shown.").wait_for()
    visitor.look_at_everything()


def test_a_long_list_comes_page_by_page(visitor: Visitor, stored: Console) -> None:
    stored.list_calls(130)
    visitor.sign_in()
    rows = visitor.page.get_by_role("row")
    visitor.page.get_by_text("50 calls shown").wait_for()
    for shown in (100, 134):
        visitor.page.get_by_role("button", name="Show older calls").click()
        visitor.page.get_by_text(f"{shown} calls shown").wait_for()
    assert rows.count() == 1 + 134
    assert visitor.page.get_by_role("button", name="Show older calls").count() == 0


def test_a_call_shows_what_was_concluded_with_its_reliability_and_evidence(visitor: Visitor, stored: Console) -> None:
    visitor.sign_in()
    visitor.open_call()
    page = visitor.page
    assert page.get_by_text("doubtful: parts of the call are missing, or may be.").is_visible()
    assert "flashing lights" in " ".join(page.locator("mark.flag").all_inner_texts())
    assert page.locator(".w.low").count() > 0
    assert page.get_by_text("Sentences of the call, chosen by a rule.").is_visible()
    page.get_by_role("button", name="flashing lights").click()
    turn = page.evaluate("document.activeElement.closest('.turn').innerText")
    assert "flashing lights" in turn


def test_a_word_is_heard_by_clicking_it_and_words_go_in_step_with_the_recording(
    visitor: Visitor, stored: Console
) -> None:
    visitor.sign_in()
    visitor.open_call()
    visitor.ready()
    words = visitor.page.locator(".w")
    starts = [word["start"] for word in spoken(stored)]
    assert words.count() == len(starts)
    visitor.page.evaluate(
        """() => { const audio = document.querySelector('audio'); window.sought = []
        audio.addEventListener('seeked', () => window.sought.push(audio.currentTime)) }"""
    )
    sampled = range(0, len(starts), len(starts) // 20)
    for heard, index in enumerate(sampled):
        words.nth(index).click()
        eventually(partial(visitor.sought, more_than=heard))
        assert abs(visitor.page.evaluate("window.sought")[heard] - starts[index]) <= IN_STEP_SECONDS
        eventually(lambda: visitor.page.locator(".w.now").count() == 1)
    # While it plays, the word that is marked is the one that is heard then.
    steps = visitor.page.evaluate(
        """async () => { const audio = document.querySelector('audio'); audio.currentTime = 3; await audio.play()
        const words = [...document.querySelectorAll('.w')], steps = []
        while (steps.length < 20) {
          await new Promise((done) => setTimeout(done, 90)); await new Promise(requestAnimationFrame)
          const marked = document.querySelector('.w.now')
          if (marked) steps.push([audio.currentTime, words.indexOf(marked)])
        } audio.pause(); return steps }"""
    )
    times = spoken(stored)
    for now, index in steps:
        assert times[index]["start"] - IN_STEP_SECONDS <= now <= times[index]["end"] + IN_STEP_SECONDS


# How much of the timeline's picture has the colour of a party, in the column of a moment and a channel's row.
_COLOURED: Final = """([seconds, length, row]) => {
  const canvas = document.querySelector('.timeline canvas')
  const { width, height } = canvas
  const x = Math.min(width - 1, Math.floor((seconds / length) * width))
  const pixels = canvas.getContext('2d').getImageData(x, (row * height) / 2, 1, height / 2).data
  let opaque = 0
  for (let at = 3; at < pixels.length; at += 4) opaque += pixels[at] > 0
  return opaque / (pixels.length / 4)
}"""


def test_the_waveform_is_drawn_in_step_with_the_recording_and_a_click_on_it_is_heard(
    visitor: Visitor, console: Console
) -> None:
    """The customer is loud in the first half, the agent in the second; nobody has drawn it before."""
    half = [12_000, -12_000] * 120_000
    silence = [0] * len(half)
    console.store(content=pcm(half + silence, silence + half), heard=stereo(APPOINTMENT))
    visitor.sign_in()
    visitor.open_call()
    visitor.ready()
    visitor.page.get_by_text("The waveform is being drawn.").wait_for(state="detached")
    of = console.ask(f"/api/clinics/harbour/calls/{BEGIN:%Y-%m-%d}/call-7").json["document"]["duration_seconds"]
    for seconds, loud in ((5.0, 0), (25.0, 0), (35.0, 1), (50.0, 1)):
        coloured = [visitor.page.evaluate(_COLOURED, [seconds, of, row]) for row in (0, 1)]
        assert coloured[loud] > 0.6, seconds
        assert coloured[1 - loud] < 0.2, seconds
    box = visitor.page.locator(".timeline").bounding_box()
    assert box is not None
    for number in range(20):
        share = (number + 0.5) / 20
        visitor.page.mouse.click(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        assert visitor.audio("audio.currentTime") == pytest.approx(share * of, abs=IN_STEP_SECONDS)
    visitor.page.get_by_role("slider", name="Position in the recording").press("Home")
    assert visitor.audio("audio.currentTime") == 0
    visitor.look_at_everything()
    visitor.complaints[:] = [one for one in visitor.complaints if "getImageData" not in one]  # it is the test that asks


def test_a_recording_that_can_have_no_waveform_says_so_and_shows_who_speaks_when(
    visitor: Visitor, console: Console
) -> None:
    console.store(content=b"fLaC" + bytes(100), heard=stereo(APPOINTMENT))
    visitor.page.route("https://recordings.s3.*/**", lambda route: route.fulfill(body=SAMPLE.read_bytes()))
    visitor.sign_in()
    visitor.open_call()
    visitor.page.get_by_text("There is no waveform: it is not available for this recording’s audio format.").wait_for()
    assert visitor.page.evaluate(_COLOURED, [1.0, 60.0, 1]) > 0
    assert not visitor.violations()


def spoken(console: Console, call: str = "call-0") -> list[dict[str, float]]:
    """The words of a call in the order in which they are read."""
    document = json.loads(console.ask(f"/api/clinics/harbour/calls/{BEGIN:%Y-%m-%d}/{call}").text)["document"]
    rows = [
        document["utterances"][utterance]["words"][first:after]
        for turn in document["turns"]
        for utterance, first, after in turn["pieces"]
    ]
    return [{"start": start, "end": end} for piece in rows for _, start, end, *_ in piece]


def test_everything_is_done_with_the_keyboard_alone(visitor: Visitor, stored: Console) -> None:
    visitor.page.goto(visitor.site.url)
    visitor.page.get_by_role("button", name="Sign in").wait_for()
    press = visitor.page.keyboard.press

    def tab_to(name: str) -> None:
        for _ in range(60):
            press("Tab")
            if name in visitor.page.evaluate("document.activeElement.innerText || document.activeElement.name || ''"):
                return
        pytest.fail(f"the keyboard does not reach {name}")

    tab_to("Sign in")
    press("Enter")
    visitor.page.get_by_label("Username").wait_for()
    press("Tab")
    visitor.page.keyboard.type("ann")
    press("Enter")
    visitor.page.get_by_role("table").wait_for()
    tab_to("Nov 20, 2026")
    press("Enter")
    visitor.page.get_by_role("heading", name="Transcript", exact=True).wait_for()
    visitor.ready()
    press("Space")
    eventually(lambda: visitor.audio("!audio.paused && audio.currentTime > 0"))
    press("Space")
    eventually(lambda: visitor.audio("audio.paused"))
    before = visitor.audio("audio.currentTime")
    press("ArrowRight")
    assert visitor.audio("audio.currentTime") == pytest.approx(before + 5, abs=0.05)
    press("Shift+ArrowRight")
    starts = sorted(word["start"] for word in spoken(stored))
    following = next(start for start in starts if start > before + 5.02)
    assert visitor.audio("audio.currentTime") == pytest.approx(following, abs=0.05)
    press("Shift+ArrowUp")
    assert visitor.audio("audio.playbackRate") == 1.25
    tab_to("Back 10 s")
    press("Enter")
    assert visitor.audio("audio.currentTime") == pytest.approx(max(0, following - 10), abs=0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_kept_out_at_any_width(scheme: Any, visitor: Visitor, stored: Console) -> None:
    visitor.page.emulate_media(color_scheme=scheme)
    visitor.page.goto(visitor.site.url)
    visitor.page.get_by_role("button", name="Sign in").wait_for()
    found = {"sign-in": visitor.violations()}
    visitor.sign_in()
    visitor.page.get_by_role("table").wait_for()
    for view in ("calls", "call"):
        if view == "call":
            visitor.open_call()
        for name, (width, height) in WIDTHS.items():
            visitor.page.set_viewport_size({"width": width, "height": height})
            found[f"{view}, {name}"] = visitor.violations()
            assert visitor.overflow() <= 0, (view, name)
        visitor.page.set_viewport_size({"width": 1280, "height": 800})
    assert not {view: violations for view, violations in found.items() if violations}


def test_words_that_look_like_a_page_are_words(visitor: Visitor, stored: Console) -> None:
    visitor.sign_in()
    visitor.open_call(3)
    visitor.page.locator(".w", has_text="<img").first.wait_for()
    assert visitor.page.locator("main img").count() == 0
    assert "broken" not in visitor.page.title()


def test_a_call_of_another_clinic_is_answered_as_one_that_is_not_there(visitor: Visitor, stored: Console) -> None:
    stored.store("secret", clinic="lakeside")
    visitor.sign_in()
    for clinic, call in (("harbour", "secret"), ("harbour", "nowhere"), ("lakeside", "secret")):
        visitor.page.goto(f"{visitor.site.url}#/{clinic}/calls/{BEGIN:%Y-%m-%d}/{call}")
        if clinic == "harbour":
            visitor.page.get_by_text("That is not there, or not for you.").wait_for()
        else:  # a clinic that is not one's own has no address
            visitor.page.get_by_text("4 calls shown.").wait_for()
    visitor.complaints[:] = [one for one in visitor.complaints if "404" not in one]  # the browser notes each of them


def test_who_is_in_no_clinic_is_told_so(visitor: Visitor) -> None:
    visitor.sign_in("eve")
    visitor.page.get_by_text("belong to no clinic").wait_for()


def test_a_session_that_has_ended_leads_to_the_sign_in_and_shows_no_words(visitor: Visitor, stored: Console) -> None:
    visitor.sign_in()
    visitor.page.get_by_role("table").wait_for()
    visitor.site.refused |= set(visitor.site.tokens)
    visitor.page.get_by_role("table").get_by_role("link").first.click()
    visitor.page.get_by_text("Your session has ended.").wait_for()
    assert visitor.page.locator(".w").count() == 0
    visitor.complaints[:] = [one for one in visitor.complaints if "401" not in one]


def test_a_token_is_renewed_before_it_ends(visitor: Visitor, stored: Console) -> None:
    visitor.site.lifetime = 30  # less than the minute that the page keeps in hand
    visitor.sign_in()
    visitor.page.get_by_text("4 calls shown.").wait_for()
    assert len(visitor.site.tokens) > 1


def test_signing_out_forgets_the_tokens(visitor: Visitor, stored: Console) -> None:
    visitor.sign_in()
    visitor.page.get_by_role("button", name="Sign out").click()
    visitor.page.get_by_role("button", name="Sign in").wait_for()
    assert visitor.page.evaluate("sessionStorage.length") == 0


def test_a_code_that_nobody_asked_for_signs_nobody_in(visitor: Visitor) -> None:
    visitor.page.goto(f"{visitor.site.url}?code=stolen&state=theirs")
    visitor.page.get_by_text("The sign-in did not succeed.").wait_for()
    assert visitor.page.evaluate("sessionStorage.length") == 0


def test_a_reviewer_corrects_the_roles_and_sees_flags_and_score_follow_without_a_mouse(
    visitor: Visitor, stored: Console
) -> None:
    stored.store("swapped", begin=BEGIN.replace(hour=BEGIN.hour + 1), heard=stereo(SWAPPED))
    visitor.sign_in("rita")
    visitor.open_call()
    page = visitor.page
    assert page.get_by_text("agent and customer look swapped").is_visible()
    flags = page.locator("section", has=page.get_by_role("heading", name="Flags", exact=True))
    score = page.locator("section", has=page.get_by_role("heading", name="Score", exact=True)).locator(".figure")
    before = score.inner_text()
    assert flags.get_by_role("heading", name="appointment requested").count() == 0
    page.get_by_role("button", name="Correct the roles").press("Enter")
    assert page.get_by_role("button", name="Save", exact=True).is_disabled()
    assert page.get_by_role("combobox", name="Role of the turn at 0:00").is_visible()
    page.get_by_role("button", name="Swap agent and customer").press("Enter")
    assert page.get_by_role("combobox", name="Role of Channel 1").input_value() == "agent"
    visitor.look_at_everything()
    page.get_by_role("button", name="Save", exact=True).press("Enter")
    page.get_by_text("The roles are saved, and the call is judged by them.").wait_for()
    flags.get_by_role("heading", name="appointment requested").wait_for()
    assert score.inner_text() != before
    assert page.get_by_text("agent and customer look swapped").count() == 0
    assert page.get_by_text("Corrected by rita").is_visible()
    page.get_by_role("button", name="Correct the roles").press("Enter")
    page.get_by_role("button", name="Back to what was computed").press("Enter")
    page.get_by_text("agent and customer look swapped").wait_for()
    assert score.inner_text() == before
    assert page.get_by_role("heading", name="Corrections of roles").is_visible()


def test_a_reviewers_points_stand_beside_the_computed_ones(visitor: Visitor, stored: Console) -> None:
    visitor.sign_in("rita")
    visitor.open_call(1)
    page = visitor.page
    page.get_by_role("button", name="Review the score").click()
    greeting = page.locator(".review fieldset").first
    greeting.get_by_label("Your points").fill("2.5")
    greeting.get_by_label("Note").fill("<img src=x onerror=document.title='broken'> short")
    page.locator(".review fieldset").nth(1).get_by_label("does not apply").check()
    visitor.look_at_everything()
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("<img src=x onerror=document.title='broken'> short").wait_for()
    assert page.get_by_text("rita says").count() == 2
    assert "broken" not in page.title()
    page.get_by_role("button", name="Review the score").click()
    assert page.locator(".review fieldset").first.get_by_label("Your points").input_value() == "2.5"
    assert page.locator(".review fieldset").nth(1).get_by_label("does not apply").is_checked()


def test_two_versions_are_shown_with_what_differs_and_who_is_no_reviewer_can_say_nothing(
    visitor: Visitor, stored: Console
) -> None:
    begin = BEGIN.replace(hour=BEGIN.hour + 1)
    stored.store("twice", begin=begin, content=b"RIFF" + SAMPLE.read_bytes()[4:] + b"1", heard=stereo(APPOINTMENT))
    other = [replace(turn, text=turn.text.replace("Miller", "<b>Muller</b>")) for turn in APPOINTMENT]
    stored.store("twice", begin=begin, content=SAMPLE.read_bytes() + b"2", heard=stereo(other))
    visitor.sign_in()
    visitor.open_call()
    page = visitor.page
    page.get_by_role("heading", name="Who is who").wait_for()
    for name in ("Correct the roles", "Review the score"):
        assert page.get_by_role("button", name=name).count() == 0
    page.get_by_role("button", name="Compare the versions word by word").click()
    page.locator("del").wait_for()
    assert ("Miller." in page.locator("del").inner_text(), page.locator("b", has_text="Muller").count()) == (True, 0)
    assert "<b>Muller</b>." in page.locator("ins").inner_text()
    visitor.look_at_everything()


def test_a_script_that_gets_into_the_page_is_not_run(visitor: Visitor, stored: Console) -> None:
    visitor.sign_in()
    blocked = visitor.page.evaluate(
        """() => new Promise((resolve) => {
          document.addEventListener('securitypolicyviolation', ({ effectiveDirective }) => resolve(effectiveDirective))
          const script = document.createElement('script')
          script.append("document.title = 'broken'")
          document.head.append(script)
        })"""
    )
    assert blocked.startswith(("script-src", "require-trusted-types-for"))
    assert "broken" not in visitor.page.title()
    assert visitor.page.evaluate(
        "() => { try { document.body.innerHTML = '<i>x</i>'; return false } catch { return true } }"
    )
    # The browser notes each of them.
    policy = ("Content Security Policy", "TrustedHTML", "TrustedScript")
    visitor.complaints[:] = [one for one in visitor.complaints if not any(name in one for name in policy)]


def test_running_calls_failed_calls_and_figures_can_be_used_by_everybody(
    console: Console, stored: Console, visitor: Visitor
) -> None:
    """With a keyboard, a screen reader, on a telephone: each of the views, and a call that goes on while it is seen."""
    table, page = console.cloud.table, visitor.page
    put_live_call(table, next_seq=2, alerted=["urgent"], handovers=1)
    say(table, 1, HOSTILE_WORDS)
    reject(console, "call-9")
    page.clock.set_fixed_time(BEGIN + timedelta(days=2))  # the overview's days end with today
    visitor.sign_in()
    for view, heading in (("Overview", "Overview"), ("Operate", "Failed calls"), ("Live", "Calls that run")):
        page.set_viewport_size({"width": 1280, "height": 800})
        page.get_by_role("navigation", name="Views").get_by_role("link", name=view).press("Enter")
        page.get_by_role("heading", name=heading, level=1).wait_for()
        page.get_by_role("table").wait_for()
        assert page.evaluate("document.activeElement.tagName") == "H1"
        if view == "Overview":
            days = page.locator("figure").first.locator("rect")
            assert days.count() == 30, "days without calls are left out"
            assert days.and_(page.locator(".none")).count() == 29
            heights = [days.and_(page.locator(one)).first.bounding_box() for one in (".none", ".known")]
            assert all(box is not None and box["height"] >= 2 for box in heights)
            assert page.get_by_role("table").get_by_text("no calls").count() == 29 * 5
            assert page.locator("figure").first.locator(".scale li").all_inner_texts() == ["4", "2", "0"]
        assert not visitor.violations(), view
        for name, (width, height) in WIDTHS.items():
            page.set_viewport_size({"width": width, "height": height})
            assert visitor.overflow() <= 0, (view, name)
    page.get_by_role("table").get_by_role("link").press("Enter")
    page.get_by_text("I cannot see").wait_for()
    assert page.get_by_role("alert").get_by_text("urgent").is_visible()
    assert page.get_by_text("1 hand-over", exact=True).is_visible()
    gap = {"start": 8000, "end": 20000, "reason": "missing", "channel": None}
    doubtful = {"level": "doubtful", "reasons": ["gaps"]}
    put_live_call(table, next_seq=3, alerted=["urgent"], handovers=2, gaps=[gap], reliability=doubtful)
    say(table, 2, "Since this morning.", channel=1)
    page.get_by_text("Since this morning.").wait_for()
    page.get_by_text("2 hand-overs", exact=True).wait_for()
    assert page.get_by_text("doubtful so far").is_visible()
    assert page.locator(".turn.gap").count() == 1
    assert page.locator(".turns > .turn:not(.gap)").count() == 2
    assert not visitor.violations()
    assert not visitor.complaints


def test_an_admin_repeats_a_failed_call_with_the_keyboard(
    console: Console, visitor: Visitor, executions: Executions
) -> None:
    reject(console, "call-9")
    visitor.site.groups["ann"] = "[harbour admin]"
    visitor.sign_in()
    visitor.page.get_by_role("link", name="Operate").press("Enter")
    visitor.page.get_by_role("button", name="Repeat call call-9").press("Enter")
    visitor.page.get_by_text("It is being repeated.").wait_for()
    assert len(executions.started) == 1
    assert not visitor.complaints


def test_words_are_searched_for_with_the_keyboard_and_lead_to_where_they_were_said(
    visitor: Visitor, stored: Console
) -> None:
    stored.follow()
    visitor.sign_in()
    page = visitor.page
    page.get_by_role("link", name="Search", exact=True).click()
    query = page.get_by_role("searchbox")
    query.fill('"cancel my appointment"')
    query.press("Enter")
    page.get_by_text("1 call found: 4 calls searched.").wait_for()
    [shown] = page.locator(".found").all()
    assert shown.locator("mark").inner_text() == "cancel my appointment"
    assert "<img src=x onerror=" in shown.inner_text()
    assert "cancel" not in unquote(page.url)
    visitor.look_at_everything()
    page.get_by_text("may be missing until an operator has run callscribe index --all").wait_for()
    place = shown.locator(".places").get_by_role("link")
    place.focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Transcript", exact=True).wait_for()
    eventually(
        lambda: page.evaluate("document.activeElement.closest('.turn')?.innerText ?? ''").count("cancel my") == 1
    )
    page.go_back()
    page.get_by_text("1 call found: 4 calls searched.").wait_for()
    assert query.input_value() == '"cancel my appointment"'
    query.fill("of")
    query.press("Enter")
    page.get_by_text("That cannot be searched for.").wait_for()
    visitor.complaints[:] = [one for one in visitor.complaints if "400" not in one]  # the browser's own, of the answer
    query.fill("zeppelin")
    query.press("Enter")
    page.get_by_text("Nothing found: 4 calls searched.").wait_for()
    assert not visitor.violations()


def _channels(turns: Sequence[Turn], number: int) -> dict[str, Any]:
    """What Deepgram answers of a recording in so many channels, each speaker on one of their own."""
    heard = stereo(turns)
    of_channel = [[word for turn in turns if turn.speaker == one for word in words_of(turn)] for one in range(number)]
    heard["results"]["channels"] = [channel(words) for words in of_channel]
    heard["metadata"]["channels"] = number
    return heard


THIRD: Final = 2
LONG: Final = talk(*((turn.speaker, turn.text) for turn in APPOINTMENT * 250))
UNUSUAL: Final = {
    "nobody speaks": (silent(), "Nobody speaks."),
    "three channels": (
        _channels([*URGENT, *talk((THIRD, "This is the nurse, who listens as well."))], 3),
        "This is the nurse",
    ),
    "one voice": (mono(APPOINTMENT, diarized=False), "make an appointment"),
    "one channel": (mono(URGENT), "cataract surgery"),
    "an hour and more": (stereo(LONG), "glaucoma"),
}
"""What is heard of calls, and what the page says of it."""


@pytest.mark.parametrize("kind", UNUSUAL)
def test_a_call_that_is_not_as_usual_is_shown_as_what_is_known_of_it(
    console: Console, visitor: Visitor, kind: str
) -> None:
    heard, says = UNUSUAL[kind]
    console.store(heard=heard, content=SAMPLE.read_bytes())
    visitor.sign_in()
    visitor.open_call()
    main = visitor.page.get_by_role("main")
    main.get_by_text(says).first.wait_for()
    if kind in ("nobody speaks", "one voice"):
        assert "There is no score for this call." in main.inner_text()
        assert "not judged" in main.inner_text()
        assert "does not apply" not in main.inner_text()
        assert "0 % confidence" not in main.inner_text()
    _seen(visitor)


@pytest.mark.parametrize("name", ["v1/document", "v2/document", "v2/live-document", "v3/document", "v3/live-document"])
def test_a_call_that_was_stored_by_an_earlier_version_is_shown(console: Console, visitor: Visitor, name: str) -> None:
    version, document = name.split("/")
    folder = ROOT / "tests" / "golden" / version
    stored = json.loads((folder / f"{document.replace('document', 'transcript-item')}.json").read_text())
    item = {key: TypeDeserializer().deserialize(value) for key, value in stored.items()}
    item.pop("s3_key", None)  # its recording is gone
    listed = {"GSI2PK": item["PK"], "GSI2SK": f"{item['started_at'][:19]}Z#{item['call_id']}"}
    console.cloud.table.put_item(Item=listed | item)
    content = gzip.compress((folder / f"{document}.json").read_bytes())
    console.cloud.s3.put_object(Bucket="archive", Key=item["transcript_key"], Body=content)
    visitor.site.groups["ann"] = f"[{item['clinic_id']}]"
    visitor.sign_in()
    visitor.open_call()
    visitor.page.locator(".turn").first.wait_for()
    _seen(visitor)


def _seen(visitor: Visitor) -> None:
    visitor.page.get_by_text("The waveform is being drawn.").wait_for(state="detached")
    told = visitor.page.get_by_role("main").inner_text()
    assert not re.search(r"\b(NaN|undefined|null|Infinity|\[object)\b", told)
    visitor.look_at_everything()


PICTURES: Final = ("calls", "call", "roles", "review", "search", "live", "overview", "operate")
"""Views of which there are pictures in docs/pictures (`make pictures`)."""
_MOST_BYTES_OF_A_PICTURE: Final = 90_000


def _feed(socket: WebSocketRoute) -> None:
    """Speak as AppSync Events does to whoever follows a call, in which somebody is saying something."""
    saying = {"type": "interim", "channel": 0, "role": "customer", "text": "And should I", "start": 60.0, "end": 61.0}

    def answer(message: str | bytes) -> None:
        if json.loads(message)["type"] == "connection_init":
            socket.send(json.dumps({"type": "connection_ack", "connectionTimeoutMs": 300_000}))
        else:
            socket.send(json.dumps({"type": "subscribe_success", "id": "1"}))
            socket.send(json.dumps({"type": "data", "id": "1", "event": [json.dumps(saying)]}))

    socket.on_message(answer)


def test_pictures_of_every_view_are_taken(
    console: Console,
    visitor: Visitor,
    executions: Executions,
    function_environment: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """What the documentation shows: people, calls and figures are invented."""
    folder, table, page = Path(os.environ.get("CALLSCRIBE_PICTURES", tmp_path)), console.cloud.table, visitor.page
    function_environment.setenv("FEED_HTTP_URL", "https://feed.example.com/event")
    function_environment.setenv("FEED_REALTIME_URL", "wss://feed.example.com/event/realtime")
    page.route_web_socket("wss://feed.example.com/**", _feed)
    audio = SAMPLE.read_bytes()
    for number, turns in enumerate((URGENT, APPOINTMENT, BILLING, APPOINTMENT)):
        begin = BEGIN.replace(hour=BEGIN.hour - number)
        console.store(f"call-{number}", begin=begin, content=audio + bytes([number]), heard=stereo(turns))
    console.follow()
    _store_copies(console, 60)
    reject(console, "call-9")
    known: dict[str, Any] = {"gaps": [], "reliability": {"level": "high", "reasons": []}}
    put_live_call(table, next_seq=len(URGENT) + 1, alerted=["urgent"], handovers=1, ago=timedelta(minutes=1), **known)
    for seq, turn in enumerate(URGENT, start=1):
        say(table, seq, turn.text, channel=turn.speaker)
    visitor.site.groups["rita"] = "[harbour qa admin]"
    page.clock.set_fixed_time(BEGIN + timedelta(hours=3))

    def view(name: str) -> None:
        page.get_by_role("navigation", name="Views").get_by_role("link", name=name, exact=True).click()

    def picture(name: str, *, of: Locator | None = None, height: int = 560) -> None:
        """Take one; from a place on, where one is named."""
        page.set_viewport_size({"width": 800, "height": height})
        if of is None:
            page.evaluate("scrollTo(0, 0)")
        else:
            of.evaluate("place => place.scrollIntoView()")
        visitor.picture(folder / f"{name}.png")

    visitor.sign_in("rita")
    page.get_by_text("50 calls shown").wait_for()
    picture("calls", height=720)
    visitor.open_call()
    visitor.ready()
    page.get_by_text("The waveform is being drawn.").wait_for(state="detached")
    picture("call")
    page.get_by_role("button", name="Correct the roles").click()
    picture("roles", of=page.get_by_role("heading", name="Who is who", exact=True))
    page.get_by_role("button", name="Review the score").click()
    picture("review", of=page.locator(".review fieldset").first)
    view("Search")
    page.get_by_role("searchbox").fill("appointment")
    page.get_by_role("searchbox").press("Enter")
    page.locator(".found").first.wait_for()
    picture("search")
    view("Overview")
    page.locator("figure").first.wait_for()
    picture("overview")
    view("Operate")
    page.get_by_role("button", name="Repeat call call-9").wait_for()
    picture("operate")
    page.clock.set_fixed_time(datetime.now(UTC))
    view("Live")
    page.get_by_role("table").get_by_role("link").click()
    page.locator(".turn").nth(len(URGENT) - 1).wait_for()
    page.get_by_text("words come as they are said").wait_for()
    page.locator(".turn.interim").wait_for()
    picture("live", height=680)
    sizes = {path.stem: path.stat().st_size for path in folder.glob("*.png")}
    assert set(PICTURES) <= set(sizes)
    assert all(sizes[name] < _MOST_BYTES_OF_A_PICTURE for name in PICTURES), sizes


def _store_copies(console: Console, number: int) -> None:
    """List copies of the stored calls, some a day, with other scores; of them there are no words."""
    stored = [item for item in console.cloud.items() if item["SK"].startswith("TRANSCRIPT#")]
    with console.cloud.table.batch_writer() as batch:
        for index in range(number):
            item, begin = stored[index % len(stored)], BEGIN - timedelta(hours=4 + 9 * index)
            call_id, score = f"copy-{index:05}", 60 + index * 17 % 40
            batch.put_item(
                Item={
                    **item,
                    "SK": f"TRANSCRIPT#{begin.date()}#{call_id}",
                    "GSI1PK": f"CALL#{call_id}",
                    "GSI2SK": f"{begin:%Y-%m-%dT%H:%M:%SZ}#{call_id}",
                    "call_id": call_id,
                    "started_at": begin.isoformat(),
                    "quality": {**item["quality"], "score": score},
                }
            )
