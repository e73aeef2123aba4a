from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from callscribe.live.call import Gap, GapReason
from callscribe.live.gaps import MOST_GAPS, merged
from callscribe.serialization import decode, encode

GAPS = st.lists(
    st.builds(
        lambda start, length, reason, channel: gap(start, start + length, reason, channel),
        st.integers(0, 60_000),
        st.integers(1, 20_000),
        st.sampled_from(GapReason),
        st.none() | st.sampled_from((0, 1)),
    ),
    max_size=12,
)


def gap(start: int, end: int, reason: GapReason = GapReason.MISSING, channel: int | None = None) -> Gap:
    return Gap(start=start, end=end, reason=reason, channel=channel)


def test_two_streamers_that_find_the_ends_of_one_gap_have_found_one() -> None:
    begun, rest = gap(8_000, 90_000), gap(60_000, 90_000)
    later = gap(100_000, 110_000)
    unreadable = gap(80_000, 95_000, GapReason.UNREADABLE)
    assert merged([later, rest, unreadable, begun]) == (begun, unreadable, later)


def test_what_both_channels_lack_is_one_gap_of_both() -> None:
    assert merged([gap(8_000, 40_000, channel=0), gap(24_000, 56_000, channel=1)]) == (
        gap(8_000, 24_000, channel=0),
        gap(24_000, 40_000),
        gap(40_000, 56_000, channel=1),
    )


def test_a_hole_of_one_channel_around_one_of_both_is_what_is_beside_it() -> None:
    assert merged([gap(8_000, 80_000, channel=1), gap(24_000, 40_000)]) == (
        gap(8_000, 24_000, channel=1),
        gap(24_000, 40_000),
        gap(40_000, 80_000, channel=1),
    )


def test_a_block_that_one_channel_lacks_more_is_part_of_the_gap_of_both() -> None:
    assert merged([gap(8_000, 16_000), gap(7_488, 16_512, channel=1)]) == (gap(7_488, 16_512),)


def test_gaps_of_different_channels_or_reasons_stay_apart() -> None:
    gaps = (gap(0, 8_000, channel=0), gap(8_000, 16_000, channel=1), gap(8_000, 16_000, GapReason.UNREADABLE, 0))
    assert set(merged(gaps)) == set(gaps)


def test_gaps_that_begin_together_have_one_order() -> None:
    missing, earlier, unreadable = gap(20, 30), gap(0, 10, GapReason.UNREADABLE), gap(20, 30, GapReason.UNREADABLE)
    assert merged([missing, earlier, unreadable]) == merged([unreadable, missing, earlier])


@given(GAPS)
def test_nothing_that_is_missing_is_forgotten_and_nothing_is_told_twice(gaps: list[Gap]) -> None:
    found = merged(gaps)
    for reason in GapReason:
        for channel in (0, 1):
            told = [one for one in found if one.reason is reason and one.channel in (None, channel)]
            assert all(one.end <= later.start for one, later in pairwise(told))
            for one in gaps:
                if one.reason is reason and one.channel in (None, channel):
                    assert all(any(it.start <= at < it.end for it in told) for at in range(one.start, one.end, 50))
    assert merged(found) == found


@given(GAPS)
def test_one_channels_gap_becomes_one_of_both_only_beside_such_a_one(gaps: list[Gap]) -> None:
    alone = [one for one in gaps if one.channel != 1]
    if any(one.channel is None for one in alone):
        return
    assert all(one.channel == 0 for one in merged(alone))


def test_a_line_that_fails_for_hours_has_a_bounded_number_of_gaps() -> None:
    gaps = [gap(at * 20_000, at * 20_000 + 10_000 + at, channel=at % 2) for at in range(4 * MOST_GAPS)]
    found = merged(gaps)
    assert len(found) <= MOST_GAPS
    assert all(
        any(it.start <= one.start and one.end <= it.end and it.channel in (None, one.channel) for it in found)
        for one in gaps
    )


def test_a_gap_from_before_channels_were_told_is_one_of_both() -> None:
    assert decode(Gap, {"start": 1, "end": 2, "reason": "missing"}, "gap") == gap(1, 2)
    assert decode(Gap, encode(gap(1, 2, channel=1)), "gap") == gap(1, 2, channel=1)
