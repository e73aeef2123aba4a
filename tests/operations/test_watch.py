"""Following live calls: what the screen shows, with the feed and without."""

import contextlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text

from callscribe.contract.outputs import DeploymentOutput
from callscribe.contract.table_keys import live_call_key, utterance_key
from callscribe.live.call import LiveStatus
from operations import watch
from operations.command_line import main
from operations.environment import Environment
from operations.live_feed import FeedUnavailable
from operations.watch import Watcher
from tests.operations.conftest import SESSION, Deployed

CALL, CLINIC = "call-1", "harbour"


class Screen:
    """Remembers what was shown."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.interim: list[str] = []

    def line(self, text: Text) -> None:
        self.lines.append(text.plain)

    def interims(self, lines: Sequence[Text]) -> None:
        self.interim = [text.plain for text in lines]


class Feed:
    """A feed whose events happen one at a time, each after something has happened in the table."""

    def __init__(self, *happenings: Callable[[], Mapping[str, Any] | None]) -> None:
        self.happenings = list(happenings)
        self.channels: list[str] = []

    def subscribe(self, channel: str) -> str:
        self.channels.append(channel)
        return str(len(self.channels))

    def unsubscribe(self, number: str) -> None:
        pass

    def receive(self, _timeout: float) -> tuple[str, Mapping[str, Any]] | None:
        event = self.happenings.pop(0)()
        return None if event is None else ("1", event)


class Calls:
    """Live calls in the table."""

    def __init__(self, deployed: Deployed) -> None:
        self.table = deployed.table

    def stands(self, call_id: str = CALL, *, status: LiveStatus = LiveStatus.STREAMING, **fields: Any) -> None:
        day = datetime.now(UTC).date().isoformat()
        key = live_call_key(call_id, clinic_id=CLINIC, day=day).attributes()
        item: dict[str, Any] = {
            "type": "live-call",
            "call_id": call_id,
            "clinic_id": CLINIC,
            "status": status,
            "epoch": 1,
            **fields,
        }
        self.table.put_item(Item={**key, **item})

    def ended(self, call_id: str = CALL, *, complete: bool = True, **fields: Any) -> None:
        figures: dict[str, Any] = {
            "duration_seconds": Decimal(48),
            "end_reason": "disconnected",
            "complete": complete,
            "incomplete_reasons": [],
            "intervals": [{"start_ms": Decimal(1_000), "end_ms": Decimal(49_000)}],
            "beginning": {"missing": False},
            "end": {"missing": False},
            "epoch": 2,
        }
        self.stands(call_id, status=LiveStatus.COMPLETED, **{**figures, **fields})

    def said(self, seq: int, text: str, call_id: str = CALL) -> dict[str, Any]:
        """Store an utterance; returns its event."""
        words: dict[str, Any] = {
            "seq": seq,
            "channel": 0,
            "role": "customer",
            "text": text,
            "start": seq,
            "end": seq + 1,
        }
        self.table.put_item(Item={**utterance_key(call_id, seq).attributes(), **words})
        return {"type": "final", **words}


@pytest.fixture
def calls(deployed: Deployed) -> Calls:
    return Calls(deployed)


@pytest.fixture
def target(deployed: Deployed) -> Environment:
    return Environment(name="Dev", outputs=deployed.outputs, session=SESSION)


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_LOOK_SECONDS", 0.0)
    monkeypatch.setattr(watch, "_RECEIVE_SECONDS", 0.0)


def run(watcher: Watcher, feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.contextmanager
    def listen(_target: Environment) -> Iterator[Feed]:
        yield feed

    monkeypatch.setattr(watch, "listen", listen)
    for _ in watcher.steps():
        pass


def test_a_call_is_followed_from_what_was_said_before_to_its_end(
    calls: Calls, target: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls.stands()
    calls.said(1, "hello")
    screen = Screen()
    feed = Feed(lambda: calls.said(2, "my eye"), lambda: calls.said(3, "hurts"), lambda: calls.ended())

    run(Watcher(target, screen, call_id=CALL), feed, monkeypatch)

    assert feed.channels == [f"/calls/{CLINIC}/{CALL}"]
    assert [line.split("  ")[-1].strip() for line in screen.lines] == [
        "hello",
        f"call {CALL}: streaming",
        "my eye",
        "hurts",
        f"call {CALL}: completed, nothing missing (48 s, ended by disconnected; reliability unknown)",
    ]


def test_what_the_feed_loses_is_read_from_the_table(
    calls: Calls, target: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls.stands()
    screen = Screen()

    def lost() -> None:
        calls.said(1, "lost")
        calls.said(2, "lost too")

    run(Watcher(target, screen, call_id=CALL), Feed(lost, lambda: calls.ended()), monkeypatch)

    assert [line.split("  ")[-1].strip() for line in screen.lines][1:3] == ["lost", "lost too"]


def test_another_streamer_and_an_incomplete_end_are_named(
    calls: Calls, target: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls.stands(status=LiveStatus.ANNOUNCED, epoch=0)
    screen = Screen()
    feed = Feed(
        lambda: calls.stands(),
        lambda: calls.stands(epoch=2),
        lambda: calls.stands(status=LiveStatus.RELEASED, epoch=2),
        lambda: calls.ended(complete=False, incomplete_reasons=["gap-missing"], epoch=3),
    )

    run(Watcher(target, screen, call_id=CALL), feed, monkeypatch)

    assert [line.partition(": ")[2] for line in screen.lines] == [
        "waiting for a streamer",
        "streaming",
        "another streamer goes on",
        "being handed over",
        "completed, but incomplete: gap-missing (at least 48 s of 48 s, ended by disconnected; reliability unknown)",
    ]


def test_what_is_being_said_is_shown_until_it_is_final(
    calls: Calls, target: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls.stands()
    screen, shown = Screen(), list[list[str]]()
    interim = {"type": "interim", "channel": 0, "role": "customer", "text": "my ey", "start": 1, "end": 1.5}

    def final() -> dict[str, Any]:
        shown.append(screen.interim)
        return calls.said(1, "my eye")

    def end() -> None:
        shown.append(screen.interim)
        calls.ended()

    run(Watcher(target, screen, call_id=CALL), Feed(lambda: interim, final, end), monkeypatch)

    assert [[line.split("  ")[-1] for line in lines] for lines in shown] == [["my ey"], []]


def test_how_far_a_call_can_be_relied_on_is_shown_when_it_changes(
    calls: Calls, target: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls.stands()
    screen = Screen()
    short, high = {"level": "doubtful", "reasons": ["short"]}, {"level": "high", "reasons": []}

    def said(seq: int, reliability: Mapping[str, Any]) -> Mapping[str, Any]:
        calls.stands(reliability=reliability)
        return {**calls.said(seq, "my eye"), "reliability": reliability}

    def lost() -> None:
        said(4, {"level": "unusable", "reasons": ["low-confidence", "short"]})

    feed = Feed(
        lambda: said(1, short),
        lambda: said(2, short),
        lambda: said(3, high),
        lost,
        lambda: calls.ended(reliability={"level": "doubtful", "reasons": ["gaps"]}),
    )
    run(Watcher(target, screen, call_id=CALL), feed, monkeypatch)

    assert [line.partition(": ")[2] for line in screen.lines if line.startswith("call ")] == [
        "streaming",
        "reliability doubtful so far: short",
        "reliability high so far",
        "reliability unusable so far: low-confidence, short",
        "completed, nothing missing (48 s, ended by disconnected; reliability doubtful: gaps)",
    ]


def test_what_cannot_wait_is_shown_once_with_how_far_it_can_be_relied_on(
    calls: Calls, target: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls.stands()
    screen = Screen()
    short = {"level": "doubtful", "reasons": ["short"]}

    def told() -> Mapping[str, Any]:
        calls.stands(reliability=short, alerted=["urgent"])
        return {**calls.said(1, "flashes"), "reliability": short}

    feed = Feed(told, told, lambda: calls.ended(reliability=short, alerted=["urgent"]))
    run(Watcher(target, screen, call_id=CALL), feed, monkeypatch)

    assert [line for line in screen.lines if "urgent" in line] == [
        f"call {CALL}: urgent (reliability doubtful so far: short)"
    ]


def test_without_the_feed_the_table_is_read(calls: Calls, target: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    calls.stands()
    screen, tries = Screen(), list[None]()

    def listen(_target: Environment) -> Any:
        tries.append(None)
        if len(tries) == 3:
            calls.said(1, "hello")
            calls.ended()
        raise FeedUnavailable("the feed cannot be reached: ConnectionRefusedError")

    monkeypatch.setattr(watch, "listen", listen)
    monkeypatch.setattr(watch, "_FIRST_PAUSE_SECONDS", 0.0)
    for _ in Watcher(target, screen, call_id=CALL).steps():
        pass

    assert screen.lines.count("the feed cannot be reached: ConnectionRefusedError; reading the table") == 1
    assert any(line.endswith("hello") for line in screen.lines)


def test_a_clinic_is_followed_call_by_call(calls: Calls, target: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    calls.stands("one")
    screen = Screen()

    class Left(Exception):
        pass

    def leave() -> None:
        raise Left

    feed = Feed(lambda: calls.stands("two"), lambda: calls.said(1, "hello", "two") and None, leave)
    with pytest.raises(Left):
        run(Watcher(target, screen, clinic_id=CLINIC), feed, monkeypatch)

    assert feed.channels == [f"/calls/{CLINIC}/one", f"/calls/{CLINIC}/two"]
    assert screen.lines[-1].startswith("two  ")


def test_an_unknown_call_is_said_to_be_none(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", *deployed.arguments, "--call", "nobody"]) == 4
    assert "there is no such live call" in capsys.readouterr().err


def clinics_watched(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, *arguments: str, default_clinic_id: str | None
) -> list[str | None]:
    if default_clinic_id is not None:
        deployed.outputs[DeploymentOutput.DEFAULT_CLINIC] = default_clinic_id
        deployed.write_outputs()
    watched: list[str | None] = []

    def follow(*_: Any, clinic_id: str | None, call_id: str | None) -> int:
        watched.append(clinic_id)
        return 0

    monkeypatch.setattr(watch, "follow", follow)
    assert main(["watch", *deployed.arguments, *arguments]) == 0
    return watched


def test_without_a_name_the_calls_of_the_deployments_default_clinic_are_followed(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert clinics_watched(deployed, monkeypatch, default_clinic_id="main") == ["main"]
    assert "following the calls of main" in capsys.readouterr().err
    assert clinics_watched(deployed, monkeypatch, "--clinic", "west", default_clinic_id="main") == ["west"]


def test_without_a_default_clinic_one_has_to_be_named(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        clinics_watched(deployed, monkeypatch, default_clinic_id=None)
    assert "name one with --clinic" in capsys.readouterr().err


def test_what_is_no_terminal_gets_plain_lines() -> None:
    file = io.StringIO()
    with watch.screen_on(Console(file=file, width=10)) as screen:
        screen.interims([Text("may change")])
        screen.line(Text("a line that is longer than the screen"))

    assert file.getvalue() == "a line that is longer than the screen\n"


def test_a_terminal_shows_what_may_change_below_what_stays() -> None:
    file = io.StringIO()
    with watch.screen_on(Console(file=file, width=60, force_terminal=True)) as screen:
        screen.interims([Text("may change")])
        screen.line(Text("stays"))

    assert "may change" in file.getvalue()
    assert "stays" in file.getvalue()
