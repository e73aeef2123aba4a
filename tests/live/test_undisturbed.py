"""A call that nothing happens to."""

from tests.live.calls import SECONDS, numbers
from tests.live.stage import SimulatedStage


async def test_every_frame_becomes_a_word_once_and_in_order(stage: SimulatedStage) -> None:
    async with stage.streamer():
        item = await stage.follow()
    transcript = await stage.transcript()
    assert [transcript.numbers(channel) for channel in (0, 1)] == [numbers(0), numbers(1)]
    assert (item["complete"], item["end_reason"], item["gaps"], item["reconnects"]) == (True, "disconnected", [], 0)
    assert abs(item["duration_seconds"] - SECONDS) < 0.1
    assert item["word_count"] == len(numbers(0)) + len(numbers(1))
