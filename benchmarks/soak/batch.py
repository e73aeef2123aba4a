"""A burst of recordings while functions are killed, Deepgram fails in every way, and recordings come more than once."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from benchmarks.report import Figures
from benchmarks.rig import Request, Rig, TookTooLong, recording, wait_for
from operations.redrive import redrive

# A call comes again after these; after the others it fails, until it is repeated by hand.
_PASSING: tuple[dict[str, Any], ...] = (
    {"status": 429, "headers": {"Retry-After": "1"}},
    {"status": 429},
    {"status": 500},
    {"status": 503},
    {"status": 504},
    {"action": "reset"},
    {"action": "reset-mid-body"},
)
_FINAL: tuple[dict[str, Any], ...] = (
    {"status": 400},
    {"status": 402},
    {"action": "empty-object"},
    {"action": "malformed-json"},
    {"action": "error-json"},
    {"action": "accepted"},
)
_FAULTY_SHARE, _FATAL_SHARE, _ANNOUNCED_AGAIN_SHARE, _PUT_AGAIN_SHARE = 0.5, 0.06, 0.2, 0.1
_MOST_FAULTS = 3
_SECONDS_BETWEEN_KILLS = (1.5, 4.0)
_MOST_KILLS = 20
# A killed worker's message comes back after this; as deployed it waits for as long as a request may take.
_VISIBILITY_SECONDS = "20"
_PATIENCE_SECONDS = 600.0
_ROUNDS_OF_REDRIVE = 4
# From a request on until its answer is in the archive nothing can be proven (docs/decisions/0006): a function killed in
# that time explains a second request for the same recording. This long after an answer it is there at the latest.
_GAP_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of the burst.

    Attributes:
        recordings: Recordings put.
        again: Announcements and puts of the same recordings again.
        faults: Failures that Deepgram was told to have.
        kills: Functions killed.
        redriven: Failed calls repeated by the operators' command.
        lost: Recordings without a transcript at the end.
        paid_twice: Recordings with more good answers than killed functions explain.
        in_the_gap: Recordings asked for again because a function was killed before the answer was kept.
        seconds: How long all of it took.
    """

    recordings: int
    again: int
    faults: int
    kills: int
    redriven: int
    lost: int
    paid_twice: int
    in_the_gap: int
    seconds: float

    @property
    def good(self) -> bool:
        return self.lost == self.paid_twice == 0


def soak(rig: Rig, *, recordings: int, seed: int) -> Outcome:
    """Play the burst on a session that runs.

    Raises:
        TookTooLong: Executions did not come to their end.
    """
    chance = random.Random(seed)
    started = time.monotonic()
    sqs, states = rig.client("sqs"), rig.client("stepfunctions")
    queue, machine = (rig.session.environment.output(name) for name in ("WorkQueueUrl", "StateMachineArn"))
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": _VISIBILITY_SECONDS})
    names = [f"soak-{number:04d}" for number in range(recordings)]
    audio = {name: recording(50_000 + number) for number, name in enumerate(names)}
    faults = sum(_order_faults(rig, name, chance) for name in names)
    with _Killer(rig, seed) as killer:
        with ThreadPoolExecutor(8) as pool:
            events = dict(zip(names, pool.map(lambda name: rig.put(name, audio[name]), names), strict=True))
        announced = chance.sample(names, int(recordings * _ANNOUNCED_AGAIN_SHARE))
        for name in announced:
            states.start_execution(stateMachineArn=machine, input=json.dumps(events[name]))
        put = chance.sample(names, int(recordings * _PUT_AGAIN_SHARE))
        for name in put:
            rig.put(name, audio[name])
        _until_idle(rig)
    redriven = _redrive_until_nothing_fails(rig)
    good: dict[str | None, list[Request]] = {}
    for request in rig.requests():
        if request.status == 200 and request.fault is None:
            good.setdefault(request.audio, []).append(request)
    asked_again = {audio_sha: answers for audio_sha, answers in good.items() if len(answers) > 1}
    # Every answer but the last must have been lost with a function.
    paid_twice = {
        audio_sha: answers
        for audio_sha, answers in asked_again.items()
        if sum(killer.explains(answer) for answer in answers) < len(answers) - 1
    }
    by_audio = {sha256(content).hexdigest(): name for name, content in audio.items()}
    for audio_sha, answers in paid_twice.items():
        name = by_audio.get(audio_sha or "", "unknown")
        times = ", ".join(f"{answer.started - started:.1f} to {answer.finished - started:.1f}" for answer in answers)
        again = "announced again, " * (name in announced) + "put again, " * (name in put)
        print(f"paid twice: {name} ({again}answered in seconds {times})")
    return Outcome(
        recordings=recordings,
        again=len(announced) + len(put),
        faults=faults,
        kills=len(killer.killed_at),
        redriven=redriven,
        lost=len(set(names) - rig.transcripts()),
        paid_twice=len(paid_twice),
        in_the_gap=len(asked_again) - len(paid_twice),
        seconds=time.monotonic() - started,
    )


