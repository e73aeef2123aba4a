"""Run histories of live calls."""

from __future__ import annotations

import time
from typing import Final

from tests.simulation import outcomes
from tests.simulation.clock import simulate
from tests.simulation.live.histories import History, generate
from tests.simulation.live.invariants import violations
from tests.simulation.live.world import World
from tests.simulation.outcomes import Outcome

_LIMIT: Final = 200_000.0


def run(history: History) -> Outcome[History]:
    """Let a history happen and look at what came of it."""

    async def happen() -> Outcome[History]:
        world = World(history)
        with world.around():
            try:
                await world.run()
                found = violations(world, redriven=False)
                if not found and world.account.failed.messages:
                    await world.redrive()
                    found = violations(world, redriven=True)
                simulated = world.now()
                digest = world.digest()
            finally:
                await world.end()
        return Outcome(
            history, found, digest, world.conditions.met, simulated, time.perf_counter() - began, world.log.getvalue()
        )

    began = time.perf_counter()
    return simulate(happen(), limit=_LIMIT)


def run_seed(seed: int) -> Outcome[History]:
    """Run the history of a seed."""
    return run(generate(seed))


def reproduction(outcome: Outcome[History]) -> str:
    """Say how to repeat a history that failed, and what is left of it when it is made small."""
    return outcomes.reproduction(outcome, half="live", run=run)
