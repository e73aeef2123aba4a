"""A call is complete only if what Connect says of both its ends agrees with what was heard."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from callscribe.live.call import SAMPLE_RATE
from tests.live.calls import FRAGMENT_SAMPLES, SECONDS, numbers
from tests.live.stage import SimulatedStage

FRAGMENT_MS = FRAGMENT_SAMPLES * 1000 // SAMPLE_RATE


def missing(channel: int, *, before: int = 0, after: int | None = None) -> list[int]:
    """What is said on a channel without the fragments before one and after another."""
    end = len(numbers(channel)) if after is None else after * FRAGMENT_SAMPLES
    said = set(numbers(channel, lost=range(before * FRAGMENT_SAMPLES)))
    if after is not None:
        said &= set(numbers(channel, lost=range(end, 1 << 40)))
    return sorted(said)


@pytest.mark.parametrize("lost", [3, 8])
async def test_a_beginning_that_the_stream_no_longer_has_is_missing(stage: SimulatedStage, lost: int) -> None:
    async with stage.streamer():
        item = await stage.follow(first=lost)
    assert (item["complete"], item["incomplete_reasons"]) == (False, ["beginning-missing"])
    assert item["beginning"] == {
        "heard_at_ms": stage.started_at_ms + lost * FRAGMENT_MS,
        "told_at_ms": stage.started_at_ms,
        "source": "start-timestamp",
        "missing": True,
    }
    transcript = await stage.transcript()
    assert [transcript.numbers(channel) for channel in (0, 1)] == [missing(channel, before=lost) for channel in (0, 1)]
    assert stage.counted("CallsIncomplete") == 1


async def test_a_start_that_was_told_too_late_is_seen_by_its_fragment(stage: SimulatedStage) -> None:
    """The stream is read from a time at which the call had begun to speak."""
    await stage.play(stage.contact(), pace=100)
    start_fragment = next(iter(stage.stream())).number
    await stage.announce(started_at_ms=stage.started_at_ms + 5_000, start_fragment=start_fragment)
    await stage.hang_up()
    async with stage.streamer():
        item = await stage.ended()
    heard_ms = item["beginning"]["heard_at_ms"] - stage.started_at_ms
    assert heard_ms > FRAGMENT_MS
    assert item["incomplete_reasons"] == ["beginning-missing"]
    assert (item["beginning"]["source"], item["first_fragment"] > start_fragment) == ("start-fragment", True)


async def test_a_start_that_was_told_too_late_proves_nothing_without_its_fragment(stage: SimulatedStage) -> None:
    await stage.play(stage.contact(), pace=100)
    await stage.announce(started_at_ms=stage.started_at_ms + 5_000)
    await stage.hang_up()
    async with stage.streamer():
        item = await stage.ended()
    assert item["incomplete_reasons"] == ["beginning-not-proven"]
    assert item["beginning"]["missing"] is None


async def test_a_beginning_is_proven_by_its_fragment(stage: SimulatedStage) -> None:
    """Another call's audio is before it, and it is handed over: the fragment is still known."""
    before = stage.contact("call-before", start_ms=stage.started_at_ms - 60_000)
    await stage.play(before, pace=100)
    await stage.play(stage.contact(), until=6, pace=100)
    stored = list(stage.stream())
    start_fragment = stored[-6].number
    await stage.announce(started_at_ms=stage.started_at_ms - 100, start_fragment=start_fragment)
    async with stage.streamer() as service:
        await stage.words(1)
        await stage.hand_over(service)
    async with stage.streamer():
        await stage.play(stage.contact(), first=6, pace=100)
        await stage.hang_up()
        item = await stage.ended()
    assert (item["complete"], item["incomplete_reasons"]) == (True, [])
    assert (item["first_fragment"], item["beginning"]["source"]) == (start_fragment, "start-fragment")


@pytest.mark.parametrize("went_on", [5.0, 60.0])
async def test_an_end_that_never_arrived_is_missing(stage: SimulatedStage, went_on: float) -> None:
    """The stream falls silent, and the contact goes on."""
    ended_ms = stage.started_at_ms + 8 * FRAGMENT_MS
    over = datetime.fromtimestamp(ended_ms / 1000 + went_on, UTC)
    async with stage.streamer():
        await stage.announce()
        await stage.play(stage.contact(), until=8)
        await asyncio.sleep(went_on)
        await stage.cloud.change(stage.call_id, disconnected_at=over.isoformat())
        item = await stage.ended()
    assert (item["end_reason"], item["complete"]) == ("disconnected", False)
    assert item["incomplete_reasons"] == ["end-missing"]
    assert (item["end"]["heard_at_ms"], item["end"]["missing"]) == (ended_ms, True)
    transcript = await stage.transcript()
    assert [transcript.numbers(channel) for channel in (0, 1)] == [missing(channel, after=8) for channel in (0, 1)]


async def test_last_fragments_that_were_lost_are_no_silence(stage: SimulatedStage) -> None:
    fragments = len(list(stage.contact().fragments()))
    async with stage.streamer():
        item = await stage.follow(lost=range(fragments - 3, fragments))
    assert (item["complete"], item["incomplete_reasons"]) == (False, ["end-missing"])


@pytest.mark.parametrize(("after", "reasons"), [(5.0, []), (60.0, ["end-not-proven"])])
async def test_connect_s_word_of_an_end_that_the_stream_has_shown_is_waited_for(
    stage: SimulatedStage, after: float, reasons: list[str]
) -> None:
    """Another contact has the stream before the event of the end arrives."""
    later = stage.contact("call-after", start_ms=stage.started_at_ms + round(SECONDS * 1000) + 100)
    async with stage.streamer():
        await stage.announce()
        await stage.play(stage.contact())
        await stage.play(later, until=1)
        await asyncio.sleep(after)
        await stage.hang_up()
        item = await stage.ended()
    assert (item["end_reason"], item["incomplete_reasons"]) == ("other-contact", reasons)


