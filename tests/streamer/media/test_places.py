"""Whatever a producer's clock and the stream do: each block is heard exactly once, or lies in a gap that is told.

The samples of a block all have the number of the block, so that it can be found again wherever it was put.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from callscribe.live.call import Gap
from callscribe.live.gaps import merged
from operations.verification.fragments import (
    AGENT_TRACK,
    BLOCK_MS,
    BLOCKS_PER_FRAGMENT,
    CUSTOMER_TRACK,
    Block,
    Fragment,
    fragment_number,
    from_pcm,
)
from streamer.media.call_media import CallMedia
from streamer.media.matroska import MatroskaError
from streamer.media.stereo import StereoAudio
from tests.streamer.media.calls import CALL, START_MS, contact

BLOCK = BLOCK_MS * 8
FRAGMENTS = 9
TRIES = 3


def numbered(channel: int, block: int) -> int:
    """The value of all samples of a block, whose number counts from the beginning of the call."""
    return 1 + 10_000 * channel + block


def source(channel: int) -> bytes:
    return b"".join(
        array("h", [numbered(channel, block)] * BLOCK).tobytes() for block in range(FRAGMENTS * BLOCKS_PER_FRAGMENT)
    )


WHOLE = list(contact(sources={CUSTOMER_TRACK: from_pcm(source(0)), AGENT_TRACK: from_pcm(source(1))}).fragments())


@dataclass(frozen=True, kw_only=True)
class Happening:
    """What becomes of one fragment.

    Attributes:
        set_ms: How far the producer's clock is set forward in front of it, in a new session; it stays there.
        lost: Whether the stream never has it.
        damaged: From which of its blocks on it cannot be read; `None` where all can.
        by_track: Whether all blocks of one track precede those of the other.
    """

    set_ms: int = 0
    lost: bool = False
    damaged: int | None = None
    by_track: bool = False


@dataclass
class Stream:
    """What GetMedia sends: numbers and bytes of the fragments that there are, and the blocks that can be read."""

    numbers: list[str] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)
    readable: set[int] = field(default_factory=set)

    def add(self, index: int, fragment: Fragment, damaged: int | None) -> None:
        pieces = fragment.pieces(
            number=fragment_number(index + 1), token=fragment_number(index + 1), server_ms=fragment.end_ms
        )
        if damaged is not None:
            pieces[1 + damaged] = b"\0" + pieces[1 + damaged][1:]
        self.numbers.append(fragment_number(index + 1))
        self.data.append(b"".join(pieces))


def value(block: Block) -> int:
    return array("h", block.pcm[:2])[0]


def streamed(happenings: Sequence[Happening]) -> Stream:
    stream, set_ms, uid = Stream(), 0, WHOLE[0].segment_uid
    sessions: dict[bytes, set[int]] = {}
    identified: set[bytes] = set()
    for index, (fragment, happening) in enumerate(zip(WHOLE, happenings, strict=True)):
        if happening.set_ms:
            set_ms += happening.set_ms
            uid = index.to_bytes(16, "big")
        blocks = [replace(block, ms=block.ms + set_ms) for block in fragment.blocks]
        if happening.by_track:
            blocks.sort(key=lambda block: block.track)
        told = fragment.tags if happening.set_ms and index % 2 else fragment.leading_tags
        if happening.lost:
            continue
        stream.add(
            index,
            replace(fragment, start_ms=fragment.start_ms + set_ms, blocks=blocks, segment_uid=uid, leading_tags=told),
            happening.damaged,
        )
        sessions.setdefault(uid, set()).update(value(block) for block in blocks[: happening.damaged])
        if told or happening.damaged is None:
            identified.add(uid)
    stream.readable = set().union(*(sessions[uid] for uid in identified))
    return stream


def plausible(happenings: Sequence[Happening]) -> bool:
    """Whether the times can tell what is missing: not where a clock is set back in front of what is missing."""
    first, *_ = happenings
    return (
        not (first.lost or first.set_ms or first.damaged is not None)
        and not happenings[-1].lost
        and not any(before.lost and happening.set_ms for before, happening in pairwise(happenings))
        and not any(happening.lost and happening.set_ms for happening in happenings)
    )


HAPPENINGS = st.lists(
    st.builds(
        Happening,
        set_ms=st.sampled_from([0] * 5 + [-3_000, -600, -90, -7, 40, 2_500, 12_000, -86_400_000 * 9, 86_400_000 * 9]),
        lost=st.sampled_from([False] * 6 + [True]),
        damaged=st.sampled_from([None] * 6 + [0, 1, 13, 31]),
        by_track=st.sampled_from([False] * 4 + [True]),
    ),
    min_size=FRAGMENTS,
    max_size=FRAGMENTS,
).filter(plausible)


@dataclass
class Reading:
    """What a reader gave out, and the gaps that it told."""

    audio: list[StereoAudio] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)

    def take(self, media: CallMedia, audio: Iterable[StereoAudio]) -> None:
        self.audio += audio
        self.gaps += media.take_gaps()

    @property
    def samples(self) -> dict[int, list[tuple[int, int, int]]]:
        """For each channel the runs of one value: start, end, value."""
        runs: dict[int, list[tuple[int, int, int]]] = {0: [], 1: []}
        for piece in self.audio:
            for channel in runs:
                at = piece.start
                for number, run in groupby(array("h", piece.pcm)[channel::2]):
                    length = len(list(run))
                    last = runs[channel][-1] if runs[channel] else (0, 0, -1)
                    if last[1:] == (at, number):
                        runs[channel][-1] = (last[0], at + length, number)
                    else:
                        runs[channel].append((at, at + length, number))
                    at += length
        return runs


def read(
    media: CallMedia,
    stream: Stream,
    reading: Reading,
    *,
    cuts: Sequence[int],
    inclusive: bool,
    token: str | None = None,
) -> None:
    """Read all of the stream, over bodies that are cut so long after their beginning, then over whole ones."""
    tries, lengths = 0, iter(cuts)
    while True:
        media.begin_session(read_on=tries >= TRIES)
        token = media.continuation_token or token
        first = 0 if token is None else stream.numbers.index(token) + (not inclusive)
        body = b"".join(stream.data[first:])
        length = next(lengths, len(body))
        try:
            for at in range(0, min(length, len(body)), 20_011):
                reading.take(media, media.feed(body[at : min(at + 20_011, length)]))
        except MatroskaError:
            reading.take(media, media.take())
            tries = tries + 1 if media.continuation_token == token else 0
        else:
            if length >= len(body):
                return
            tries = 0


def check(reading: Reading, stream: Stream) -> None:
    gaps = merged(reading.gaps)
    for channel, runs in reading.samples.items():
        assert all(one[1] <= later[0] for one, later in pairwise(runs))
        heard = {number: (start, end) for start, end, number in runs if number}
        assert len(heard) == sum(1 for *_, number in runs if number), "a block is heard twice, or in parts"
        places = [heard[number] for number in sorted(heard)]
        assert places == sorted(places), "blocks are heard in their order"
        before = 0
        for block in range(FRAGMENTS * BLOCKS_PER_FRAGMENT):
            number = numbered(channel, block)
            if number in heard:
                start, before = heard[number]
                assert before - start == BLOCK, "a block is heard as a whole"
                continue
            assert number not in stream.readable, f"block {number} is dropped"
            after = min((start for later, (start, _) in heard.items() if later > number), default=1 << 62)
            assert any(
                gap.channel in (None, channel) and gap.start <= after and gap.end >= before and gap.start < gap.end
                for gap in gaps
            ), f"block {number} is in no gap"


CUTS = st.lists(st.integers(1, 400_000), max_size=5)


@settings(max_examples=60, deadline=None)
@given(happenings=HAPPENINGS, cuts=CUTS, inclusive=st.booleans())
def test_each_block_is_heard_exactly_once_or_lies_in_a_gap(
    happenings: list[Happening], cuts: list[int], inclusive: bool
) -> None:
    stream, media, reading = streamed(happenings), CallMedia(call_id=CALL), Reading()
    read(media, stream, reading, cuts=cuts, inclusive=inclusive)
    reading.take(media, media.flush())
    check(reading, stream)


@settings(max_examples=60, deadline=None)
@given(
    happenings=HAPPENINGS,
    cut=st.integers(1, 400_000),
    behind=st.integers(0, 3 * 8_000),
    cuts=CUTS,
    inclusive=st.booleans(),
)
def test_another_reader_goes_on_at_the_same_places(
    happenings: list[Happening], cut: int, behind: int, cuts: list[int], inclusive: bool
) -> None:
    stream, alone = streamed(happenings), Reading()
    media = CallMedia(call_id=CALL)
    read(media, stream, alone, cuts=[], inclusive=inclusive)
    alone.take(media, media.flush())

    first, begun = CallMedia(call_id=CALL), Reading()
    broken = replace_data(stream, cut)
    read(first, broken, begun, cuts=[], inclusive=inclusive)
    position = max(0, first.position - behind)
    point = first.resume_point(position)
    second = CallMedia(
        call_id=CALL,
        origin_ms=first.origin_ms,
        position=position,
        resume=point,
        clock_steps=first.clock_steps,
    )
    rest = Reading()
    read(second, stream, rest, cuts=cuts, inclusive=inclusive, token=None if point is None else point.token)
    rest.take(second, second.flush())
    both = Reading([*until(begun.audio, position), *rest.audio], [*begun.gaps, *rest.gaps])
    assert both.samples == alone.samples
    check(both, stream)
    assert second.clock_steps == media.clock_steps
    assert position == 0 or merged(both.gaps) == merged(alone.gaps)


def replace_data(stream: Stream, length: int) -> Stream:
    """The stream as it is while it lasts so many bytes only."""
    kept: list[bytes] = []
    for data in stream.data:
        kept.append(data[: max(0, length - sum(len(piece) for piece in kept))])
    return Stream(stream.numbers, kept, stream.readable)


def until(audio: Iterable[StereoAudio], position: int) -> list[StereoAudio]:
    """What was given out before a position."""
    return [
        StereoAudio(piece.start, piece.pcm[: (position - piece.start) * 4]) for piece in audio if piece.start < position
    ]


def test_what_is_checked_fails_where_a_block_is_lost() -> None:
    stream, media, reading = streamed([Happening()] * FRAGMENTS), CallMedia(call_id=CALL), Reading()
    read(media, stream, reading, cuts=[], inclusive=False)
    reading.take(media, media.flush())
    check(reading, stream)
    assert reading.gaps == []
    assert reading.audio[0].start == 0
    assert media.origin_ms == START_MS
    del reading.audio[3]
    try:
        check(reading, stream)
    except AssertionError:
        return
    raise AssertionError("the check sees nothing")
