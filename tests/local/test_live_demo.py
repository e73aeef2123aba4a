"""The demo's proof fails when something is lost or repeated."""

from typing import Any

import pytest

from local.live_demo import NotProven, check

TURNS = [{"channel": 1, "start": 0.5, "end": 2.5}, {"channel": 0, "start": 2.0, "end": 6.0}]
CALL = {"complete": True, "incomplete_reasons": []}


def said(seq: int, channel: int, start: float, end: float) -> dict[str, Any]:
    return {"seq": seq, "channel": channel, "start": start, "end": end}


WHOLE = [said(1, 1, 0.6, 2.4), said(2, 0, 2.1, 4.5), said(3, 0, 4.5, 6.0)]


def test_a_whole_transcript_passes_though_a_turn_is_in_pieces_and_both_speak_at_once() -> None:
    check(CALL, WHOLE, TURNS)


@pytest.mark.parametrize(
    ("utterances", "wrong"),
    [
        (WHOLE[:1], "channel 0 at 4.0 s is missing"),
        ([*WHOLE, said(4, 0, 4.0, 5.0)], "there twice on channel 0 at 4.0 s"),
        ([WHOLE[0], WHOLE[2]], r"numbered \[1, 3\]"),
        ([WHOLE[0], *WHOLE], r"numbered \[1, 1, 2, 3\]"),
        ([], "missing"),
    ],
)
def test_what_is_lost_or_repeated_is_named(utterances: list[dict[str, Any]], wrong: str) -> None:
    with pytest.raises(NotProven, match=wrong):
        check(CALL, utterances, TURNS)


def test_an_incomplete_call_does_not_pass() -> None:
    with pytest.raises(NotProven, match="gap-missing"):
        check({"complete": False, "incomplete_reasons": ["gap-missing"]}, WHOLE, TURNS)
