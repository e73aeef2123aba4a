"""A burst of recordings against a server that takes ten requests at once: this project, and the plain handler."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from benchmarks.report import Figures
from benchmarks.rig import PARALLEL_LIMIT, Rig, TookTooLong, recording, wait_for

RECORDINGS = 100
ANNOUNCED_AGAIN = 10
REQUEST_SECONDS = 3.0
"""What the speech server takes for a request."""

_WARM_UP_RECORDINGS = 2 * PARALLEL_LIMIT
_UPLOADS_AT_ONCE = 20
_LONGEST_SECONDS = 180
_POLL_SECONDS = 0.25
_SETTLE_SECONDS = 2 * REQUEST_SECONDS + 2
_OK, _TOO_MANY_REQUESTS = 200, 429


class System(Protocol):
    """Something that transcribes recordings.

    Attributes:
        name: How the table calls it.
        copies: Copies of the function that asks Deepgram which run at once.
        quiet_seconds: After so long without a request or a transcript, nothing more will come.
    """

    name: str
    copies: int
    quiet_seconds: float

    def warm_up(self) -> None: ...

    def put(self, call_id: str, audio: bytes) -> None: ...

    def transcripts(self) -> set[str]: ...

    def announce_again(self, call_id: str) -> None: ...


class CallScribe:
    """This project, as a burst sees it."""

    name = "CallScribe"
    copies = PARALLEL_LIMIT
    quiet_seconds = 60.0

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._events: dict[str, dict[str, Any]] = {}

    def warm_up(self) -> None:
        calls = {f"warm-{index}": recording(10_000 + index) for index in range(_WARM_UP_RECORDINGS)}
        _put_at_once(self, calls)
        wait_for(lambda: calls.keys() <= self.transcripts(), _LONGEST_SECONDS, "the warm-up")
        self._rig.wait_until_idle()

    def put(self, call_id: str, audio: bytes) -> None:
        self._events[call_id] = self._rig.put(call_id, audio)

    def transcripts(self) -> set[str]:
        return self._rig.transcripts()

    def announce_again(self, call_id: str) -> None:
        """Start the workflow with the recording's event once more, as EventBridge may."""
        environment = self._rig.session.environment
        environment.step_functions().start_execution(
            stateMachineArn=environment.output("StateMachineArn"), input=json.dumps(self._events[call_id])
        )


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a burst.

    Attributes:
        recordings: Recordings put.
        copies: Copies of the function that asks Deepgram which ran at once.
        requests: Requests the server received.
        refused: Requests it answered with 429.
        transcripts: Recordings that have a transcript in the end.
        paid_twice: Successful requests for a recording that had one already.
        seconds: From the first put to the last transcript.
        paid_again: Further successful requests after notifications were delivered a second time.
    """

    recordings: int
    copies: int
    requests: int
    refused: int
    transcripts: int
    paid_twice: int
    seconds: float
    paid_again: int

    @property
    def lost(self) -> int:
        return self.recordings - self.transcripts

    @property
    def ideal_seconds(self) -> float:
        """Time the server needs for this many transcripts when it is never idle."""
        return self.transcripts * REQUEST_SECONDS / PARALLEL_LIMIT


def measure(rig: Rig, system: System) -> Outcome:
    calls = {f"burst-{index}": recording(20_000 + index) for index in range(RECORDINGS)}
    system.warm_up()
    rig.forget_requests()
    started = time.monotonic()
    _put_at_once(system, calls)
    last_transcript = _drain(rig, system, set(calls))
    transcribed = system.transcripts() & calls.keys()
    requests = rig.requests()
    accepted = Counter(request.audio for request in requests if request.status == _OK)
    rig.forget_requests()
    for call_id in sorted(transcribed)[:ANNOUNCED_AGAIN]:
        system.announce_again(call_id)
    time.sleep(_SETTLE_SECONDS)
    return Outcome(
        recordings=RECORDINGS,
        copies=system.copies,
        requests=len(requests),
        refused=sum(request.status == _TOO_MANY_REQUESTS for request in requests),
        transcripts=len(transcribed),
        paid_twice=accepted.total() - len(accepted),
        seconds=last_transcript - started,
        paid_again=sum(request.status == _OK for request in rig.requests()),
    )


def figures(outcomes: Mapping[str, Outcome]) -> Figures:
    rows: tuple[tuple[str, Callable[[Outcome], str]], ...] = (
        ("recordings put", lambda o: str(o.recordings)),
        ("copies of the asking function at once", lambda o: str(o.copies)),
        ("requests sent", lambda o: str(o.requests)),
        ("answered 429", lambda o: str(o.refused)),
        ("transcripts", lambda o: str(o.transcripts)),
        ("lost", lambda o: str(o.lost)),
        ("paid for twice", lambda o: str(o.paid_twice)),
        ("seconds to the last transcript", lambda o: f"{o.seconds:.1f}"),
        ("ideal seconds for these transcripts", lambda o: f"{o.ideal_seconds:.1f}"),
        ("efficiency (ideal / real)", lambda o: f"{o.ideal_seconds / o.seconds:.2f}"),
        (f"paid again after {ANNOUNCED_AGAIN} repeated notifications", lambda o: str(o.paid_again)),
    )
    return Figures(
        name="burst",
        title=f"A burst against a server that takes {PARALLEL_LIMIT} requests at once, {REQUEST_SECONDS:g} s each",
        columns=("", *outcomes),
        rows=tuple((what, *(value(outcome) for outcome in outcomes.values())) for what, value in rows),
    )


def _put_at_once(system: System, calls: Mapping[str, bytes]) -> None:
    with ThreadPoolExecutor(_UPLOADS_AT_ONCE) as pool:
        list(pool.map(system.put, calls.keys(), calls.values()))


def _drain(rig: Rig, system: System, calls: set[str]) -> float:
    """Wait until every call has its transcript or nothing more comes; return when the last transcript came."""
    seen = (0, 0)
    started = last_change = last_transcript = time.monotonic()
    while seen[0] < len(calls) and (now := time.monotonic()) - last_change < system.quiet_seconds:
        if now - started > _LONGEST_SECONDS:
            raise TookTooLong(f"{system.name}: {seen[0]} transcripts after {_LONGEST_SECONDS} s")
        time.sleep(_POLL_SECONDS)
        found = len(system.transcripts() & calls), len(rig.requests())
        now = time.monotonic()
        if found[0] != seen[0]:
            last_transcript = now
        if found != seen:
            seen, last_change = found, now
    return last_transcript
