"""What is not a call like others has an outcome that is told: in the table, in the queue, in the metrics."""

import pytest

from operations.verification.fragments import AGENT_TRACK, CUSTOMER_TRACK
from streamer.calls.ending import EndLimits
from tests.live.calls import BLOCK_SAMPLES, SECONDS, Transcript, numbers
from tests.live.stage import SimulatedStage


async def assert_failed(stage: SimulatedStage, code: str) -> None:
    item = await stage.ended()
    assert (item["status"], item["error_code"]) == ("failed", code)
    assert await stage.failed_calls() == [(stage.call_id, code)]
    assert "complete" not in item


async def test_a_stream_that_does_not_exist(stage: SimulatedStage) -> None:
    await stage.announce()
    stage.streams.delete(stage.stream().arn)
    async with stage.streamer(end_limits=EndLimits(start_wait=5.0)):
        await assert_failed(stage, "StreamNotFound")
    assert stage.counted("CallsFailed") == 1


async def test_a_stream_that_never_starts(stage: SimulatedStage) -> None:
    await stage.announce()
    async with stage.streamer(end_limits=EndLimits(start_wait=5.0)):
        await assert_failed(stage, "StreamNeverStarted")


async def test_a_stream_that_carries_other_contacts_only(stage: SimulatedStage) -> None:
    await stage.announce()
    async with stage.streamer(end_limits=EndLimits(start_wait=5.0)):
        await stage.play(stage.contact(f"{stage.call_id}-other", start_ms=stage.started_at_ms - 60_000))
        await assert_failed(stage, "StreamNeverStarted")
    assert await stage.transcript() == Transcript(([], []))


@pytest.mark.parametrize(
    "mime_type", ["audio/opus", "audio/L16;rate=16000;channels=1;", "audio/L16;rate=8000;channels=2;"]
)
async def test_audio_that_its_tag_calls_something_else(stage: SimulatedStage, mime_type: str) -> None:
    await stage.announce()
    async with stage.streamer():
        await stage.play(stage.contact(mime_type=mime_type), until=3)
        await assert_failed(stage, "UnsupportedAudio.media-type")


async def test_audio_whose_times_contradict_its_tag(stage: SimulatedStage) -> None:
    """Blocks of 64 ms with half as many samples as 8,000 in a second would make."""
    blocks = [(track, block) for track in (CUSTOMER_TRACK, AGENT_TRACK) for block in range(100)]
    await stage.announce()
    async with stage.streamer():
        await stage.play(stage.contact(odd_blocks=dict.fromkeys(blocks, BLOCK_SAMPLES)), until=6)
        await assert_failed(stage, "UnsupportedAudio.byte-rate")


async def test_a_call_of_no_length(stage: SimulatedStage) -> None:
    async with stage.streamer():
        item = await stage.follow(until=0)
    assert (item["status"], item["complete"], item["duration_seconds"]) == ("completed", True, 0.0)
    assert await stage.transcript() == Transcript(([], []))
    assert stage.connections() == []


async def test_a_call_over_the_limit_ends_there_and_says_so(stage: SimulatedStage) -> None:
    async with stage.streamer(end_limits=EndLimits(call=8.0)):
        await stage.announce()
        await stage.play(stage.contact())
        item = await stage.ended()
    assert (item["end_reason"], item["complete"], item["incomplete_reasons"]) == ("limit", False, ["over-limit"])
    assert 8.0 <= item["duration_seconds"] < SECONDS
    assert stage.counted("CallsIncomplete") == 1
    transcript = await stage.transcript()
    for channel in (0, 1):
        heard = transcript.numbers(channel)
        assert heard == numbers(channel)[: len(heard)]
        assert heard


async def test_a_call_that_only_falls_silent_is_not_proven_to_be_over(
    stage: SimulatedStage, undisturbed: Transcript
) -> None:
    async with stage.streamer(end_limits=EndLimits(idle=10.0)):
        await stage.announce()
        await stage.play(stage.contact())
        item = await stage.ended()
    assert await stage.transcript() == undisturbed
    assert (item["end_reason"], item["incomplete_reasons"]) == ("idle", ["end-not-proven"])


async def test_a_message_that_is_no_announcement_is_put_aside(stage: SimulatedStage) -> None:
    await stage.cloud.send("{}")
    async with stage.streamer():

        async def put_aside() -> bool:
            return len(await stage.cloud.failed()) == 1

        await stage.wait(put_aside)
        item = await stage.follow()
    assert item["complete"]
