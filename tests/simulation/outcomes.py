"""What came of a history, and how one that fails is made as small as it still fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, Self, TypeVar


class SmallerHistory(Protocol):
    """A history of either half."""

    @property
    def seed(self) -> int:
        """What it came from."""

    def smaller(self) -> Iterator[Self]:
        """Yield it with one thing less each."""

    def lines(self) -> list[str]:
        """Tell it, a line for each thing."""


H = TypeVar("H", bound=SmallerHistory)


@dataclass(frozen=True)
class Violation:
    """Something that does not hold.

    Attributes:
        what: Which rule.
        detail: Of what, and how.
    """

    what: str
    detail: str


@dataclass(frozen=True)
class Outcome(Generic[H]):
    """What came of a history.

    Attributes:
        history: The history.
        violations: What did not hold.
        digest: Its course of events.
        met: What went wrong, by kind, and how often.
        simulated: Seconds that it took by its own clock.
        seconds: Seconds that it took by ours.
        log: What was logged.
    """

    history: H
    violations: list[Violation]
    digest: str
    met: Mapping[str, int] = field(default_factory=dict)
    simulated: float = 0.0
    seconds: float = 0.0
    log: str = ""


def minimised(history: H, *, fails: Callable[[H], bool]) -> H:
    """Leave out whatever can be left out of a history that fails, until it would not fail without the rest."""
    found = True
    while found:
        found = False
        for smaller in history.smaller():
            if fails(smaller):
                history, found = smaller, True
                break
    return history


def reproduction(outcome: Outcome[H], *, half: str, run: Callable[[H], Outcome[H]]) -> str:
    """Say how to repeat a history that failed, and what is left of it when it is made small."""
    wanted = {violation.what for violation in outcome.violations}

    def fails(history: H) -> bool:
        return bool(wanted & {violation.what for violation in run(history).violations})

    small = minimised(outcome.history, fails=fails)
    told = [f"python -m tests.simulation {half} --seeds {outcome.history.seed}"]
    told += [f"  {violation.what}: {violation.detail}" for violation in outcome.violations]
    return "\n".join([*told, "what is left of it and still fails:", *small.lines()])
