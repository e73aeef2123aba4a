"""Run histories, and make one that fails as small as it still fails."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from tests.simulation.batch.containers import DOOR, Containers
from tests.simulation.batch.deployment import deployed
from tests.simulation.batch.histories import History, generate
from tests.simulation.batch.invariants import Check, Violation, claims
from tests.simulation.batch.world import World, opened

# Of operators, after the faults are over: each repeats what the ones before left.
_ROUNDS: Final = 6


@dataclass(frozen=True)
class Outcome:
    """What came of a history.

    Attributes:
        history: The history.
        violations: What did not hold.
        digest: Its course of events.
        met: What went wrong, by kind, and how often.
        simulated: Seconds that it took by its own clock.
        seconds: Seconds that it took by ours.
        requests: Requests that the speech service heard.
        paths: The states that each execution entered, before anybody repeated one.
        failed: How many of these executions failed.
        log: What happened, where it was asked for.
    """

    history: History
    violations: list[Violation]
    digest: str
    met: Counter[str] = field(default_factory=Counter)
    simulated: float = 0.0
    seconds: float = 0.0
    requests: int = 0
    paths: tuple[tuple[str, ...], ...] = ()
    failed: int = 0
    log: str = ""


@cache
def containers() -> Containers:
    """Return the functions' processes, which serve one history after the other."""
    return Containers()


def run(history: History, *, log: bool = False) -> Outcome:
    """Let a history happen and look at what came of it.

    Args:
        history: The history.
        log: Whether to say what happened.
    """
    check, plan, processes = Check(), deployed(history.deployment), containers()
    began = time.perf_counter()
    with opened():
        processes.renew(plan.functions)
        world = World(plan, processes, history, before_request=check.before_request, after_write=check.after_write)
        world.lines = [] if log else None
        DOOR.inside = world
        paths: tuple[tuple[str, ...], ...] = ()
        failed = 0
        try:
            world.run()
            check.at_rest(world)
            executions = list(world.machine.executions.values())
            paths = tuple(tuple(execution.states) for execution in executions)
            failed = sum(execution.status != "SUCCEEDED" for execution in executions)
            world.run(until=max(world.scheduler.now, history.calm))
            _repeat(world)
            check.at_end(world)
            if history.rebuilds:
                world.rebuild()
                world.run()
                check.rebuilt(world)
        except RuntimeError as error:
            check.add("stuck", str(error))
    return Outcome(
        history=history,
        violations=check.violations,
        digest=world.digest,
        met=world.faults.hits + world.vendor.hits,
        simulated=world.scheduler.now,
        seconds=time.perf_counter() - began,
        requests=len(world.vendor.asked),
        paths=paths,
        failed=failed,
        log="\n".join(world.lines or ()),
    )


def run_seed(seed: int) -> Outcome:
    """Run the history of a seed."""
    return run(generate(seed))


def minimised(history: History, *, fails: Callable[[History], bool]) -> History:
    """Leave out whatever can be left out of a history that fails, until it would not fail without the rest."""
    found = True
    while found:
        found = False
        for smaller in history.smaller():
            if fails(smaller):
                history, found = smaller, True
                break
    return history


def reproduction(outcome: Outcome) -> str:
    """Say how to repeat a history that failed, and what is left of it when it is made small."""
    wanted = {violation.what for violation in outcome.violations}

    def fails(history: History) -> bool:
        return bool(wanted & {violation.what for violation in run(history).violations})

    small = minimised(outcome.history, fails=fails)
    told = [f"python -m tests.simulation batch --seeds {outcome.history.seed}"]
    told += [f"  {violation.what}: {violation.detail}" for violation in outcome.violations]
    return "\n".join([*told, "what is left of it and still fails:", *small.lines()])


def _repeat(world: World) -> None:
    """Repeat what failed, by the queue and by the table, until nothing changes any more."""
    for number in range(_ROUNDS):
        unfinished = ("failed", "claimed", "transcribed", "stored")
        if not world.failed_messages() and all(claim["status"] not in unfinished for claim in claims(world)):
            return
        world.operate(claims=number % 2 == 1)
        world.run()
