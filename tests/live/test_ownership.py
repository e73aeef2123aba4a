"""Whoever has a call, and however often it changes hands, each word is stored once."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from tests.live.calls import FRAGMENT_SAMPLES, SECONDS, Transcript, numbers
from tests.live.stage import SimulatedStage
from tests.simulation.live.network import Network


async def test_a_contact_that_is_announced_twice_is_followed_once(
    stage: SimulatedStage, undisturbed: Transcript
) -> None:
    async with stage.streamer():
        for _ in range(3):
            await stage.announce()
        item = await stage.follow()
        await stage.announce()  # and once more when it is over
        await stage.ended()
    assert await stage.transcript() == undisturbed
    assert (item["complete"], item["epoch"]) == (True, 1)
    assert stage.counted("CallsStarted") == 1


async def test_of_streamers_that_race_for_a_call_one_follows_it(stage: SimulatedStage, undisturbed: Transcript) -> None:
    async with AsyncExitStack() as streamers:
        for _ in range(4):
            await streamers.enter_async_context(stage.streamer())
        await asyncio.gather(*(stage.announce() for _ in range(8)))
        item = await stage.follow()
    assert await stage.transcript() == undisturbed
    assert (item["complete"], item["epoch"]) == (True, 1)
    assert stage.counted("CallsStarted") == 1


async def test_a_call_that_goes_from_streamer_to_streamer(stage: SimulatedStage, undisturbed: Transcript) -> None:
    playing = asyncio.create_task(stage.play(stage.contact()))
    await stage.announce()
    for epoch, words in enumerate((1, 3, 5, 8), start=1):
        async with stage.streamer() as service:
            await stage.until(epoch=epoch)
            await stage.words(words)
            await stage.hand_over(service)
        item = await stage.until(status="released")
        assert item["lease_until"] == 0
    async with stage.streamer():
        await playing
        await stage.hang_up()
        item = await stage.ended()
    assert await stage.transcript() == undisturbed
    assert (item["complete"], item["handovers"]) == (True, 4)
    finals = stage.heard()
    assert sorted(finals) == list(range(1, item["next_seq"]))


async def test_a_call_goes_from_streamer_to_streamer_while_everything_fails(
    stage: SimulatedStage, undisturbed: Transcript
) -> None:
    stage.deepgram_fails(
        {"action": "close", "after": 2.0},
        {"status": 503},
        {"action": "malformed-json"},
        {"action": "reset", "after": 1},
    )
    stage.streams_fail({"action": "end", "after": 2}, {"action": "break", "after": 2, "bytes": 500, "times": 3})
    playing = asyncio.create_task(stage.play(stage.contact()))
    await stage.announce()
    for words in (1, 5):
        async with stage.streamer() as service:
            await stage.words(words)
            await stage.hand_over(service)
    async with stage.streamer():
        await playing
        await stage.hang_up()
        item = await stage.ended()
    assert await stage.transcript() == undisturbed
    assert (item["complete"], item["handovers"]) == (True, 2)


async def test_a_hand_over_whose_token_is_gone_goes_on_by_the_time(
    stage: SimulatedStage, undisturbed: Transcript
) -> None:
    playing = asyncio.create_task(stage.play(stage.contact()))
    await stage.announce()
    async with stage.streamer() as service:
        await stage.words(4)
        await stage.hand_over(service)
    stage.streams_fail({"action": "error", "code": "FRAGMENT_NOT_FOUND", "id": "4000"})
    async with stage.streamer():
        await playing
        await stage.hang_up()
        item = await stage.ended()
    assert await stage.transcript() == undisturbed
    assert item["complete"]


async def test_a_streamer_that_was_cut_off_and_comes_back_writes_nothing(
    stage: SimulatedStage, undisturbed: Transcript
) -> None:
    network, lease = Network(), 4
    playing = asyncio.create_task(stage.play(stage.contact(), until=10))
    await stage.announce()
    async with stage.streamer(network=network, lease_seconds=lease) as cut_off:
        await stage.words(3)
        network.break_off()
        await playing
        async with stage.streamer(lease_seconds=lease):
            await stage.until(epoch=2)
            await stage.words(8)
            before = await stage.cloud.live(stage.call_id)
            network.mend()
            await cut_off.intake.wait_until(lambda: not cut_off.intake.slots_used)
            after = await stage.cloud.live(stage.call_id)
            assert (after["lease_owner"], after["epoch"]) == (before["lease_owner"], 2)
            await stage.play(stage.contact(), first=10)
            await stage.hang_up()
            item = await stage.ended()
    assert await stage.transcript() == undisturbed
    assert (item["complete"], item["epoch"]) == (True, 2)
    assert stage.counted("LeasesLost") == 1


async def test_a_table_that_is_out_of_reach_delays_and_loses_nothing(
    stage: SimulatedStage, undisturbed: Transcript
) -> None:
    playing = asyncio.create_task(stage.play(stage.contact()))
    await stage.announce()
    async with stage.streamer():
        await stage.words(2)
        with stage.stall("transact_write_items") as waiting:

            async def stalled() -> bool:
                return waiting() > 0

            await stage.wait(stalled)
            stored = await stage.transcript()
            await playing
            assert await stage.transcript() == stored
        await stage.hang_up()
        item = await stage.ended()
    assert await stage.transcript() == undisturbed
    assert (item["complete"], item["gaps"]) == (True, [])


async def test_streaming_that_is_stopped_for_a_payment_and_started_again_is_one_call(stage: SimulatedStage) -> None:
    """The number of a card is not streamed, so that the pause is no gap."""
    first, pause_ms = stage.contact(), 30_000
    resumed_ms = stage.started_at_ms + 8 * 1_024 + pause_ms
    again = stage.contact(start_ms=stage.started_at_ms + pause_ms, segment_uid=b"another segment!")
    async with stage.streamer():
        await stage.announce()
        await stage.play(first, until=8)
        stopped = {"stop_fragment": list(stage.stream())[-1].number, "stopped_at_ms": resumed_ms - pause_ms}
        await stage.cloud.change(stage.call_id, **stopped)
        item = await stage.ended()
        assert (item["end_reason"], item["complete"]) == ("stop-fragment", True)
        await stage.announce(started_at_ms=resumed_ms)
        await stage.until(status="streaming")
        await stage.play(again, first=8)
        await stage.hang_up()
        item = await stage.ended()
    await assert_one_call(stage, item, pause_ms)


async def test_streaming_that_is_started_again_before_the_first_part_is_through_is_one_call(
    stage: SimulatedStage,
) -> None:
    pause_ms = 30_000
    resumed_ms = stage.started_at_ms + 8 * 1_024 + pause_ms
    again = stage.contact(start_ms=stage.started_at_ms + pause_ms, segment_uid=b"another segment!")
    await stage.play(stage.contact(), until=8, pace=100)
    await stage.announce()
    async with stage.streamer():
        await stage.words(1)
        stopped = {"stop_fragment": list(stage.stream())[-1].number, "stopped_at_ms": resumed_ms - pause_ms}
        await stage.cloud.change(stage.call_id, **stopped)
        await stage.announce(started_at_ms=resumed_ms)
        await stage.play(again, first=8)
        await stage.hang_up()
        item = await stage.until(status="completed", end_reason="disconnected")
    await assert_one_call(stage, item, pause_ms)


async def assert_one_call(stage: SimulatedStage, item: dict[str, object], pause_ms: int) -> None:
    transcript, cut = await stage.transcript(), 8 * FRAGMENT_SAMPLES
    said = [numbers(channel, lost=range(cut, cut)) for channel in (0, 1)]
    assert [transcript.numbers(channel) for channel in (0, 1)] == said
    assert (item["complete"], item["gaps"]) == (True, [])
    assert item["duration_seconds"] == pytest.approx(SECONDS + pause_ms / 1000, abs=0.1)
