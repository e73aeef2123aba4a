"""Whatever Deepgram does, each word is stored once, as if nothing had happened."""

from typing import Any

import pytest

from streamer.deepgram.session import SessionLimits
from tests.live.calls import Transcript, numbers
from tests.live.stage import SimulatedStage

Order = dict[str, Any]

FAULTS: dict[str, list[Order]] = {
    "closes with 1011": [{"action": "close", "code": 1011, "after": 5.0}],
    "closes with 1011 again and again": [{"action": "close", "code": 1011, "after": 3.2, "times": 4}],
    "closes with 1011 at once": [{"action": "close", "code": 1011, "times": 2}],
    "closes with 1008": [{"action": "close", "code": 1008, "reason": "DATA-0000", "after": 5.0}],
    "closes with 1008 twice on the same audio": [
        {"action": "close", "code": 1008, "reason": "DATA-0000", "after": 0.5, "times": 2}
    ],
    "resets": [{"action": "reset", "after": 7.3}],
    "refuses with 503": [{"status": 503, "times": 3}],
    "refuses with 503 in mid-call": [{"action": "close", "after": 6.0}, {"status": 503, "times": 3}],
    "refuses with 429 and Retry-After": [{"status": 429, "headers": {"Retry-After": "2"}, "times": 2}],
    "refuses with 429 in mid-call": [{"action": "reset", "after": 6.0}, {"status": 429, "times": 2}],
    "lets the handshake hang": [{"action": "hang"}],
    "stalls for ever": [{"action": "stall", "seconds": None, "after": 6.0}],
    "leaves the connection half open": [{"action": "half-open", "after": 6.0}],
    "answers late": [{"action": "late", "seconds": 3.0, "after": 4.0}],
    "sends an unknown message": [{"action": "unknown-message", "at_final": 3}],
    "sends an error message": [{"action": "error-message", "at_final": 3}],
    "sends a final result that is no JSON": [{"action": "malformed-json", "at_final": 3}],
    "sends a final result of wrong types": [{"action": "wrong-types", "at_final": 4}],
    "sends a final result twice": [{"action": "duplicate", "at_final": 2}],
    "closes without saying that it is done": [{"action": "no-metadata"}],
    "does one after the other": [
        {"status": 429, "headers": {"Retry-After": "1"}},
        {"action": "malformed-json", "at_final": 2},
        {"action": "close", "code": 1011, "after": 3.0},
        {"status": 503},
        {"action": "stall", "seconds": None, "after": 3.0},
        {"action": "duplicate", "at_final": 1},
    ],
}


def failures_of(stage: SimulatedStage) -> list[str]:
    return [failure for connection in stage.connections() for failure in connection["faults"]]


@pytest.mark.parametrize("what", FAULTS)
async def test_nothing_is_lost_or_repeated_when_deepgram(
    stage: SimulatedStage, undisturbed: Transcript, what: str
) -> None:
    stage.deepgram_fails(*FAULTS[what])
    async with stage.streamer():
        item = await stage.follow()
    assert await stage.transcript() == undisturbed
    assert (item["complete"], item["gaps"]) == (True, [])
    assert len(failures_of(stage)) == sum(fault.get("times", 1) for fault in FAULTS[what])


async def test_deepgram_that_stalls_for_a_while_is_asked_and_says_the_rest(stage: SimulatedStage) -> None:
    stage.deepgram_fails({"action": "stall", "seconds": 12.0, "after": 5.0})
    async with stage.streamer():
        item = await stage.follow()
    # Asked to finalise, Deepgram may cut an utterance in two; the words are the same.
    transcript = await stage.transcript()
    assert [transcript.numbers(channel) for channel in (0, 1)] == [numbers(0), numbers(1)]
    assert (item["complete"], item["gaps"]) == (True, [])


async def test_a_result_that_stays_unreadable_is_a_gap_that_is_told(stage: SimulatedStage) -> None:
    # The first result with words is that of the customer's first turn, whichever connection it comes over.
    stage.deepgram_fails({"action": "wrong-types", "at_final": 1, "times": 3})
    async with stage.streamer():
        item = await stage.follow()
    transcript = await stage.transcript()
    assert transcript.numbers(1) == numbers(1)
    assert transcript.numbers(0) == numbers(0)[75:]
    assert (item["complete"], item["incomplete_reasons"]) == (False, ["gap-unreadable"])
    ((start, end),) = [(gap["start"], gap["end"]) for gap in item["gaps"]]
    assert (start, end) == (0, 75 * 160 + 2400)


@pytest.mark.parametrize(
    ("status", "code"), [(400, "BadRequest"), (402, "ASR_PAYMENT_REQUIRED"), (403, "INSUFFICIENT_PERMISSIONS")]
)
async def test_a_refusal_for_good_fails_the_call(stage: SimulatedStage, status: int, code: str) -> None:
    stage.deepgram_fails({"status": status, "times": None})
    async with stage.streamer():
        item = await stage.follow()
    assert (item["status"], item["error_code"]) == ("failed", f"Deepgram.{code}")
    assert await stage.failed_calls() == [(stage.call_id, f"Deepgram.{code}")]


async def test_a_call_that_failed_in_its_middle_goes_on_there_when_it_is_redriven(
    stage: SimulatedStage, undisturbed: Transcript
) -> None:
    refused = {"action": "close", "code": 1008, "reason": "DATA-0000", "after": 0.5, "times": 3}
    stage.deepgram_fails({"action": "close", "after": 8.0}, refused)
    async with stage.streamer():
        item = await stage.follow()
        assert (item["status"], item["error_code"]) == ("failed", "Deepgram.DATA-0000")
        assert 1 < item["next_seq"] <= sum(map(len, undisturbed.channels))
        assert await stage.failed_calls() == [(stage.call_id, "Deepgram.DATA-0000")]
        await stage.announce()
        item = await stage.until(status="completed")
    assert await stage.transcript() == undisturbed
    assert (item["complete"], item["gaps"]) == (True, [])


async def test_deepgram_that_stays_out_of_reach_fails_the_call(stage: SimulatedStage) -> None:
    stage.deepgram_fails({"action": "close", "after": 4.0}, {"status": 503, "times": None})
    async with stage.streamer(session_limits=SessionLimits(outage=20.0)):
        item = await stage.follow()
    assert (item["status"], item["error_code"]) == ("failed", "Deepgram.Unavailable")


async def test_what_is_final_is_silent_in_a_replay(stage: SimulatedStage, undisturbed: Transcript) -> None:
    """After five seconds the customer's words are final up to the 200th, the agent's to the pause after the 90th."""
    stage.deepgram_fails({"action": "close", "code": 1011, "after": 5.0})
    async with stage.streamer():
        await stage.follow()
    assert await stage.transcript() == undisturbed
    _, replay = stage.connections()
    assert [channel["numbers"][0][0] for channel in replay["channels"]] == [10_200, 20_090]
    assert [channel["damaged"] for channel in replay["channels"]] == [0, 0]


async def test_a_long_replay_keeps_to_the_pace(stage: SimulatedStage, undisturbed: Transcript) -> None:
    stage.deepgram_fails({"status": 503, "headers": {"Retry-After": "6"}, "times": 2})
    async with stage.streamer():
        await stage.follow()
    assert await stage.transcript() == undisturbed
    *_, replay = stage.connections()
    # A dozen seconds were waiting; what a `Pacer` lets out at once is three.
    assert replay["ahead_seconds"] < 4.5
