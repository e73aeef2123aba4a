"""Calls that are transcribed while they run, on the deployed stacks, by streamers in processes of their own.

Who speaks says numbers, each once. So an undisturbed run is known exactly, and every other run must be like it.
"""

import contextlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import pytest
from playwright.sync_api import Page
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from callscribe.contract.identifiers import feed_channel
from callscribe.contract.outputs import DeploymentOutput
from callscribe.contract.table_keys import clinic_key
from local.browser import NoBrowser, browser
from local.connect import CALLER_NUMBER, PhoneCall
from local.console import Person
from local.pictures import sign_in
from local.streamers import Streamer
from operations.command_line import main as callscribe
from operations.live_feed import listen
from tests.browser import Looks, without_browser
from tests.emulator.console_client import ConsoleClient
from tests.emulator.deployment import CLINIC, Deployment
from tests.emulator.live_calls import LiveCalls, frames_of, numbers, write_call
from tests.emulator.test_privacy import phrases_of, traces
from tests.patience import PATIENCE_SECONDS, eventually

pytestmark = pytest.mark.emulator

Utterances = list[tuple[str, str, float, float]]


@pytest.fixture(scope="module")
def live(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCalls]:
    calls = LiveCalls(deployment, write_call(tmp_path_factory.mktemp("live") / "numbers.wav"))
    with calls.speech():
        yield calls


@pytest.fixture(scope="module")
def first(live: LiveCalls) -> Streamer:
    """The streamer that is there from the beginning."""
    return live.streamer("first")


@pytest.fixture(scope="module")
def second(live: LiveCalls, undisturbed: Utterances) -> Streamer:
    """The one that takes over from the first."""
    return live.streamer("second")


@pytest.fixture(scope="module")
def undisturbed(live: LiveCalls, first: Streamer) -> Utterances:
    """What is understood when nothing happens to a call, which also the feed brings."""
    heard: dict[int, Mapping[str, Any]] = {}
    interims = 0
    with listen(live.deployment.environment) as feed:
        call = live.ring()
        feed.subscribe(feed_channel(call.clinic_id, call.contact_id))

        def completed() -> bool:
            nonlocal interims
            _, event = feed.receive(1.0) or ("", {"type": "nothing"})
            interims += event["type"] == "interim"
            if event["type"] == "final":
                heard[event["seq"]] = event
            return bool(event["type"] == "state" and event["status"] == "completed")

        live.spoken(call, utterances=1)
        call.wait(seconds=PATIENCE_SECONDS)
        call.disconnect()
        eventually(completed)
    state = live.state(call)
    assert (state["status"], state["complete"], state["end_reason"]) == ("completed", True, "disconnected")
    utterances = live.utterances(call)
    stored = live.store.utterances(call.contact_id)
    assert [heard[int(item["seq"])]["text"] for item in stored] == [item["text"] for item in stored]
    assert interims
    return utterances


def test_every_number_is_understood_once_and_as_who_said_it(undisturbed: Utterances) -> None:
    for role in ("customer", "agent"):
        assert numbers(undisturbed, role) == frames_of(role)


def test_a_call_becomes_a_transcript_that_makes_its_recording_needless(
    live: LiveCalls, undisturbed: Utterances
) -> None:
    caller = live.callers[0]
    event = eventually(lambda: next((e for e in live.deployment.announced() if is_about(e, caller.contact_id)), None))

    recorded = caller.deliver_recording()

    detail = event["detail"]
    assert (detail["source"], detail["complete"], detail["gaps"]) == ("live", True, 0)
    (claim,) = live.deployment.ended(recorded)
    assert (claim["status"], claim["covered_reason"]) == ("covered", "live-complete")
    transcript = live.deployment.transcript(recorded)
    assert [utterance["role"] for utterance in transcript["utterances"]].count("customer") > 1
    assert transcript["word_count"] == len(frames_of("customer") + frames_of("agent"))


def test_a_call_stays_with_its_clinic_whatever_flow_and_prefix_say_later(
    live: LiveCalls, undisturbed: Utterances
) -> None:
    call = live.ring(clinic_id="west")
    live.spoken(call, utterances=1)
    assert call.announce(clinic_id=CLINIC)["live_transcription"] == "started"
    live.finished(call)
    eventually(lambda: any(is_about(event, call.contact_id) for event in live.deployment.announced()))

    recorded = call.deliver_recording(among=CLINIC)

    (claim,) = live.deployment.ended(recorded)
    assert (claim["status"], claim["clinic_id"], claim["clinic_source"]) == ("covered", "west", "parameter")
    store = live.deployment.environment.table()
    decision: dict[str, Any] = store.get_item(Key=clinic_key(call.contact_id).primary())["Item"]
    assert set(decision["conflicts"]) == {f"parameter#{CLINIC}", f"prefix#{CLINIC}"}
    assert {item["clinic_id"] for item in live.store.utterances(call.contact_id)} == {"west"}
    assert live.utterances(call) == undisturbed