async def test_the_time_of_a_whole_call_is_one_interval(stage: SimulatedStage) -> None:
    async with stage.streamer():
        item = await stage.follow()
    assert (item["complete"], item["incomplete_reasons"]) == (True, [])
    [interval] = item["intervals"]
    assert interval["start_ms"] == stage.started_at_ms
    assert interval["end_ms"] == pytest.approx(stage.started_at_ms + SECONDS * 1000, abs=100)
    assert (item["beginning"]["missing"], item["end"]["missing"]) == (False, False)
    assert item["end"]["source"] == "disconnect-timestamp"


async def test_gaps_and_a_streamer_that_is_replaced_leave_the_times_as_they_are(stage: SimulatedStage) -> None:
    playing = asyncio.create_task(stage.play(stage.contact(), lost=(4, 5)))
    await stage.announce()
    async with stage.streamer() as service:
        await stage.words(3)
        await stage.hand_over(service)
    async with stage.streamer():
        await playing
        await stage.hang_up()
        item = await stage.ended()
    assert item["incomplete_reasons"] == ["gap-missing"]
    assert [piece["start_ms"] - stage.started_at_ms for piece in item["intervals"]] == [0, 6 * FRAGMENT_MS]
    assert item["intervals"][0]["end_ms"] == stage.started_at_ms + 4 * FRAGMENT_MS


async def stop(stage: SimulatedStage, at_ms: int) -> None:
    """Note a stop as the flow's function does, behind the newest fragment."""
    item = await stage.cloud.live(stage.call_id)
    stops: frozenset[int] = item.get("stops_ms", frozenset())
    number = list(stage.stream())[-1].number
    await stage.cloud.change(stage.call_id, stop_fragment=number, stopped_at_ms=at_ms, stops_ms=stops | {at_ms})


async def test_a_call_that_is_stopped_and_started_several_times_has_several_intervals(stage: SimulatedStage) -> None:
    parts, pause_ms = ((0, 4), (4, 8), (8, 12)), 30_000
    times: list[tuple[int, int]] = []
    async with stage.streamer():
        for number, (first, until) in enumerate(parts):
            shift = number * pause_ms
            start_ms = stage.started_at_ms + first * FRAGMENT_MS + shift
            played = stage.contact(start_ms=stage.started_at_ms + shift, segment_uid=bytes([65 + number]) * 16)
            await stage.announce(started_at_ms=start_ms)
            await stage.until(status="streaming")
            await stage.play(played, first=first, until=until)
            times.append((start_ms, stage.started_at_ms + until * FRAGMENT_MS + shift))
            await stop(stage, times[-1][1])
            item = await stage.until(status="completed", end_reason="stop-fragment", announced=True)
    assert (item["complete"], item["incomplete_reasons"], item["gaps"]) == (True, [], [])
    assert [(piece["start_ms"], piece["end_ms"]) for piece in item["intervals"]] == times
    assert item["end"]["source"] == "stop-timestamp"


@pytest.mark.parametrize(
    ("lost", "reasons"),
    [
        # The last words before the stop, the first ones after the start.
        ((5, 6, 7), ["gap-missing"]),
        ((8, 9, 10), ["gap-missing"]),
        ((), []),
    ],
)
async def test_what_is_lost_beside_a_pause_is_a_gap(
    stage: SimulatedStage, lost: tuple[int, ...], reasons: list[str]
) -> None:
    stopped_ms, pause_ms = stage.started_at_ms + 8 * FRAGMENT_MS, 30_000
    again: dict[str, Any] = {"start_ms": stage.started_at_ms + pause_ms, "segment_uid": b"another segment!"}
    async with stage.streamer():
        await stage.announce()
        await stage.play(stage.contact(), until=8, lost=lost)
        await stage.cloud.change(stage.call_id, stops_ms=frozenset({stopped_ms}))
        await stage.announce(started_at_ms=stopped_ms + pause_ms)
        await stage.play(stage.contact(**again), first=8, lost=lost)
        await stage.hang_up()
        item = await stage.ended()
    assert item["incomplete_reasons"] == reasons
    if lost:
        [gap] = item["gaps"]
        assert gap["end"] - gap["start"] == len(lost) * FRAGMENT_SAMPLES


async def test_what_was_said_before_a_pause_is_read_by_whoever_hears_the_call_first(stage: SimulatedStage) -> None:
    """The streamer that took the call was gone before it said anything, and streaming was stopped and started."""
    stopped_ms, pause_ms = stage.started_at_ms + 8 * FRAGMENT_MS, 30_000
    again: dict[str, Any] = {"start_ms": stage.started_at_ms + pause_ms, "segment_uid": b"another segment!"}
    await stage.announce()
    async with stage.streamer() as service:
        await stage.until(status="streaming")
        await stage.hand_over(service)
    await stage.play(stage.contact(), until=8, pace=100)
    await stage.cloud.change(stage.call_id, stops_ms=frozenset({stopped_ms}), resumed_at_ms=stopped_ms + pause_ms)
    await stage.play(stage.contact(**again), first=8, pace=100)
    await stage.hang_up()
    async with stage.streamer():
        item = await stage.ended()
    assert (item["complete"], item["gaps"]) == (True, [])
    transcript, cut = await stage.transcript(), 8 * FRAGMENT_SAMPLES
    said = [numbers(channel, lost=range(cut, cut)) for channel in (0, 1)]
    assert [transcript.numbers(channel) for channel in (0, 1)] == said
