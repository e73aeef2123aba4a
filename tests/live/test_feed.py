"""Who watches has each final word at least once; a feed that is slow or down holds up nothing."""

import asyncio
from typing import Any

from callscribe.contract.identifiers import feed_channel
from tests.live.calls import Transcript
from tests.live.stage import CLINIC, SimulatedStage


async def assert_all_heard(stage: SimulatedStage) -> None:
    """A subscriber who passes over numbers that it has is left with what the table has."""
    stored = await stage.cloud.utterances(stage.call_id)
    heard = stage.heard()
    assert sorted(heard) == [item["seq"] for item in stored]
    assert [heard[item["seq"]]["text"] for item in stored] == [item["text"] for item in stored]


async def test_words_are_told_as_they_pass_and_when_they_are_final(stage: SimulatedStage) -> None:
    async with stage.streamer():
        await stage.follow()
    await assert_all_heard(stage)
    events = stage.feed.events[feed_channel(CLINIC, stage.call_id)]
    assert any(event["type"] == "interim" for event in events)
    assert stage.states() == ["streaming", "completed"]


async def test_a_slow_feed_holds_up_nothing(stage: SimulatedStage, undisturbed: Transcript) -> None:
    stage.feed.delay = 1.0
    async with stage.streamer():
        item = await stage.follow()
    assert await stage.transcript() == undisturbed
    assert item["complete"]
    await assert_all_heard(stage)


async def test_a_feed_that_answers_too_late_is_told_again(stage: SimulatedStage, undisturbed: Transcript) -> None:
    stage.feed.unanswered = 2
    async with stage.streamer():
        item = await stage.follow()
    assert await stage.transcript() == undisturbed
    assert item["complete"]
    await assert_all_heard(stage)
    events = stage.feed.events[feed_channel(CLINIC, stage.call_id)]
    finals = [event["seq"] for event in events if event["type"] == "final"]
    assert len(finals) > len(set(finals))


async def test_a_feed_that_is_down_for_a_while_is_told_what_it_missed(
    stage: SimulatedStage, undisturbed: Transcript
) -> None:
    stage.feed.down = True
    playing: asyncio.Task[Any] = asyncio.create_task(stage.play(stage.contact()))
    await stage.announce()
    async with stage.streamer():

        async def refused() -> bool:
            return stage.feed.refused >= 2

        await stage.wait(refused)
        stage.feed.down = False
        await playing
        await stage.hang_up()
        await stage.ended()
    assert await stage.transcript() == undisturbed
    await assert_all_heard(stage)


async def test_with_a_feed_that_is_down_all_words_are_in_the_table(
    stage: SimulatedStage, undisturbed: Transcript
) -> None:
    stage.feed.down = True
    async with stage.streamer():
        item = await stage.follow()
    assert await stage.transcript() == undisturbed
    assert item["complete"]
    assert item["published_seq"] == 0
    assert stage.counted("FeedDropped") > 0


async def test_what_a_streamer_could_not_publish_the_next_one_does(
    stage: SimulatedStage, undisturbed: Transcript
) -> None:
    stage.feed.down = True
    playing = asyncio.create_task(stage.play(stage.contact()))
    await stage.announce()
    async with stage.streamer() as service:
        await stage.words(3)
        await stage.hand_over(service)
    assert not stage.heard()
    stage.feed.down = False
    async with stage.streamer():
        await playing
        await stage.hang_up()
        await stage.ended()
    assert await stage.transcript() == undisturbed
    await assert_all_heard(stage)
