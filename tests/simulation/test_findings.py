"""Only what is known and open is warned of; everything else fails."""

from __future__ import annotations

from dataclasses import replace

from tests.simulation.batch.faults import SLOW, Fault
from tests.simulation.batch.histories import History, Put
from tests.simulation.findings import is_open
from tests.simulation.outcomes import Outcome, Violation

ONE = History(seed=1, puts=(Put(at=0.0, call=0, content=0),))
PUT_AGAIN = replace(ONE, puts=(*ONE.puts, Put(at=9.0, call=0, content=0)))
SLOWED = replace(PUT_AGAIN, faults=(Fault(kind=SLOW, by="machine", of="dynamodb.", seconds=60.0, delay=30.0),))

OLDER = Violation("stale", "call-0000 does not show its newest recording, which is duplicate")
OF_FAILED = Violation("duplicate", "d4cdc101 counts as transcribed by one that failed")


def outcome(history: History, *violations: Violation) -> Outcome[History]:
    return Outcome(history=history, violations=[*violations], digest="")


def test_what_is_known_is_open_only_where_its_cause_is() -> None:
    assert is_open(outcome(SLOWED, OF_FAILED))
    assert not is_open(outcome(ONE, OF_FAILED))


def test_what_is_found_beside_something_open_is_news() -> None:
    assert not is_open(outcome(SLOWED, OF_FAILED, OLDER))
