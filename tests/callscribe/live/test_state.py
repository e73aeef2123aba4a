from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from callscribe.live.call import EndReason, Gap, GapReason, LiveStatus
from callscribe.live.state import InvalidLiveState, LiveState
from tests.callscribe.live_calls import CALL_ID, CLINIC_ID, DAY, live_item

CHANGED = datetime(2026, 11, 20, 9, 5, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def test_a_completed_call_says_how_much_of_it_there_is() -> None:
    gap = {"start": Decimal(8000), "end": Decimal(20000), "reason": "missing"}
    state = LiveState.from_item(
        live_item(
            complete=False,
            incomplete_reasons=["gap-missing", "end-not-proven"],
            end_reason="idle",
            gaps=[gap],
            duration_seconds=Decimal("61.25"),
            reconnects=Decimal(2),
            handovers=Decimal(1),
        )
    )
    assert (state.call_id, state.clinic_id, state.day) == (CALL_ID, CLINIC_ID, DAY)
    assert state.started_at == datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    assert (state.status, state.over, state.sessions) == (LiveStatus.COMPLETED, True, 4)
    coverage = state.coverage
    assert (coverage.complete, coverage.incomplete_reasons) == (False, ("gap-missing", "end-not-proven"))
    assert (coverage.end_reason, coverage.utterances, coverage.duration_seconds) == (EndReason.IDLE, 5, 61.25)
    assert coverage.gaps == (Gap(start=8000, end=20000, reason=GapReason.MISSING),)
    assert coverage.gap_seconds == 1.5


def test_a_call_that_was_only_announced_has_nothing_yet() -> None:
    later = ("epoch", "lease_until", "next_seq", "gaps", "end_reason", "complete", "incomplete_reasons")
    nothing: dict[str, Any] = dict.fromkeys((*later, "duration_seconds", "reconnects", "handovers"))
    state = LiveState.from_item(live_item(**nothing, status="announced"))
    assert not state.over
    assert (state.coverage.complete, state.coverage.utterances, state.coverage.end_reason) == (False, 0, None)
    assert state.sessions == 1


@pytest.mark.parametrize(("lease", "until"), [(-QUARTER, CHANGED), (QUARTER, CHANGED + QUARTER)])
def test_a_call_is_active_until_its_lease_ends_or_it_was_changed_last(lease: timedelta, until: datetime) -> None:
    lease_until = Decimal(int((CHANGED + lease).timestamp()))
    assert LiveState.from_item(live_item(status="streaming", lease_until=lease_until)).active_until == until


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"clinic_id": None, "GSI1PK": None}, "has no clinic_id"),
        ({"status": "xyzzy"}, "no value of its kind"),
        ({"started_at_ms": "xyzzy"}, "started_at_ms is of another type"),
        ({"started_at_ms": Decimal("1e30")}, "no value of its kind"),
        ({"gaps": [{"start": 1}]}, r"gaps\[0\] has no end"),
        ({"complete": "xyzzy"}, "complete is of another type"),
    ],
)
def test_an_item_that_is_no_live_call_is_refused_by_place(change: dict[str, Any], message: str) -> None:
    item = live_item() | {name: value for name, value in change.items() if value is not None}
    for name in (name for name, value in change.items() if value is None):
        del item[name]
    with pytest.raises(InvalidLiveState, match=message) as error:
        LiveState.from_item(item)
    assert "xyzzy" not in str(error.value)
