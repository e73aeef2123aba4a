"""Run histories, and make one that fails as small as it still fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from tests.simulation.clock import simulate
from tests.simulation.live.histories import Call, History, generate
from tests.simulation.live.invariants import Violation, violations
from tests.simulation.live.world import World

T = TypeVar("T")

_LIMIT: Final = 200_000.0


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
        log: What the streamers logged.
    """

    history: History
    violations: list[Violation]
    digest: str
    met: dict[str, int] = field(default_factory=dict)
    simulated: float = 0.0
    seconds: float = 0.0
    log: str = ""


def run(history: History) -> Outcome:
    """Let a history happen and look at what came of it."""

    async def happen() -> Outcome:
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


def run_seed(seed: int) -> Outcome:
    """Run the history of a seed."""
    return run(generate(seed))


def minimised(history: History, *, fails: Callable[[History], bool]) -> History:
    """Leave out whatever can be left out of a history that fails, until it would not fail without the rest."""
    found = True
    while found:
        found = False
        for smaller in _smaller(history):
            if fails(smaller):
                history, found = smaller, True
                break
    return history


def _smaller(history: History) -> Iterator[History]:
    for index in range(len(history.calls)):
        if len(history.calls) > 1:
            yield replace(history, calls=_without(history.calls, index))
    for index in range(len(history.faults)):
        yield replace(history, faults=_without(history.faults, index))
    for index in range(len(history.troubles)):
        yield replace(history, troubles=_without(history.troubles, index))
    if len(history.skews) > 1:
        yield replace(history, skews=history.skews[:-1])
    if any(history.skews):
        yield replace(history, skews=(0.0,) * len(history.skews))
    for index, call in enumerate(history.calls):
        for plainer in _plainer(call):
            if plainer != call:
                yield replace(history, calls=(*history.calls[:index], plainer, *history.calls[index + 1 :]))


def _plainer(call: Call) -> list[Call]:
    once = [replace(piece, told=piece.told[:1], stopped=piece.stopped[:1]) for piece in call.pieces]
    return [
        replace(call, pieces=call.pieces[:1]),
        replace(call, pieces=tuple(once)),
        replace(call, lost=()),
        replace(call, shape={}),
        replace(call, clock_ms=0),
        replace(call, other_clinic=call.clinic),
        replace(call, hung_up=call.hung_up[:1]),
    ]


def _without(items: tuple[T, ...], index: int) -> tuple[T, ...]:
    return (*items[:index], *items[index + 1 :])


def reproduction(outcome: Outcome, *, half: str = "live") -> str:
    """Say how to repeat a history that failed, and what is left of it when it is made small."""
    wanted = {violation.what for violation in outcome.violations}

    def fails(history: History) -> bool:
        return bool(wanted & {violation.what for violation in run(history).violations})

    small = minimised(outcome.history, fails=fails)
    told = [f"python -m tests.simulation {half} --seeds {outcome.history.seed}"]
    told += [f"  {violation.what}: {violation.detail}" for violation in outcome.violations]
    return "\n".join([*told, "what is left of it and still fails:", *small.lines()])