def figures(outcome: Outcome) -> Figures:
    """What is printed."""
    rows = (
        ("recordings", f"{outcome.recordings}"),
        ("announced or put again", f"{outcome.again}"),
        ("failures of Deepgram", f"{outcome.faults}"),
        ("functions killed", f"{outcome.kills}"),
        ("failed calls repeated", f"{outcome.redriven}"),
        ("seconds", f"{outcome.seconds:.0f}"),
        ("asked again: killed before the answer was kept", f"{outcome.in_the_gap}"),
        ("calls lost", f"{outcome.lost}"),
        ("calls paid twice", f"{outcome.paid_twice}"),
    )
    return Figures(name="soak-batch", title="Soak: recordings", columns=("", "burst"), rows=rows)


def _order_faults(rig: Rig, name: str, chance: random.Random) -> int:
    then = [chance.choice(_PASSING) for _ in range(chance.randint(1, _MOST_FAULTS))] * (chance.random() < _FAULTY_SHARE)
    if chance.random() < _FATAL_SHARE:
        then.append(chance.choice(_FINAL))
    if then:
        rig.order_faults(name, then)
    return len(then)


def _until_idle(rig: Rig) -> None:
    states, machine = rig.client("stepfunctions"), rig.session.environment.output("StateMachineArn")

    def idle() -> bool:
        running = states.list_executions(stateMachineArn=machine, statusFilter="RUNNING", maxResults=1)
        return not running["executions"]

    wait_for(idle, _PATIENCE_SECONDS, "the executions to end", poll_seconds=2.0)


def _redrive_until_nothing_fails(rig: Rig) -> int:
    redriven = 0
    for _ in range(_ROUNDS_OF_REDRIVE):
        repeated = redrive(rig.session.environment)
        if not repeated:
            return redriven
        redriven += len(repeated)
        _until_idle(rig)
    raise TookTooLong(f"calls still failed after {_ROUNDS_OF_REDRIVE} rounds of redrive")


class _Killer:
    """Kills a function that works, again and again."""

    def __init__(self, rig: Rig, seed: int) -> None:
        self._rig = rig
        self._chance = random.Random(seed + 1)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.killed_at: list[float] = []
        self.transcribers_killed_at: list[float] = []

    def __enter__(self) -> _Killer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def explains(self, answer: Request) -> bool:
        """Whether a function was killed that may have waited for this answer, or not have kept it yet."""
        return any(answer.started <= killed <= answer.finished + _GAP_SECONDS for killed in self.transcribers_killed_at)

    def _run(self) -> None:
        wait: Callable[[], bool] = lambda: self._stop.wait(self._chance.uniform(*_SECONDS_BETWEEN_KILLS))  # noqa: E731
        while not wait() and len(self.killed_at) < _MOST_KILLS:
            busy = [worker for worker in self._rig.session.emulator.workers() if worker["busy"]]
            if busy:
                worker = self._chance.choice(busy)
                with suppress(ProcessLookupError):
                    os.kill(worker["pid"], signal.SIGKILL)
                    self.killed_at.append(time.monotonic())
                    if "Transcribe" in worker["function"]:
                        self.transcribers_killed_at.append(self.killed_at[-1])
