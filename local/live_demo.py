"""The live half of ``make demo``: words while the caller speaks, a streamer that dies in mid-call, and the proof.

Two streamers run. The one that has the call is killed (SIGKILL) while the caller speaks; the other goes on where the
words that are stored end. Afterwards every turn of the script must be there, once.
"""

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from callscribe.live.call import LiveStatus
from local.calls import Call, CallFailed, TooSlow, claim_item
from local.connect import Instance, PhoneCall
from local.ring import CLINIC, end
from local.session import LocalSession
from local.streamers import Streamer
from operations.call_store import CallStore
from operations.live_calls import LiveCallStore
from operations.rendering import calls_table
from operations.watch import Watcher, screen_on

_KILL_AFTER_SECONDS = 18.0
"""Of the call: in the middle of a sentence of the sample."""
_LONGEST_SECONDS = 300.0
_AFTERWARDS_SECONDS = 60.0
_POLL_SECONDS = 0.2

Utterance = Mapping[str, Any]


class NotProven(RuntimeError):
    """The transcript lacks something or has it twice; the message says what."""


def play_live(console: Console, session: LocalSession, recording: Path) -> None:
    """Play a recording as a live call, kill the streamer that follows it, and check the words of both.

    Args:
        console: Where to show it.
        session: The running environment.
        recording: A sample: its script is beside it.

    Raises:
        NotProven: A turn is missing or there twice, or the call is not complete.
        CallFailed: The call failed.
        TooSlow: It took too long.
        ConnectFailed: It could not be played.
    """
    streamers = [session.streamer(name) for name in ("a", "b")]
    with ThreadPoolExecutor() as pool:
        list(pool.map(Streamer.start, streamers))
    environment = session.environment
    call = Instance(environment, session.media.url).call(recording, clinic_id=CLINIC)
    console.print(Text(f"Call {call.contact_id} is streamed; streamers a and b are running.\n"))
    hanging_up = threading.Thread(target=end, args=[call], daemon=True)
    hanging_up.start()
    store = LiveCallStore(environment.table())
    dead, gap_seconds = _follow(console, session, call, streamers)
    hanging_up.join(_AFTERWARDS_SECONDS)
    item = store.call(call.contact_id) or {}
    if item.get("status") != LiveStatus.COMPLETED:
        raise CallFailed(f"call {call.contact_id}: {item.get('error_code')}")
    utterances = store.utterances(call.contact_id)
    turns = json.loads(recording.with_suffix(".json").read_text())
    check(item, utterances, turns)
    calls = CallStore(table=environment.table(), s3=environment.s3())
    console.print()
    console.print(calls_table([_eventually(calls, call.contact_id)]))
    console.print(Text(_conclusion(utterances, turns, dead, gap_seconds), style="bold green"))
    recorded = Call(call_id=call.contact_id, key="")
    console.print(Text(f"Its recording, which came after the call: {_fate(session, recorded)}"))


def _follow(
    console: Console, session: LocalSession, call: PhoneCall, streamers: Sequence[Streamer]
) -> tuple[Streamer, float]:
    """Show the call and kill its streamer on the way; returns that one, and the seconds until the other had it."""
    dead: Streamer | None = None
    killed_at = taken_over_at = 0.0
    deadline = time.monotonic() + _LONGEST_SECONDS
    with screen_on(console) as screen:
        watcher = Watcher(session.environment, screen, call_id=call.contact_id)
        for _ in watcher.steps():
            if time.monotonic() > deadline:
                raise TooSlow(f"call {call.contact_id} was not done after {_LONGEST_SECONDS:g} s")
            item = watcher.items.get(call.contact_id, {})
            if dead is None and call.seconds >= _KILL_AFTER_SECONDS and item.get("status") == LiveStatus.STREAMING:
                dead = _holder(item, streamers)
                dead.kill()
                killed_at = time.monotonic()
                screen.line(Text(f"*** {dead.name} is killed after {call.seconds:.0f} s of the call", "bold red"))
            elif dead is not None and not taken_over_at and int(item["epoch"]) > 1:
                taken_over_at = time.monotonic()
                (other,) = (streamer for streamer in streamers if streamer is not dead)
                screen.line(Text(f"*** {other.name} has it {taken_over_at - killed_at:.0f} s later", "bold yellow"))
    if dead is None or not taken_over_at:
        raise NotProven("the call was over before its streamer was killed and replaced")
    return dead, taken_over_at - killed_at


def _holder(item: Utterance, streamers: Sequence[Streamer]) -> Streamer:
    """Whose call it is: an owner is named after its process."""
    return next(streamer for streamer in streamers if f"-{streamer.pid}/" in str(item["lease_owner"]))


def check(item: Mapping[str, Any], utterances: Sequence[Utterance], turns: Sequence[Mapping[str, Any]]) -> None:
    """Hold a live transcript against its script.

    Args:
        item: State of the call.
        utterances: What is stored, in order.
        turns: Who says what when; each with ``channel``, ``start`` and ``end`` in seconds.

    Raises:
        NotProven: The call is not complete, a number or a turn is missing, or something is there twice.
    """
    if not item["complete"]:
        raise NotProven(
            f"the transcript is incomplete: {', '.join(item['incomplete_reasons'])}; where the machine is too busy for "
            "the recogniser to keep up with speech, try again when it is not"
        )
    numbers = [int(utterance["seq"]) for utterance in utterances]
    if numbers != list(range(1, len(numbers) + 1)):
        raise NotProven(f"the utterances are numbered {numbers}")
    for channel in (0, 1):
        spoken = sorted((float(u["start"]), float(u["end"])) for u in utterances if u["channel"] == channel)
        for (_, before), (after, _) in pairwise(spoken):
            if after < before:
                raise NotProven(f"something is there twice on channel {channel} at {after:.1f} s")
        for turn in (turn for turn in turns if turn["channel"] == channel):
            middle = (turn["start"] + turn["end"]) / 2
            if not any(begin <= middle <= finish for begin, finish in spoken):
                raise NotProven(f"what is said on channel {channel} at {middle:.1f} s is missing")


def _conclusion(
    utterances: Sequence[Utterance],
    turns: Sequence[Mapping[str, Any]],
    dead: Streamer,
    seconds: float,
) -> str:
    words = sum(int(utterance["word_count"]) for utterance in utterances)
    return (
        f"Nothing is missing: {len(utterances)} utterances, {words} words; all {len(turns)} "
        f"turns of the script are there, each once, although {dead.name} was killed in mid-call and the call was "
        f"without a streamer for {seconds:.0f} s."
    )


def _eventually(calls: CallStore, call_id: str) -> Mapping[str, Any]:
    """The stored transcript of the live call."""
    for _ in _waiting(f"the transcript of call {call_id}"):
        for item in calls.of_call(call_id):
            if item["type"] == "transcript":
                return calls.whole(item)
    raise AssertionError


def _fate(session: LocalSession, recording: Call) -> str:
    """What the batch half made of the recording, by the environment's setting."""
    for _ in _waiting(f"the recording of call {recording.call_id}"):
        claim = claim_item(session.environment, recording)
        if claim is not None and claim["status"] == "covered":
            return f"not transcribed again ({claim['covered_reason']})"
        if claim is not None and claim["status"] in ("completed", "failed", "rejected"):
            return str(claim["status"])
    raise AssertionError


def _waiting(what: str) -> Iterator[None]:
    deadline = time.monotonic() + _AFTERWARDS_SECONDS
    while time.monotonic() < deadline:
        yield
        time.sleep(_POLL_SECONDS)
    raise TooSlow(f"{what} did not come within {_AFTERWARDS_SECONDS:g} s")
