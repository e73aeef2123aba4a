"""What random histories have found and nobody has explained yet (`docs/reliability.md`, "Open")."""

from __future__ import annotations

from typing import Any

from tests.simulation.live.histories import Fault, History
from tests.simulation.outcomes import Outcome


def is_open(outcome: Outcome[Any]) -> bool:
    """Whether all that did not hold in a history is of a kind that is known and open: the daily test warns of it."""
    history = outcome.history
    if not isinstance(history, History):
        return False
    paused = any(len(call.pieces) > 1 for call in history.calls)
    return paused and all(
        _is_open(violation.what, violation.detail, history.faults) for violation in outcome.violations
    )


def _is_open(what: str, detail: str, faults: tuple[Fault, ...]) -> bool:
    kinds = {fault.kind for fault in faults}
    match what:
        case "a call is incomplete without a cause":  # live 2851
            return detail.endswith("['gap-missing']") and {"freeze", "stream"} <= kinds
        case "a message came again without a cause":  # live 3341
            return any(
                fault.order.get("action") == "stall" and fault.order.get("seconds", 0) is None for fault in faults
            )
    return False
