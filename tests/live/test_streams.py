"""Whatever Kinesis Video Streams does, each word is stored once, as if nothing had happened."""

import asyncio
from typing import Any

import pytest

from tests.live.calls import FRAGMENT_SAMPLES, SECONDS, Transcript, numbers
from tests.live.stage import SimulatedStage

Order = dict[str, Any]

FAULTS: dict[str, list[Order]] = {
    "ends early": [{"action": "end", "after": 3, "times": 4}],
    "ends at once": [{"action": "end", "times": 2}],
    "ends inside a fragment": [{"action": "end", "after": 3, "bytes": 20_000, "times": 3}],
    "breaks inside a fragment": [{"action": "break", "after": 3, "bytes": 700, "times": 3}],
    "reports an error in the body": [
        {"action": "error", "code": "INTERNAL_ERROR", "id": "5000", "after": 4, "times": 2}
    ],
    "has lost the token's fragment": [
        {"action": "end", "after": 5},
        {"action": "error", "code": "FRAGMENT_NOT_FOUND", "id": "4000"},
    ],
    "refuses the token": [{"action": "end", "after": 5}, {"action": "refuse", "code": "InvalidArgumentException"}],
    "sends fragments again": [{"action": "end", "after": 6}, {"action": "resend", "fragments": 4}],
    "refuses because of too many requests": [{"action": "refuse", "code": "ClientLimitExceededException", "times": 2}],
    "answers with an internal failure": [
        {"action": "end", "after": 4},
        {"action": "refuse", "code": "InternalFailure", "times": 2},
    ],
    "stalls": [{"action": "stall", "seconds": 60.0, "after": 5}],
    "stalls inside a fragment": [{"action": "stall", "seconds": 60.0, "after": 5, "bytes": 9_000}],
}

# How a body ends that meets a failure: one that stalls is left by its reader.
SEEN = {"refuse": "refused:", "stall": "client", "resend": ""} | {
    action: f"fault:{action}" for action in ("end", "break", "error")
}


@pytest.mark.parametrize("what", FAULTS)
async def test_nothing_is_lost_or_repeated_when_getmedia(
    stage: SimulatedStage, undisturbed: Transcript, what: str
) -> None:
    stage.streams_fail(*FAULTS[what])
    async with stage.streamer():
        item = await stage.follow()
    transcript = await stage.transcript()
    if "stalls" in what:
        # As long without audio Deepgram may be asked to finalise, and cut an utterance in two; the words are the same.
        assert [transcript.numbers(channel) for channel in (0, 1)] == [undisturbed.numbers(c) for c in (0, 1)]
    else:
        assert transcript == undisturbed
    assert (item["complete"], item["gaps"]) == (True, [])
    statuses = [body["status"] for body in stage.bodies()]
    for fault in FAULTS[what]:
        assert sum(status.startswith(SEEN[fault["action"]]) for status in statuses) >= fault.get("times", 1)


@pytest.mark.parametrize("inclusive", [True, False])
async def test_tokens_may_mean_their_fragment_or_the_next(
    stage: SimulatedStage, undisturbed: Transcript, inclusive: bool
) -> None:
    stage.streams.settings.inclusive_tokens = inclusive
    stage.streams_fail({"action": "end", "after": 2, "times": 5})
    async with stage.streamer():
        item = await stage.follow()
    assert await stage.transcript() == undisturbed
    assert item["complete"]


async def test_a_body_that_reaches_its_longest_time(stage: SimulatedStage, undisturbed: Transcript) -> None:
    stage.streams.settings.session_seconds = 4.0
    async with stage.streamer():
        item = await stage.follow()
    assert await stage.transcript() == undisturbed
    assert item["complete"]
    assert [body["status"] for body in stage.bodies()].count("session-limit") >= 3


@pytest.mark.parametrize("delivery", ["bursts", "blocks"])
async def test_fragments_that_come_whole_or_block_by_block(
    stage: SimulatedStage, undisturbed: Transcript, delivery: str
) -> None:
    stage.streams.settings.delivery = delivery
    async with stage.streamer():
        await stage.follow()
    assert await stage.transcript() == undisturbed


async def test_a_stream_that_others_read_is_read_when_one_of_them_leaves(
    stage: SimulatedStage, undisturbed: Transcript
) -> None:
    stage.stream().readers += 3
    playing = asyncio.create_task(stage.play(stage.contact()))
    async with stage.streamer():
        await stage.announce()

        async def refused() -> bool:
            statuses = [body["status"] for body in stage.bodies()]
            return statuses.count("refused:ConnectionLimitExceededException") >= 2

        await stage.wait(refused)
        stage.stream().readers -= 1
        await playing
        await stage.hang_up()
        item = await stage.ended()
    assert await stage.transcript() == undisturbed
    assert item["complete"]


@pytest.mark.parametrize("fragments", [range(5, 6), range(5, 8), range(2, 14)])
async def test_audio_that_the_stream_lost_is_a_gap_and_all_around_it_is_there(
    stage: SimulatedStage, fragments: range
) -> None:
    async with stage.streamer():
        item = await stage.follow(lost=fragments)
    lost = range(fragments.start * FRAGMENT_SAMPLES, fragments.stop * FRAGMENT_SAMPLES)
    assert item["gaps"] == [{"start": lost.start, "end": lost.stop, "reason": "missing", "channel": None}]
    assert (item["complete"], item["incomplete_reasons"]) == (False, ["gap-missing"])
    assert item["duration_seconds"] == pytest.approx(SECONDS, abs=0.1)
    transcript = await stage.transcript()
    assert [transcript.numbers(channel) for channel in (0, 1)] == [numbers(channel, lost=lost) for channel in (0, 1)]
    assert stage.counted("Gaps") == 1
