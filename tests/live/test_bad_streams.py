"""Clocks that are set, lines that are bad, fragments that are damaged: what can be heard is, and the rest is told."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import pytest

from operations.verification.fragments import BLOCK_MS, Fragment
from tests.live.calls import BLOCK_SAMPLES, FRAGMENT_SAMPLES, Transcript, numbers
from tests.live.stage import SimulatedStage

STEP = 8
FIRST, LAST = 100, 180
"""Blocks between which a line is bad."""


def set_back(index: int, fragment: Fragment) -> Fragment:
    """From one fragment on a producer's session whose clock is three seconds behind."""
    if index < STEP:
        return fragment
    blocks = [replace(block, ms=block.ms - 3_000) for block in fragment.blocks]
    return replace(fragment, segment_uid=b"another session!", start_ms=fragment.start_ms - 3_000, blocks=blocks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Damaged(Fragment):
    """A fragment of which a block in the middle is no block."""

    def pieces(self, **options: Any) -> list[bytes]:
        pieces = Fragment.pieces(self, **options)
        pieces[17] = b"\0" + pieces[17][1:]
        return pieces


def said(*, lost: range = range(0), channels: tuple[int, ...] = (0, 1)) -> list[list[int]]:
    return [numbers(channel, lost=lost if channel in channels else range(0)) for channel in (0, 1)]


async def heard(stage: SimulatedStage) -> list[list[int]]:
    transcript = await stage.transcript()
    return [transcript.numbers(channel) for channel in (0, 1)]


async def test_a_clock_that_is_set_back_loses_no_word(stage: SimulatedStage, undisturbed: Transcript) -> None:
    async with stage.streamer():
        item = await stage.follow(change=set_back)
    assert await stage.transcript() == undisturbed
    assert (item["complete"], item["gaps"]) == (True, [])
    (step,) = item["clock_steps"]
    assert (step["position"], step["milliseconds"]) == (STEP * FRAGMENT_SAMPLES, 3_000)


@pytest.mark.parametrize("until", [STEP - 1, STEP + 1])
async def test_whoever_takes_such_a_call_over_puts_the_same_sound_in_the_same_place(
    stage: SimulatedStage, undisturbed: Transcript, until: int
) -> None:
    played = stage.contact()
    async with stage.streamer() as first:
        await stage.announce()
        await stage.play(played, until=until, change=set_back)
        await stage.words(6)
        await stage.hand_over(first)
    async with stage.streamer():
        await stage.play(played, first=until, change=set_back)
        await stage.hang_up()
        item = await stage.ended()
    assert item["epoch"] == 2
    assert await stage.transcript() == undisturbed
    assert (item["complete"], item["gaps"], len(item["clock_steps"])) == (True, [], 1)


@pytest.mark.parametrize("cut_short", [False, True])
async def test_a_bad_line_is_a_gap(stage: SimulatedStage, cut_short: bool) -> None:
    def worse(_: int, fragment: Fragment) -> Fragment:
        blocks = []
        for block in fragment.blocks:
            number = (block.ms - stage.started_at_ms) // BLOCK_MS
            if not FIRST <= number < LAST:
                blocks.append(block)
            elif cut_short:
                blocks.append(replace(block, pcm=block.pcm[:192]))
            elif number % 2:
                blocks.append(block)
        return replace(fragment, blocks=blocks)

    async with stage.streamer():
        item = await stage.follow(change=worse)
    assert (item["status"], item["incomplete_reasons"]) == ("completed", ["gap-missing"])
    (gap,) = item["gaps"]
    bad = range(FIRST * BLOCK_SAMPLES, LAST * BLOCK_SAMPLES)
    assert (gap["reason"], gap["channel"]) == ("missing", None)
    assert bad.start <= gap["start"] <= bad.start + 2 * BLOCK_SAMPLES
    assert bad.stop - 2 * BLOCK_SAMPLES <= gap["end"] <= bad.stop
    for good, all_heard in zip(said(lost=bad), await heard(stage), strict=True):
        assert set(good) <= set(all_heard)
        assert len(all_heard) == len(set(all_heard))


async def test_a_hole_in_one_track_is_a_gap_of_its_channel(stage: SimulatedStage) -> None:
    first, last = 60, 140

    def one_track(_: int, fragment: Fragment) -> Fragment:
        blocks = [
            block
            for block in fragment.blocks
            if not (block.track == 1 and first <= (block.ms - stage.started_at_ms) // BLOCK_MS < last)
        ]
        return replace(fragment, blocks=blocks)

    async with stage.streamer():
        item = await stage.follow(change=one_track)
    hole = range(first * BLOCK_SAMPLES, last * BLOCK_SAMPLES)
    assert item["gaps"] == [{"start": hole.start, "end": hole.stop, "reason": "missing", "channel": 0}]
    assert (item["complete"], item["incomplete_reasons"]) == (False, ["gap-missing"])
    assert await heard(stage) == said(lost=hole, channels=(0,))


@pytest.mark.parametrize("delivery", ["bursts", "blocks"])
async def test_a_fragment_that_stays_damaged_is_a_gap(stage: SimulatedStage, delivery: str) -> None:
    stage.streams.settings.delivery = delivery

    def damaged(index: int, fragment: Fragment) -> Fragment:
        if index != 5:
            return fragment
        return Damaged(**{field.name: getattr(fragment, field.name) for field in fields(Fragment)})

    async with stage.streamer():
        item = await stage.follow(change=damaged)
    assert (item["status"], item["incomplete_reasons"]) == ("completed", ["gap-unreadable"])
    (gap,) = item["gaps"]
    assert 5 * FRAGMENT_SAMPLES < gap["start"] < gap["end"] == 6 * FRAGMENT_SAMPLES
    assert await heard(stage) == said(lost=range(gap["start"], gap["end"]))


@pytest.mark.parametrize(
    ("code", "number", "bodies"),
    [("KMS_KEY_DISABLED", "4501", range(1, 3)), ("INTERNAL_ERROR", "5000", range(30, 700))],
)
async def test_bodies_that_only_report_errors_fail_the_call_with_their_code(
    stage: SimulatedStage, code: str, number: str, bodies: range
) -> None:
    error = {"action": "error", "code": code, "id": number}
    stage.streams_fail({**error, "after": 4}, {**error, "times": None})
    async with stage.streamer():
        await stage.announce()
        await stage.play(stage.contact())
        await stage.hang_up()
        item = await stage.ended()
    assert (item["status"], item["error_code"]) == ("failed", f"KinesisVideo.{code}")
    assert await stage.failed_calls() == [(stage.call_id, f"KinesisVideo.{code}")]
    assert len(stage.bodies()) in bodies
    # What was heard until then is stored, but for the last block, which waits for the other track's, and half a second
    # before it, where a word may be cut in two.
    rest = range(4 * FRAGMENT_SAMPLES - 2 * BLOCK_SAMPLES - 4_000, 1 << 40)
    for good, all_heard in zip(said(lost=rest), await heard(stage), strict=True):
        assert all_heard[: len(good)] == good
