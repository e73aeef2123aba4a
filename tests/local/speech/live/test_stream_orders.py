from typing import Any

import pytest

from local.speech.faults import InvalidFault
from local.speech.live.faults import StreamFaults


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"action": "explode"},
        {"status": 99},
        {"status": "503"},
        {"action": "close", "code": 99},
        {"action": "close", "at_final": 0},
        {"action": "duplicate", "after": 1},
        {"action": "stall", "seconds": -1},
        {"action": "close", "times": 0},
        {"action": "close", "reason": 1},
        {"action": "close", "headers": []},
        {"action": "close", "unknown": 1},
    ],
)
def test_a_malformed_order_is_refused(entry: dict[str, Any]) -> None:
    with pytest.raises(InvalidFault):
        StreamFaults().add({"match": "", "then": [entry]})


def test_a_stream_meets_one_failure_of_each_order_that_matches_its_query() -> None:
    faults = StreamFaults()
    faults.add({"match": "tag=call-1&", "then": [{"action": "close"}]})
    faults.add({"match": "", "then": [{"action": "late", "seconds": 1}, {"status": 503}]})
    query = [("tag", "call-1"), ("model", "nova-3")]
    taken = [[fault.label for fault in faults.take(query)] for _ in range(3)]
    assert taken == [["close", "late"], ["503"], []]
