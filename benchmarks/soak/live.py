"""Live calls while streamers are killed and stopped, and their streams to Deepgram break in every way."""

from __future__ import annotations

import json
import random
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.live.numbered_call import NumberedCall
from benchmarks.report import Figures
from benchmarks.rig import Rig, wait_for
from local.connect import Instance, PhoneCall
from local.server_process import ServerProcess, free_port
from local.session import DIRECTORY, speech_server
from local.streamers import Streamer
from operations.live_calls import LiveCallStore

_FAULTS: tuple[dict[str, Any], ...] = (
    {"action": "close", "code": 1011, "reason": "NET-0000", "after": 5.0},
    {"action": "close", "code": 1008, "reason": "DATA-0000", "after": 4.0},
    {"action": "reset", "after": 8.0},
    {"action": "duplicate"},
    {"action": "malformed-json"},
    {"action": "wrong-types"},
    {"action": "unknown-message"},
    {"status": 429},
    {"status": 503},
)
_FAULTS_PER_CALL = 2
_CLINIC = "benchmark"
_LEASE_SECONDS = 10
_SECONDS_BETWEEN_LEAVES = (8.0, 15.0)
_KILLED_SHARE = 0.75
_PATIENCE_SECONDS = 240.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of the calls.

    Attributes:
        calls: Calls played.
        faults: Failures that Deepgram's streams were told to have.
        killed: Streamers killed.
        stopped: Streamers stopped in order.
        words: Words said.
        lost: Words that are in no transcript and in no gap that is noted.
        repeated: Words stored more than once.
        incomplete: Calls that say of themselves that they are not complete, although all was there to be heard.
        stored: Transcripts.
        seconds: How long all of it took.
    """

    calls: int
    faults: int
    killed: int
    stopped: int
    words: int
    lost: int
    repeated: int
    incomplete: int
    stored: int
    seconds: float

    @property
    def good(self) -> bool:
        return self.lost == self.repeated == 0 and self.stored == self.calls


def soak(rig: Rig, *, calls: int, seconds: int, seed: int) -> Outcome:
    """Play the calls on a session that runs.

    Raises:
        TookTooLong: A call did not come to its end.
    """
    chance = random.Random(seed)
    started = time.monotonic()
    spoken = NumberedCall(seconds=seconds)
    wav = spoken.write(DIRECTORY / "soak-calls" / "numbers.wav")
    environment = rig.session.environment
    store = LiveCallStore(environment.table())
    with speech_server(free_port(), rig.session.key, "--engine", "frames") as speech:
        faults = calls * _FAULTS_PER_CALL
        for _ in range(faults):
            _order_fault(speech, rig.session.key, chance)
        streamers = _Streamers(rig, speech, chance, slots=calls)
        instance = Instance(environment, rig.session.media.url)
        played = [instance.call(wav, clinic_id=_CLINIC) for _ in range(calls)]
        for call in chance.sample(played, calls // 3):
            call.announce()
        while any(call.on_the_line for call in played):
            time.sleep(chance.uniform(*_SECONDS_BETWEEN_LEAVES))
            streamers.change()
        for call in played:
            call.disconnect()
        ended = {"completed", "failed"}
        wait_for(lambda: _statuses(store, played) <= ended, _PATIENCE_SECONDS, "the live calls to end", 1.0)
        compared = [spoken.compare(store.utterances(call.contact_id)) for call in played]
        wait_for(lambda: _stored(rig, played) == calls, _PATIENCE_SECONDS, "the live transcripts", 1.0)
        states = [store.call(call.contact_id) or {} for call in played]
        return Outcome(
            calls=calls,
            faults=faults,
            killed=streamers.killed,
            stopped=streamers.stopped,
            words=calls * spoken.words,
            lost=sum(lost for lost, _ in compared),
            repeated=sum(repeated for _, repeated in compared),
            incomplete=sum(not state.get("complete") for state in states),
            stored=_stored(rig, played),
            seconds=time.monotonic() - started,
        )


def figures(outcome: Outcome) -> Figures:
    """What is printed."""
    rows = (
        ("calls", f"{outcome.calls}"),
        ("failures of Deepgram's streams", f"{outcome.faults}"),
        ("streamers killed / stopped", f"{outcome.killed} / {outcome.stopped}"),
        ("seconds", f"{outcome.seconds:.0f}"),
        ("words said", f"{outcome.words:,}"),
        ("transcripts stored", f"{outcome.stored}"),
        ("calls that call themselves incomplete", f"{outcome.incomplete}"),
        ("words lost", f"{outcome.lost}"),
        ("words repeated", f"{outcome.repeated}"),
    )
    return Figures(name="soak-live", title="Soak: live calls", columns=("", "calls"), rows=rows)


class _Streamers:
    """Two streamers, of which one after the other leaves."""

    def __init__(self, rig: Rig, speech: ServerProcess, chance: random.Random, *, slots: int) -> None:
        self._rig = rig
        self._chance = chance
        self._variables = {
            "DEEPGRAM_STREAM_URL": speech.url.replace("http", "ws", 1),
            "LEASE_SECONDS": str(_LEASE_SECONDS),
            "SLOTS": str(slots),
        }
        self._started = 0
        self.killed = self.stopped = 0
        self._running = [self._new(), self._new()]

    def change(self) -> None:
        """Start a streamer, and have one of the others killed or stopped."""
        self._running.append(self._new())
        leaving = self._running.pop(self._chance.randrange(len(self._running) - 1))
        if self._chance.random() < _KILLED_SHARE:
            leaving.kill()
            self.killed += 1
        else:
            leaving.stop()
            self.stopped += 1

    def _new(self) -> Streamer:
        self._started += 1
        streamer = self._rig.session.streamer(f"soak-{self._started}", **self._variables)
        streamer.start()
        return streamer


def _order_fault(speech: ServerProcess, key: str, chance: random.Random) -> None:
    # Not at once: the n-th stream is met, so that failures are spread over the calls and their connections.
    then = [{"action": "answer", "times": chance.randint(1, 40)}, chance.choice(_FAULTS)]
    request = urllib.request.Request(
        f"{speech.url}/_local/streams/faults",
        data=json.dumps({"match": "", "then": then}).encode(),
        headers={"Authorization": f"Token {key}"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=10):
        pass


def _statuses(store: LiveCallStore, calls: Sequence[PhoneCall]) -> set[str]:
    return {str((store.call(call.contact_id) or {}).get("status")) for call in calls}


def _stored(rig: Rig, calls: Sequence[PhoneCall]) -> int:
    return len(rig.transcripts() & {call.contact_id for call in calls})
