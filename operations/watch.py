"""Follow live calls on a terminal: ``callscribe watch --environment Dev --clinic ID`` or ``--call ID``.

Words appear while they are spoken and may change until the speaker pauses. The feed brings them; what it does not
bring, and what was said before, is read from the table. What is printed are the words of callers: it is for the
terminal of somebody who may read them.

A call's own command ends with the call, a clinic's with Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from callscribe.contract.identifiers import feed_channel
from callscribe.contract.outputs import DeploymentOutput
from callscribe.live.call import LiveStatus
from callscribe.table_values import plain

from . import environment
from .environment import Environment
from .exit_status import ExitStatus
from .live_calls import LiveCallStore
from .live_feed import FeedUnavailable, Subscriptions, listen
from .live_transcript import LiveTranscript
from .rendering import at_least_seconds, but_for, is_proven, live_reliability, live_status, reasons_of, utterance_line
from .role_names import role_names
from .terminal import JSON_VERSION, add_json_argument, complain, output, reports_errors

_RECEIVE_SECONDS = 0.25
# How often the table is asked for new calls, for ends, and for words that the feed lost.
_LOOK_SECONDS = 2.0
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 15.0
_ENDED = (LiveStatus.COMPLETED, LiveStatus.FAILED)


class Screen(Protocol):
    """Where a watcher shows what it sees."""

    def line(self, text: Text) -> None:
        """Show something that stays."""

    def interims(self, lines: Sequence[Text]) -> None:
        """Show what is being said right now, in place of what was shown before."""


class _Lines:
    """Shows what stays, for what is no terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def line(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True)

    def interims(self, lines: Sequence[Text]) -> None:
        pass


class _Silent:
    """Shows nothing, where what happens is printed as data."""

    def line(self, text: Text) -> None:
        pass

    def interims(self, lines: Sequence[Text]) -> None:
        pass