def test_a_call_that_is_over_is_shown_from_its_beginning(
    live: LiveCalls, undisturbed: Utterances, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CALLSCRIBE_EMULATOR_PORT", str(live.deployment.session.emulator.port))

    assert callscribe(["watch", "--environment", "Local", "--call", live.callers[0].contact_id]) == 0

    *lines, end = capsys.readouterr().out.splitlines()
    assert [line.rpartition("  ")[2] for line in lines] == [
        item["text"] for item in live.store.utterances(live.callers[0].contact_id)
    ]
    assert "completed, nothing missing" in end


def is_about(event: dict[str, Any], call_id: str) -> bool:
    return bool(event["detail-type"] == "Live Call Transcribed" and event["detail"]["call_id"] == call_id)


@dataclass(kw_only=True)
class Watched:
    """What somebody saw who watched a call in the console.

    Attributes:
        saying: Words that were just being said, which the feed alone has.
        said: The lines that the page had in the end, in its order.
        events: Types of the events that the feed brought after the hand-over.
        told: What it told of the call in the end.
        complaints: What the browser complained of.
    """

    saying: str = ""
    said: list[str] = field(default_factory=list)
    told: str = ""
    events: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


class Fed:
    """Types of the events that a page gets from the feed."""

    def __init__(self, page: Page) -> None:
        self.events: list[str] = []
        page.on("websocket", lambda socket: socket.on("framereceived", self._note))

    def _note(self, frame: str | bytes) -> None:
        message = json.loads(frame)
        if message["type"] == "data":
            self.events.append(json.loads(message["event"])["type"])


@dataclass(frozen=True, kw_only=True)
class TakenOver:
    """A call whose streamer was killed while it ran.

    Attributes:
        call: The call.
        state: What became of it.
        watched: What was seen of it; None where there is no browser.
    """

    call: PhoneCall
    state: Mapping[str, Any]
    watched: Watched | None


@pytest.fixture(scope="module")
def taken_over(
    live: LiveCalls, undisturbed: Utterances, first: Streamer, second: Streamer, people: dict[str, Person]
) -> TakenOver:
    # Both are idle: whoever takes the call, the other one is to finish it.
    with contextlib.ExitStack() as stack:
        page = watched = None
        with contextlib.suppress(NoBrowser):
            page = stack.enter_context(browser()).new_page(locale="en-US")
            page.set_default_timeout(PATIENCE_SECONDS * 1000)
            url = live.deployment.environment.output(DeploymentOutput.CONSOLE_URL)
            sign_in(page, url, people["ann"])
            looks, watched, fed = Looks(page), Watched(), Fed(page)
        call = live.ring()
        live.spoken(call, utterances=1)
        if page and watched:
            page.get_by_role("link", name="Live", exact=True).click()
            page.get_by_role("table").locator(f"a[href*='{call.contact_id}']").click()
            watched.saying = page.locator(".interim p", has_text=re.compile(r"\S")).first.inner_text()
        live.spoken(call, utterances=3)
        holder = next(s for s in (first, second) if f"-{s.pid}/" in live.state(call)["lease_owner"])

        holder.kill()

        if page and watched:
            page.get_by_text("1 hand-over", exact=True).wait_for()
            fed.events.clear()
        (state,) = live.finished(call)
        if page and watched:
            page.get_by_role("link", name="Open the call").wait_for()
            watched.said = page.get_by_role("log").locator(".turn p").all_text_contents()
            watched.told = page.get_by_role("status").inner_text()
            watched.events, watched.complaints = fed.events, looks.complaints
    holder.start()
    return TakenOver(call=call, state=state, watched=watched)


def test_a_streamer_that_is_killed_in_mid_call_costs_and_repeats_nothing(
    live: LiveCalls, undisturbed: Utterances, taken_over: TakenOver
) -> None:
    state = taken_over.state
    assert (state["status"], state["complete"], state["handovers"]) == ("completed", True, 1)
    assert live.utterances(taken_over.call) == undisturbed


def test_who_watches_a_call_reads_it_as_it_is_said_and_each_word_once_though_its_streamer_is_killed(
    live: LiveCalls, taken_over: TakenOver
) -> None:
    watched = taken_over.watched
    if watched is None:
        without_browser()
    stored = sorted(live.store.utterances(taken_over.call.contact_id), key=lambda item: (item["start"], item["seq"]))
    assert watched.said == [item["text"] for item in stored]
    assert watched.saying
    assert {"interim", "final"} <= set(watched.events)
    for fact in ("has ended", "1 hand-over", "no gap noted"):
        assert fact in watched.told
    # Among them would be every breach of the page's policy, and each address that it does not admit.
    assert not watched.complaints


def test_a_streamer_that_is_stopped_hands_all_its_calls_over(
    live: LiveCalls, undisturbed: Utterances, first: Streamer, second: Streamer
) -> None:
    second.stop()
    calls = [live.ring() for _ in range(3)]
    for call in calls:
        live.spoken(call, utterances=2)
    second.start()

    first.stop()

    states = live.finished(*calls)
    assert [(state["status"], state["complete"]) for state in states] == [("completed", True)] * 3
    assert [int(state["handovers"]) for state in states] == [1] * 3
    for call in calls:
        assert live.utterances(call) == undisturbed


@contextlib.contextmanager
def refusing_speech() -> Iterator[str]:
    """A speech service that lets nobody in, as one does whose bill was not paid."""

    def refuse(connection: ServerConnection, _: Request) -> Response:
        return connection.respond(HTTPStatus.PAYMENT_REQUIRED, "")

    with serve(lambda _: None, "127.0.0.1", 0, process_request=refuse) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        thread.join()


def test_an_admin_of_the_clinic_has_a_failed_live_call_followed_from_where_it_was_left(
    live: LiveCalls, undisturbed: Utterances, first: Streamer, second: Streamer, people: dict[str, Person]
) -> None:
    environment = live.deployment.environment
    kept = f"{environment.output(DeploymentOutput.MEDIA_STREAM_PREFIX)}-contact-kept"
    environment.client("kinesisvideo").create_stream(StreamName=kept, DataRetentionInHours=24)
    first.stop()
    second.stop()
    with refusing_speech() as speech:
        refused = live.streamer("refused", speech=speech)
        call = live.ring(stream=kept)
        live.until(call, lambda state: state.get("status") == "failed")
        refused.stop()
    first.start()
    second.start()
    console = ConsoleClient(environment.output(DeploymentOutput.CONSOLE_URL))
    console.sign_in("carol", people["carol"].password)
    clinic = f"api/clinics/{CLINIC}"
    [row] = [row for row in console.get(f"{clinic}/failed").json["calls"] if row["call_id"] == call.contact_id]
    assert (row["source"], row["repeatable"]) == ("live", True)
    assert console.ask("POST", f"{clinic}/live/{call.contact_id}/redrive").status == 202
    live.until(call, lambda state: state["status"] != "failed")
    [state] = live.finished(call)
    assert (state["status"], state["complete"]) == ("completed", True)
    assert live.utterances(call) == undisturbed
    assert call.contact_id not in {row["call_id"] for row in console.get(f"{clinic}/failed").json["calls"]}


def test_no_word_number_or_key_of_a_live_call_leaves_table_archive_and_feed(
    live: LiveCalls, undisturbed: Utterances
) -> None:
    told = dict(traces(live.deployment))
    for number, log in enumerate({*live.logs, live.speech_log, live.deployment.session.media.log}):
        told["streaming", number] = log.read_text(errors="replace")
    environment = live.deployment.environment
    for output in ("LiveCallsQueueUrl", "FailedLiveCallsQueueUrl"):
        for number, body in enumerate(live.deployment.peek(environment.output(output))):
            told[output, number] = body

    assert {"log", "event", "emulator", "streaming"} <= {name for name, _ in told}
    assert any("CallsCompleted" in text for (name, _), text in told.items() if name == "streaming")
    phrases = {phrase for _, text, _, _ in undisturbed for phrase in phrases_of(text)}
    assert len(phrases) > 20
    for place, text in told.items():
        assert phrases.isdisjoint(phrases_of(text)), place
        assert live.deployment.session.key not in text, place
        assert CALLER_NUMBER.removeprefix("+1") not in text, place
        assert "X-Amz-Security-Token" not in text, place
