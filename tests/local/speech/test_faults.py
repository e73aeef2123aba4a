from typing import Any

import pytest

from local.speech.faults import Faults, InvalidFault


def faults(match: str, *then: dict[str, Any]) -> Faults:
    ordered = Faults()
    ordered.add({"match": match, "then": list(then)})
    return ordered


def taken(ordered: Faults, audio: str, times: int) -> list[str | None]:
    return [fault.label if (fault := ordered.take(audio, None)) else None for _ in range(times)]


def test_failures_happen_in_order_as_often_as_ordered_and_then_no_more() -> None:
    ordered = faults("call-17", {"status": 429, "times": 2}, {"action": "reset"})
    assert taken(ordered, "/bucket/call-17.wav", 4) == ["429", "429", "reset", None]


def test_other_recordings_are_left_alone() -> None:
    ordered = faults("call-17", {"status": 500})
    assert taken(ordered, "/bucket/call-18.wav", 1) == [None]
    assert ordered.take("(body)", "call-17 in a digest") is not None


def test_a_failure_may_be_for_ever_and_for_everything() -> None:
    assert taken(faults("", {"status": 503, "times": None}), "/any.wav", 3) == ["503"] * 3


def test_reset_forgets_what_was_ordered() -> None:
    ordered = faults("", {"status": 503})
    ordered.reset()
    assert taken(ordered, "/any.wav", 1) == [None]


@pytest.mark.parametrize(
    "order",
    [
        [],
        {"match": "x"},
        {"match": 1, "then": [{"status": 500}]},
        {"match": "x", "then": []},
        {"match": "x", "then": ["reset"]},
        {"match": "x", "then": [{}]},
        {"match": "x", "then": [{"action": "explode"}]},
        {"match": "x", "then": [{"status": 99}]},
        {"match": "x", "then": [{"status": 500, "times": 0}]},
        {"match": "x", "then": [{"status": 500, "delay": -1}]},
        {"match": "x", "then": [{"status": 500, "parallel": 0}]},
        {"match": "x", "then": [{"status": 500, "headers": []}]},
        {"match": "x", "then": [{"status": 500, "unknown": 1}]},
    ],
)
def test_a_malformed_order_is_refused(order: object) -> None:
    with pytest.raises(InvalidFault):
        Faults().add(order)
