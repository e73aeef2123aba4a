"""However the audio lies in the stream, each word is stored once and on its channel."""

from typing import Any

import pytest

from operations.verification.fragments import AGENT_TRACK, CUSTOMER_TRACK, LEGACY_CUSTOMER_TRACK
from tests.live.calls import BLOCK_SAMPLES, SECONDS, Transcript, silent_blocks, speech
from tests.live.stage import SimulatedStage

CUSTOMER, AGENT = speech(0), speech(1)
# Where a demuxer that searches the audio for headers would find one: in EBML, Segment, Cluster, SimpleBlock and Tags.
MAGIC = bytes.fromhex("1a45dfa3 18538067 01ffffffffffffff 1f43b675 a3 1254c367 7373 67c8 45a3")


def with_magic(channel: int) -> bytes:
    """A channel's audio with headers of Matroska in its pauses, at odd places too."""
    pcm = bytearray(speech(channel))
    for number, block in enumerate(silent_blocks(channel)[2::5]):
        at = block * BLOCK_SAMPLES * 2 + 100 + number
        pcm[at : at + len(MAGIC)] = MAGIC
    return bytes(pcm)


def cut_short() -> dict[tuple[str, int], int]:
    """Blocks in which nothing is said, cut to odd lengths."""
    return {
        (track, block): 2 * number + 1
        for channel, track in enumerate((CUSTOMER_TRACK, AGENT_TRACK))
        for number, block in enumerate(silent_blocks(channel)[1::4])
    }


SHAPES: dict[str, dict[str, Any]] = {
    "the agent's track comes first": {"sources": {AGENT_TRACK: AGENT, CUSTOMER_TRACK: CUSTOMER}},
    "the agent's track comes late": {"starts": {AGENT_TRACK: 15 * BLOCK_SAMPLES}},
    "the agent's track comes after a fragment": {"starts": {AGENT_TRACK: 18 * BLOCK_SAMPLES}},
    "some fragments have no tags": {"tagless": frozenset({1, 2, 6, 11})},
    "only the first fragment has tags": {"tagless": frozenset(range(1, 100))},
    "no fragment has tags in front": {"leading_identity": "never"},
    "tags come behind, and not always": {"leading_identity": "never", "tagless": frozenset({0, 1, 4})},
    "all fragments have tags in front": {"leading_identity": "always"},
    "blocks are cut to odd sizes": {"odd_blocks": cut_short()},
    "blocks are longer": {"block_ms": 128, "blocks_per_fragment": 8},
    "blocks are of 20 ms": {"block_ms": 20, "blocks_per_fragment": 75},
    "fragments are longer": {"blocks_per_fragment": 40},
    "clusters tell their size": {"known_sizes": True},
    "there are headers of Matroska in the audio": {
        "sources": {CUSTOMER_TRACK: with_magic(0), AGENT_TRACK: with_magic(1)}
    },
}


@pytest.mark.parametrize("what", SHAPES)
async def test_a_call_is_heard_like_any_other_although(
    stage: SimulatedStage, undisturbed: Transcript, what: str
) -> None:
    async with stage.streamer():
        item = await stage.follow(stage.contact(**SHAPES[what]))
    assert await stage.transcript() == undisturbed
    assert (item["complete"], item["gaps"]) == (True, [])


ONE_SIDED: dict[str, tuple[int, dict[str, bytes]]] = {
    "the agent's track is missing": (0, {CUSTOMER_TRACK: CUSTOMER}),
    "the customer's track has its old name": (0, {LEGACY_CUSTOMER_TRACK: CUSTOMER}),
    "the customer's track is missing": (1, {AGENT_TRACK: AGENT}),
    "the agent's track is silent": (0, {CUSTOMER_TRACK: CUSTOMER, AGENT_TRACK: bytes(len(AGENT))}),
    "there is a track of another kind": (0, {"VIDEO": AGENT, CUSTOMER_TRACK: CUSTOMER}),
}


@pytest.mark.parametrize("what", ONE_SIDED)
async def test_what_there_is_is_heard_when(stage: SimulatedStage, undisturbed: Transcript, what: str) -> None:
    channel, sources = ONE_SIDED[what]
    async with stage.streamer():
        item = await stage.follow(stage.contact(sources=sources))
    assert await stage.transcript() == undisturbed.only(channel)
    assert (item["complete"], item["gaps"]) == (True, [])


async def test_a_stream_that_other_contacts_use_before_and_after(
    stage: SimulatedStage, undisturbed: Transcript
) -> None:
    """Their words would be seen: each contact says numbers of its own."""
    lasts_ms = round(SECONDS * 1000)
    before, after = (
        stage.contact(
            f"{stage.call_id}-{name}",
            sources={CUSTOMER_TRACK: speech(0, first=offset), AGENT_TRACK: speech(1, first=offset)},
            start_ms=stage.started_at_ms + shift,
        )
        for name, offset, shift in (("before", 3_000, -lasts_ms - 1_000), ("after", 6_000, lasts_ms + 1_000))
    )
    await stage.play(before, pace=10)
    async with stage.streamer():
        await stage.announce()
        await stage.play(stage.contact())
        await stage.hang_up()
        await stage.play(after, until=3)
        item = await stage.ended()
    assert await stage.transcript() == undisturbed
    assert (item["complete"], item["end_reason"]) == (True, "other-contact")


async def test_two_contacts_one_after_the_other_on_a_stream_are_both_followed(
    stage: SimulatedStage, undisturbed: Transcript
) -> None:
    second = f"{stage.call_id}-second"
    later = stage.started_at_ms + round(SECONDS * 1000) + 1_000
    async with stage.streamer():
        await stage.announce()
        await stage.play(stage.contact())
        await stage.hang_up()
        await stage.announce(second, started_at_ms=later)
        await stage.play(stage.contact(second, start_ms=later))
        await stage.hang_up(second)
        items = [await stage.ended(call_id) for call_id in (stage.call_id, second)]
    assert [item["complete"] for item in items] == [True, True]
    for call_id in (stage.call_id, second):
        assert await stage.transcript(call_id) == undisturbed


async def test_a_call_that_is_read_late_is_caught_up(stage: SimulatedStage, undisturbed: Transcript) -> None:
    await stage.play(stage.contact(), pace=100)
    await stage.announce()
    async with stage.streamer():
        await stage.until(status="streaming")
        await stage.hang_up()
        item = await stage.ended()
    assert await stage.transcript() == undisturbed
    assert item["complete"]
