"""Run histories of recordings."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from typing import Final

from tests.simulation import outcomes
from tests.simulation.batch.containers import DOOR, Containers
from tests.simulation.batch.deployment import deployed
from tests.simulation.batch.histories import History, generate
from tests.simulation.batch.invariants import Check, claims
from tests.simulation.batch.world import World, opened
from tests.simulation.outcomes import Outcome

# Of operators, after the faults are over: each repeats what the ones before left.
_ROUNDS: Final = 6
# What a command of an operator's that died had received is seen again after so long (`callscribe redrive`).
_RECEIVED_SECONDS: Final = 900.0


@dataclass(frozen=True)
class BatchOutcome(Outcome[History]):
    """What came of a history of recordings.

    Attributes:
        requests: Requests that the speech service heard.
        questions: Requests that the language model heard.
        paths: The states that each execution entered, before anybody repeated one.
        failed: How many of these executions failed.
    """

    requests: int = 0
    questions: int = 0
    paths: tuple[tuple[str, ...], ...] = ()
    failed: int = 0


@cache
def containers() -> Containers:
    """Return the functions' processes, which serve one history after the other."""
    return Containers()


def run(history: History, *, log: bool = False) -> BatchOutcome:
    """Let a history happen and look at what came of it.

    Args:
        history: The history.
        log: Whether to say what happened.
    """
    check, plan, processes = Check(), deployed(history.deployment), containers()
    began = time.perf_counter()
    with opened():
        processes.renew(plan.functions)
        world = World(
            plan,
            processes,
            history,
            before_request=check.before_request,
            before_question=check.before_question,
            after_write=check.after_write,
        )
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
            world.run(until=max(world.scheduler.now, history.calm + _RECEIVED_SECONDS))
            _repeat(world, check)
            check.at_end(world)
            if history.rebuilds:
                world.rebuild()
                world.run()
                check.rebuilt(world)
        except RuntimeError as error:
            check.add("stuck", str(error))
    return BatchOutcome(
        history=history,
        violations=check.violations,
        digest=world.digest,
        met=world.faults.hits + world.vendor.hits + world.model.hits,
        simulated=world.scheduler.now,
        seconds=time.perf_counter() - began,
        requests=len(world.vendor.asked),
        questions=len(world.model.asked),
        paths=paths,
        failed=failed,
        log="\n".join(world.lines or ()),
    )


def run_seed(seed: int) -> BatchOutcome:
    """Run the history of a seed."""
    return run(generate(seed))


def reproduction(outcome: Outcome[History]) -> str:
    """Say how to repeat a history that failed, and what is left of it when it is made small."""
    return outcomes.reproduction(outcome, half="batch", run=run)


def _repeat(world: World, check: Check) -> None:
    """Repeat what failed, by the queue and by the table, until nothing changes any more."""
    for number in range(_ROUNDS):
        unfinished = ("failed", "claimed", "transcribed", "stored")
        if not world.failed_messages() and all(claim["status"] not in unfinished for claim in claims(world)):
            return
        world.operate(claims=number % 2 == 1)
        world.run()
        if number == 0:
            check.redriven(world)
