"""Histories of which something has come out: each had a fault in the product, and has to end well."""

from __future__ import annotations

from tests.simulation.batch import faults as f
from tests.simulation.batch import runner
from tests.simulation.batch.faults import Fault
from tests.simulation.batch.histories import DAY, History, Put


def test_a_reply_is_found_behind_any_number_of_copies_that_asked_nobody() -> None:
    copies = tuple(Put(at=at, call=0, content=0) for at in (0.0, 300.0, 400.0, 500.0))
    not_stored = Fault(kind=f.REFUSE, by="store_transcript", of="s3.PutObject", code="AccessDenied", seconds=290.0)
    not_read = Fault(
        kind=f.REFUSE, by="transcribe_call", of="s3.GetObject", code="AccessDenied", begin=300.0, seconds=190.0
    )

    outcome = runner.run(History(seed=1, puts=copies, faults=(not_stored, not_read)))

    assert (outcome.violations, outcome.failed, outcome.requests) == ([], 3, 1)


def test_a_call_is_given_up_once_where_somebody_else_always_writes_to_the_place_of_its_reply() -> None:
    conflict = Fault(
        kind=f.REFUSE, by="transcribe_call", of="s3.PutObject", code="ConditionalRequestConflict", seconds=3 * DAY
    )

    outcome = runner.run(History(seed=1, puts=(Put(at=0, call=0, content=0),), faults=(conflict,)))

    assert (outcome.violations, outcome.failed, outcome.requests) == ([], 1, 1)
