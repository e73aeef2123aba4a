"""How long a call is without a streamer, and what is lost on the way: nothing, or the figures say so."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.live.numbered_call import NumberedCall
from benchmarks.report import Figures
from benchmarks.rig import Rig, TookTooLong
from local.connect import Instance, PhoneCall
from local.server_process import free_port
from local.session import DIRECTORY, speech_server
from local.streamers import Streamer
from operations.live_calls import LiveCallStore

_CALLS = 10
_CLINIC = "benchmark"
_SPOKEN = NumberedCall(seconds=80)
_LEASE_SECONDS = 30
"""What the construct ships with; the Local environment has a shorter one."""
_POLL_SECONDS = 0.05
_PATIENCE_SECONDS = 240.0


@dataclass(frozen=True, kw_only=True)
class HandOver:
    """What became of the calls of a streamer that went.

    Attributes:
        without_streamer: Seconds until each call had another one.
        without_words: Seconds until the next words of each call were stored.
        lost: Numbers that were said and are in no transcript.
        repeated: Numbers that are in a transcript more than once.
    """

    without_streamer: Sequence[float]
    without_words: Sequence[float]
    lost: int
    repeated: int


def figures(rig: Rig) -> Figures:
    """Kill a streamer that has calls, and stop one."""
    recording = _SPOKEN.write(DIRECTORY / "benchmark-calls" / "numbers.wav")
    with speech_server(free_port(), rig.session.key, "--engine", "frames") as speech:
        line = _Line(rig, recording, speech.url)
        results = {
            "killed (SIGKILL)": line.hand_over(Streamer.kill),
            "stopped (SIGTERM)": line.hand_over(Streamer.stop),
        }
    return Figures(
        name="live-hand-over",
        title="Live calls: hand-over",
        columns=("", *results),
        rows=(
            _row("calls at that moment", results, lambda result: f"{len(result.without_streamer)}"),
            _row(
                "seconds until another streamer has a call, p50 / most",
                results,
                lambda result: f"{median(result.without_streamer):.1f} / {max(result.without_streamer):.1f}",
            ),
            _row(
                "seconds until its next words are stored, p50 / most",
                results,
                lambda result: f"{median(result.without_words):.1f} / {max(result.without_words):.1f}",
            ),
            _row("words said", results, lambda _: f"{_CALLS * _SPOKEN.words:,}"),
            _row("words lost", results, lambda result: f"{result.lost}"),
            _row("words repeated", results, lambda result: f"{result.repeated}"),
        ),
        notes=(f"The lease is {_LEASE_SECONDS} s, as shipped.",),
    )


def _row(title: str, results: dict[str, HandOver], show: Callable[[HandOver], str]) -> tuple[str, ...]:
    return (title, *(show(result) for result in results.values()))


class _Line:
    """The telephone line, and the two streamers that take turns at it."""

    def __init__(self, rig: Rig, recording: Path, speech_url: str) -> None:
        self._rig = rig
        self._recording = recording
        self._instance = Instance(rig.session.environment, rig.session.media.url)
        self._store = LiveCallStore(rig.session.environment.table())
        self._variables = {
            "DEEPGRAM_STREAM_URL": speech_url.replace("http", "ws", 1),
            "LEASE_SECONDS": str(_LEASE_SECONDS),
        }

    def hand_over(self, leave: Callable[[Streamer], None]) -> HandOver:
        first, second = (self._rig.session.streamer(f"benchmark-{name}", **self._variables) for name in ("a", "b"))
        first.start()
        calls = [self._instance.call(self._recording, clinic_id=_CLINIC) for _ in range(_CALLS)]
        for call in calls:
            self._until(call, lambda state: int(state.get("next_seq", 1)) > 4)
        second.start()
        left_at = time.monotonic()
        leave(first)
        waiting = {call.contact_id: call for call in calls}
        reached = {call.contact_id: int(self._state(call)["next_seq"]) for call in calls}
        taken: dict[str, float] = {}
        spoken: dict[str, float] = {}
        while waiting:
            for contact_id, call in list(waiting.items()):
                state, now = self._state(call), time.monotonic() - left_at
                if int(state["epoch"]) > 1:
                    taken.setdefault(contact_id, now)
                    if int(state["next_seq"]) > reached[contact_id]:
                        spoken[contact_id] = now
                        del waiting[contact_id]
            if time.monotonic() - left_at > _PATIENCE_SECONDS:
                raise TookTooLong(f"{len(waiting)} calls were not taken over")
            time.sleep(_POLL_SECONDS)
        lost = repeated = 0
        for call in calls:
            call.wait(seconds=_PATIENCE_SECONDS)
            call.disconnect()
            self._until(call, lambda state: state["status"] == "completed")
            missing, twice = _SPOKEN.compare(self._store.utterances(call.contact_id))
            lost, repeated = lost + missing, repeated + twice
        second.stop()
        return HandOver(
            without_streamer=[*taken.values()], without_words=[*spoken.values()], lost=lost, repeated=repeated
        )

    def _state(self, call: PhoneCall) -> dict[str, Any]:
        return self._store.call(call.contact_id) or {}

    def _until(self, call: PhoneCall, condition: Callable[[dict[str, Any]], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not condition(self._state(call)):
            if time.monotonic() > deadline:
                raise TookTooLong("a live call did not get on")
            time.sleep(_POLL_SECONDS)