class _Terminal:
    """Shows what is being said below what has been said."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def line(self, text: Text) -> None:
        self._live.console.print(text)

    def interims(self, lines: Sequence[Text]) -> None:
        self._live.update(Group(*lines))


@contextmanager
def screen_on(console: Console) -> Iterator[Screen]:
    """A screen on a console: words that change in place on a terminal, plain lines elsewhere."""
    if console.is_terminal:
        with Live(console=console, refresh_per_second=8, transient=True) as live:
            yield _Terminal(live)
    else:
        yield _Lines(console)


class _Followed:
    """A call that is being watched."""

    def __init__(self, item: Mapping[str, Any], store: LiveCallStore) -> None:
        self.item = item
        self.call_id = str(item["call_id"])
        self.channel = feed_channel(str(item["clinic_id"]), self.call_id)
        self.transcript = LiveTranscript(lambda last: store.utterances(self.call_id, after=last))
        self.shown: tuple[Any, ...] | None = None
        self.doubt_shown: Text | None = None
        self.alerts_shown: frozenset[str] = frozenset()

    @property
    def ended(self) -> bool:
        return self.item["status"] in _ENDED

    def alert(self) -> Text | None:
        """What cannot wait and has just been told, with how far that can be relied on."""
        new = frozenset(self.item.get("alerted") or ()) - self.alerts_shown
        self.alerts_shown |= new
        if not new:
            return None
        names = ", ".join(sorted(name.replace("_", " ") for name in new))
        return Text(f"call {self.call_id}: {names} (reliability {live_reliability(self.item)})", "bold red")

    def doubt(self) -> Text | None:
        """Whether the call can be relied on so far, where that is known and was not said before."""
        if self.ended or not self.item.get("reliability"):
            return None
        text = Text(f"call {self.call_id}: reliability {live_reliability(self.item)}", "yellow")
        before, self.doubt_shown = self.doubt_shown, text
        return None if before == text else text

    def news(self) -> Text | None:
        """How the call stands, unless that was said before."""
        item = self.item
        status, epoch = live_status(item), int(item.get("epoch", 0))
        before, self.shown = self.shown, (status, epoch)
        if before == self.shown:
            return None
        if status == LiveStatus.STREAMING:
            handed_over = before is not None and epoch > 1
            return Text(f"call {self.call_id}: {'another streamer goes on' if handed_over else 'streaming'}", "yellow")
        if status == LiveStatus.COMPLETED:
            return Text(f"call {self.call_id}: {_end(item)}", "bold green" if is_proven(item) else "bold yellow")
        if status == LiveStatus.FAILED:
            return Text(f"call {self.call_id}: failed, {item.get('error_code')}", "bold red")
        return Text(f"call {self.call_id}: {status}", "yellow")


def _end(item: Mapping[str, Any]) -> str:
    length = (
        f"{float(item['duration_seconds']):.0f} s, ended by {item['end_reason']}; reliability {live_reliability(item)}"
    )
    if is_proven(item):
        return f"completed, nothing missing{but_for(item)} ({length})"
    reasons = ", ".join(reasons_of(item))
    return f"completed, but incomplete: {reasons} (at least {at_least_seconds(item):.0f} s of {length})"


class Watcher:
    """Shows live calls while they run.

    Args:
        target: The environment.
        screen: Where to show them.
        clinic_id: Whose calls. Default: only the one call.
        call_id: A single call. Default: all of the clinic.
        record: Told of each utterance and of each change of a call's state, as data.
    """

    def __init__(
        self,
        target: Environment,
        screen: Screen,
        *,
        clinic_id: str | None = None,
        call_id: str | None = None,
        record: Callable[[Mapping[str, Any]], None] = lambda _: None,
    ) -> None:
        self._record = record
        self._target = target
        self._screen = screen
        self._clinic_id = clinic_id
        self._names = role_names(target)
        self._store = LiveCallStore(target.table())
        self._calls: dict[str, _Followed] = {}
        self._only = call_id
        self._look_at = 0.0

    @property
    def items(self) -> Mapping[str, Mapping[str, Any]]:
        """The states of the calls that were watched, by call id."""
        return {call_id: call.item for call_id, call in self._calls.items()}

    def steps(self) -> Iterator[None]:
        """Watch, and yield several times a second so that the caller may do something else or leave.

        Ends when the single call has ended; never for a clinic. A feed that cannot be reached is asked again and
        again, while the table goes on being read.
        """
        pause, told = _FIRST_PAUSE_SECONDS, set[str]()
        while not self._done():
            try:
                with listen(self._target) as feed:
                    pause = _FIRST_PAUSE_SECONDS
                    yield from self._follow(feed)
            except FeedUnavailable as error:
                if str(error) not in told:
                    self._screen.line(Text(f"{error}; reading the table", "dim"))
                    self._record({"type": "notice", "text": f"{error}; reading the table"})
                    told.add(str(error))
                yield from self._without_feed(pause * random.uniform(0.5, 1.0))  # noqa: S311
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    def _follow(self, feed: Subscriptions) -> Iterator[None]:
        subscribed: dict[str, _Followed] = {}
        while not self._look():
            for call in self._calls.values():
                if not call.ended and call not in subscribed.values():
                    subscribed[feed.subscribe(call.channel)] = call
            number, event = feed.receive(_RECEIVE_SECONDS) or ("", {})
            if number in subscribed:
                self._take(subscribed[number], event)
            for number in [number for number, call in subscribed.items() if call.ended]:
                feed.unsubscribe(number)
                del subscribed[number]
            yield

    def _without_feed(self, seconds: float) -> Iterator[None]:
        until = time.monotonic() + seconds
        while not self._look():
            yield
            if time.monotonic() > until:
                return
            time.sleep(_RECEIVE_SECONDS)

    def _take(self, call: _Followed, event: Mapping[str, Any]) -> None:
        if event["type"] == "state":
            self._look_at = 0.0  # the table knows more about it
        else:
            if event.get("reliability"):
                call.item = {**call.item, "reliability": event["reliability"]}
            self._say(call, call.transcript.take(event))
            self._say_standing(call)

    def _look(self) -> bool:
        """Ask the table, from time to time, for calls and what the feed has not brought; returns if all is over."""
        if time.monotonic() < self._look_at:
            return False
        self._look_at = time.monotonic() + _LOOK_SECONDS
        for item in self._items():
            if item["call_id"] not in self._calls:
                self._calls[item["call_id"]] = _Followed(item, self._store)
        for call in self._calls.values():
            if not call.ended or call.shown is None:
                self._refresh(call)
        return self._done()

    def _refresh(self, call: _Followed) -> None:
        call.item = self._store.call(call.call_id) or call.item
        self._say(call, call.transcript.catch_up())
        self._say_standing(call)
        if (news := call.news()) is not None:
            self._screen.line(news)
            self._record({"type": "state", "call_id": call.call_id, **_attributes(call.item)})

    def _items(self) -> list[dict[str, Any]]:
        if self._clinic_id is not None:
            return list(self._store.running(self._clinic_id))
        item = None if self._only is None else self._store.call(self._only)
        return [] if item is None else [item]

    def _say(self, call: _Followed, utterances: Sequence[Mapping[str, Any]]) -> None:
        # First, so that nothing is shown twice.
        self._screen.interims(
            [
                utterance_line(interim, call_id=self._name(other), interim=True, names=self._names)
                for other in self._calls.values()
                for interim in other.transcript.interims
                if not other.ended
            ]
        )
        for utterance in utterances:
            self._screen.line(utterance_line(utterance, call_id=self._name(call), names=self._names))
            self._record({"type": "utterance", "call_id": call.call_id, **_attributes(utterance)})

    def _say_standing(self, call: _Followed) -> None:
        for news in (call.doubt(), call.alert()):
            if news is not None:
                self._screen.line(news)

    def _name(self, call: _Followed) -> str | None:
        return None if self._only else call.call_id

    def _done(self) -> bool:
        call = self._calls.get(self._only or "")
        return call is not None and call.ended and call.shown is not None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    environment.add_arguments(
        parser, DeploymentOutput.TABLE, DeploymentOutput.FEED_HTTP, DeploymentOutput.FEED_REALTIME
    )
    wanted = parser.add_mutually_exclusive_group()
    wanted.add_argument(
        "--clinic", metavar="ID", help="the clinic's calls that are running or begin; default: the deployment's default"
    )
    wanted.add_argument("--call", metavar="ID", help="one call, to its end")
    add_json_argument(parser)


@reports_errors
def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    target = environment.connect(arguments)
    if arguments.call and LiveCallStore(target.table()).call(arguments.call) is None:
        complain("there is no such live call")
        return ExitStatus.NOT_FOUND
    clinic_id = arguments.clinic
    if not (arguments.call or clinic_id):
        clinic_id = target.default_clinic()
        complain(f"following the calls of {clinic_id}")
    try:
        if arguments.json:
            return _finish(Watcher(target, _Silent(), clinic_id=clinic_id, call_id=arguments.call, record=_print_line))
        return follow(output(), target, clinic_id=clinic_id, call_id=arguments.call)
    except KeyboardInterrupt:
        return ExitStatus.DONE  # how the calls of a clinic are left


def follow(console: Console, target: Environment, *, clinic_id: str | None, call_id: str | None) -> int:
    """Show live calls until the single call has ended; returns the exit status."""
    with screen_on(console) as screen:
        return _finish(Watcher(target, screen, clinic_id=clinic_id, call_id=call_id))


def _finish(watcher: Watcher) -> int:
    for _ in watcher.steps():
        pass
    failed = any(item["status"] == LiveStatus.FAILED for item in watcher.items.values())
    return ExitStatus.INCOMPLETE if failed else ExitStatus.DONE


def _print_line(record: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps({"schema_version": JSON_VERSION, **record}, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _attributes(item: Mapping[str, Any]) -> dict[str, Any]:
    """What the table or the feed has of something, without the keys that only the table needs."""
    keys = ("PK", "SK", "GSI1PK", "GSI1SK", "GSI2PK", "GSI2SK", "type", "call_id")
    return {name: plain(value) for name, value in item.items() if name not in keys}
