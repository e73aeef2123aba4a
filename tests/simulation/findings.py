"""What random histories have found and nobody has explained yet ("Open" in `docs/reliability*.md`)."""

from __future__ import annotations

from typing import Any

from tests.simulation.batch import histories as batch
from tests.simulation.live import histories as live
from tests.simulation.outcomes import Outcome


def is_open(outcome: Outcome[Any]) -> bool:
    """Whether all that did not hold in a history is of a kind that is known and open: the daily test warns of it."""
    history = outcome.history
    known = _of_recordings if isinstance(history, batch.History) else _of_live_calls
    return all(known(violation.what, violation.detail, history) for violation in outcome.violations)


def _of_live_calls(what: str, detail: str, history: live.History) -> bool:
    if not any(len(call.pieces) > 1 for call in history.calls):
        return False
    match what:
        case "a call is incomplete without a cause":  # 2851
            return detail.endswith("['gap-missing']") and {"freeze", "stream"} <= {
                fault.kind for fault in history.faults
            }
        case "a message came again without a cause":  # 3341
            return any(
                fault.order.get("action") == "stall" and fault.order.get("seconds", 0) is None
                for fault in history.faults
            )
    return False


def _of_recordings(what: str, detail: str, history: batch.History) -> bool:
    put = [(put.call, put.content) for put in history.puts]
    put_again = len(set(put)) < len(put)
    match what:
        case "duplicate":  # 6730
            return put_again and any((fault.by, fault.kind) == ("machine", "slow") for fault in history.faults)
    return False
