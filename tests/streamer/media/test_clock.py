from __future__ import annotations

from itertools import pairwise

import pytest

from callscribe.live.call import Gap, GapReason
from streamer.media.clock import JITTER, LONGEST_HOLE, STEP, CallClock, ClockState, ClockStep

START_MS = 1_726_677_688_724
BLOCK_MS, BLOCK = 64, 512
SECOND = 8_000


class Producer:
    """Blocks of 64 ms, one after the other, by a clock that can be set; sixteen of them are a fragment."""

    def __init__(self, clock: CallClock, *, channels: tuple[int, ...] = (0, 1), first: int = 0) -> None:
        self.clock = clock
        self.channels = channels
        self.block = first
        self.set_ms = 0.0

    def say(self, blocks: int, *, samples: int = BLOCK) -> list[tuple[int, ...]]:
        places = []
        for _ in range(blocks):
            ms, fragment = START_MS + self.block * BLOCK_MS + self.set_ms, str(self.block // 16)
            places.append(tuple(self.clock.place(channel, ms, samples, fragment=fragment) for channel in self.channels))
            self.block += 1
        return places

    def lose(self, blocks: int) -> None:
        self.block += blocks


def gap(start: int, end: int, channel: int | None = None, reason: GapReason = GapReason.MISSING) -> Gap:
    return Gap(start=start, end=end, reason=reason, channel=channel)


def follow(places: list[tuple[int, ...]], first: int = 0) -> None:
    """Each block is right behind the one before."""
    assert places == [(first + index * BLOCK,) * 2 for index in range(len(places))]


def test_the_first_block_is_the_origin() -> None:
    clock = CallClock()
    follow(Producer(clock).say(40))
    assert (clock.origin_ms, clock.end, clock.steps, clock.take_gaps()) == (START_MS, 40 * BLOCK, [], [])


def test_a_clock_that_is_set_back_costs_nothing_and_is_noted_once() -> None:
    clock = CallClock()
    producer = Producer(clock)
    places = producer.say(32)
    producer.set_ms = -3_000
    follow(places + producer.say(64))
    assert clock.steps == [ClockStep(fragment="2", position=32 * BLOCK, milliseconds=3_000)]
    assert clock.take_gaps() == []


def test_after_a_step_holes_are_seen_as_before() -> None:
    clock = CallClock()
    producer = Producer(clock)
    producer.say(32)
    producer.set_ms = -3_000
    producer.say(16)
    producer.lose(16)
    assert producer.say(16)[0] == (64 * BLOCK, 64 * BLOCK)
    assert clock.take_gaps() == [gap(48 * BLOCK, 64 * BLOCK)]


def test_a_clock_days_off_costs_nothing_in_either_direction() -> None:
    clock = CallClock()
    producer = Producer(clock)
    places = producer.say(16)
    for days in (9, -20_000, 0):
        producer.set_ms = days * 86_400_000
        places += producer.say(16)
    follow(places)
    assert [step.position for step in clock.steps] == [16 * BLOCK, 32 * BLOCK, 48 * BLOCK]
    assert clock.take_gaps() == []


def test_a_clock_that_is_set_forward_looks_like_a_hole() -> None:
    """Whether anything is missing cannot be known, so that it is not said to be complete."""
    clock = CallClock()
    producer = Producer(clock)
    producer.say(16)
    producer.set_ms = 5_000
    assert producer.say(16)[0] == (16 * BLOCK + 40_000,) * 2
    assert clock.take_gaps() == [gap(16 * BLOCK, 16 * BLOCK + 40_000)]


@pytest.mark.parametrize("shape", [(40, 0, -40), (5, -5), (0, 60, 0, -60, 30)])
def test_times_that_waver_neither_lose_nor_stretch_anything(shape: tuple[int, ...]) -> None:
    clock = CallClock()
    places = [
        clock.place(0, START_MS + at * BLOCK_MS + shape[at % len(shape)], BLOCK, fragment=str(at // 16))
        for at in range(500)
    ]
    assert all(later - one >= BLOCK for one, later in pairwise(places))
    assert places[-1] - places[0] <= 499 * BLOCK + STEP
    assert clock.steps == []


def test_a_clock_that_drifts_is_followed() -> None:
    clock = CallClock()
    places = [clock.place(0, START_MS + at * 63.9, BLOCK, fragment=str(at // 16)) for at in range(4_000)]
    assert all(later - one == BLOCK for one, later in pairwise(places))
    assert clock.state.shift > 0


def test_within_a_fragment_small_differences_are_no_hole() -> None:
    clock = CallClock()
    assert [clock.place(0, START_MS + ms, BLOCK, fragment="1") for ms in (0, 84, 108, 202)] == [0, 512, 1_024, 1_536]
    late_ms = 5 + JITTER / 8
    assert clock.place(0, START_MS + 256 + late_ms, BLOCK, fragment="1") == 2_048 + 40 + JITTER
    assert clock.place(0, START_MS + 320 + 25.5, BLOCK, fragment="2") == 2_560 + 204


def test_what_was_heard_may_be_heard_again_where_nothing_tells_fragments_apart() -> None:
    clock = CallClock()
    for at in (0, 1, 2, 1, 2):
        assert clock.place(0, START_MS + at * BLOCK_MS, BLOCK, fragment=f"#{at}", fresh=False) == at * BLOCK
    assert (clock.end, clock.steps) == (3 * BLOCK, [])


class TestHoles:
    def test_of_both_tracks(self) -> None:
        clock = CallClock()
        producer = Producer(clock)
        producer.say(16)
        producer.lose(8)
        producer.say(16)
        assert clock.take_gaps() == [gap(16 * BLOCK, 24 * BLOCK)]

    def test_of_both_tracks_and_too_small(self) -> None:
        clock = CallClock()
        producer = Producer(clock)
        producer.say(16)
        producer.lose(7)
        producer.say(16)
        assert clock.take_gaps() == []

    @pytest.mark.parametrize("blocks", [15, 16, 160])
    def test_of_one_track_from_a_second_on(self, blocks: int) -> None:
        clock = CallClock()
        producer = Producer(clock)
        producer.say(16)
        producer.channels = (1,)
        producer.say(blocks)
        producer.channels = (0, 1)
        producer.say(16)
        expected = [gap(16 * BLOCK, (16 + blocks) * BLOCK, channel=0)]
        assert clock.take_gaps() == (expected if blocks * BLOCK >= SECOND else [])

    def test_of_one_track_around_one_of_both(self) -> None:
        clock = CallClock()
        producer = Producer(clock)
        producer.say(16)
        producer.channels = (1,)
        producer.say(16)
        producer.lose(16)
        producer.say(16)
        producer.channels = (0, 1)
        producer.say(16)
        assert clock.take_gaps() == [
            gap(16 * BLOCK, 32 * BLOCK, channel=0),
            gap(32 * BLOCK, 48 * BLOCK),
            gap(48 * BLOCK, 64 * BLOCK, channel=0),
        ]

    def test_a_track_that_there_never_was_has_none(self) -> None:
        clock = CallClock()
        Producer(clock, channels=(0,)).say(100)
        clock.finish()
        assert clock.take_gaps() == []

    def test_a_track_that_comes_late_has_none(self) -> None:
        clock = CallClock()
        producer = Producer(clock, channels=(0,))
        producer.say(100)
        producer.channels = (0, 1)
        producer.say(100)
        assert clock.take_gaps() == []

    def test_a_track_that_ends_early_has_one_to_the_end(self) -> None:
        clock = CallClock()
        producer = Producer(clock)
        producer.say(16)
        producer.channels = (0,)
        producer.say(32)
        assert clock.take_gaps() == []
        clock.finish()
        assert clock.take_gaps() == [gap(16 * BLOCK, 48 * BLOCK, channel=1)]

    @pytest.mark.parametrize("samples", [96, BLOCK])
    def test_many_short_ones_close_together_are_one_gap(self, samples: int) -> None:
        """A bad line: every second block is lost, or each is cut short."""
        clock = CallClock()
        producer = Producer(clock)
        producer.say(160)
        first = producer.block
        for _ in range(40):
            producer.say(1, samples=samples)
            if samples == BLOCK:
                producer.lose(1)
        last = producer.block
        producer.say(160)
        (found,) = clock.take_gaps()
        assert found.channel is None
        assert first * BLOCK <= found.start <= (first + 2) * BLOCK
        assert found.end == last * BLOCK

    def test_few_short_ones_far_apart_are_none(self) -> None:
        clock = CallClock()
        producer = Producer(clock)
        for _ in range(60):
            producer.say(20)
            producer.lose(1)
        producer.say(1)
        assert clock.take_gaps() == []

    def test_they_are_told_as_far_as_they_go_while_they_grow(self) -> None:
        clock = CallClock()
        producer = Producer(clock)
        producer.say(16)
        ends = []
        for _ in range(40):
            producer.lose(1)
            producer.say(1)
            ends += [found.end for found in clock.take_gaps()]
        assert ends == sorted(ends)
        assert ends[-1] == (producer.block - 1) * BLOCK


class TestDamage:
    def test_its_place_and_length_are_those_of_the_hole(self) -> None:
        clock = CallClock()
        producer = Producer(clock)
        producer.say(20)
        clock.note_damage(9_999)
        producer.lose(12)
        producer.say(16)
        assert clock.take_gaps() == [gap(20 * BLOCK, 32 * BLOCK, reason=GapReason.UNREADABLE)]

    def test_where_nothing_is_missing_there_is_no_gap(self) -> None:
        clock = CallClock()
        producer = Producer(clock)
        producer.say(16)
        clock.note_damage(100)
        producer.say(16)
        assert clock.take_gaps() == []

    def test_the_last_block_of_one_track_alone(self) -> None:
        clock = CallClock()
        producer = Producer(clock)
        producer.say(15)
        producer.channels = (0,)
        producer.say(1)
        clock.note_damage(300)
        producer.channels = (0, 1)
        producer.say(16)
        assert clock.take_gaps() == [gap(15 * BLOCK, 16 * BLOCK, channel=1, reason=GapReason.UNREADABLE)]

    def test_where_times_do_not_tell_its_length_follows_from_its_bytes(self) -> None:
        clock = CallClock()
        producer = Producer(clock)
        producer.say(16)
        clock.note_damage(5_000)
        producer.lose(16)
        producer.set_ms = -2_000
        producer.say(16)
        assert clock.take_gaps() == [gap(16 * BLOCK, 16 * BLOCK + 5_000, reason=GapReason.UNREADABLE)]

    def test_at_the_end_its_length_follows_from_its_bytes(self) -> None:
        clock = CallClock()
        Producer(clock).say(16)
        clock.note_damage(5_000)
        clock.finish()
        assert clock.take_gaps() == [gap(16 * BLOCK, 16 * BLOCK + 5_000, reason=GapReason.UNREADABLE)]


class TestGoingOn:
    def test_from_the_state_behind_a_fragment_everything_has_the_same_place(self) -> None:
        first = CallClock()
        producer = Producer(first)
        producer.say(16)
        producer.set_ms = -700
        producer.say(16)
        second = CallClock(origin_ms=first.origin_ms, position=40 * BLOCK, state=first.state, steps=first.steps)
        other = Producer(second, first=producer.block)
        other.set_ms = producer.set_ms
        assert producer.say(16) == other.say(16)
        producer.set_ms = other.set_ms = -5_000
        assert producer.say(16) == other.say(16)
        assert second.steps == first.steps

    def test_a_hole_that_has_begun_is_found_by_the_next_reader(self) -> None:
        first = CallClock()
        producer = Producer(first)
        producer.say(16)
        producer.channels = (0,)
        producer.say(16)
        second = CallClock(origin_ms=first.origin_ms, position=20 * BLOCK, state=first.state)
        Producer(second, first=32).say(1)
        assert second.take_gaps() == [gap(20 * BLOCK, 32 * BLOCK, channel=1)]

    def test_a_reader_that_knows_no_state_goes_by_times_alone(self) -> None:
        clock = CallClock(origin_ms=START_MS, position=20 * BLOCK)
        assert Producer(clock, first=16).say(1) == [(16 * BLOCK,) * 2]
        assert (clock.steps, clock.take_gaps()) == ([], [])

    def test_a_reader_that_knows_no_state_still_sees_what_is_missing_at_its_beginning(self) -> None:
        clock = CallClock(origin_ms=START_MS, position=20 * BLOCK)
        Producer(clock, first=48).say(1)
        assert clock.take_gaps() == [gap(20 * BLOCK, 48 * BLOCK)]

    def test_a_step_that_another_reader_found_is_noted_once(self) -> None:
        step = ClockStep(fragment="2", position=32 * BLOCK, milliseconds=3_000)
        state = ClockState(ends=(32 * BLOCK,) * 2)
        clock = CallClock(origin_ms=START_MS, position=32 * BLOCK, state=state, steps=[step])
        producer = Producer(clock, first=32)
        producer.set_ms = -3_000
        producer.say(16)
        assert clock.steps == [step]


def test_the_producers_clock_at_a_position() -> None:
    clock = CallClock()
    producer = Producer(clock)
    producer.say(32)
    assert clock.time_of(16 * BLOCK) == START_MS + 1_024
    producer.set_ms = -3_000
    producer.say(16)
    assert clock.time_of(48 * BLOCK) == START_MS + 3 * 1_024 - 3_000


def test_nothing_is_further_ahead_than_a_call_may_last() -> None:
    clock = CallClock()
    clock.place(0, START_MS, BLOCK, fragment="1")
    ahead_ms = (LONGEST_HOLE + BLOCK) / 8
    assert clock.place(0, START_MS + ahead_ms, BLOCK, fragment="2") == LONGEST_HOLE + BLOCK
    assert clock.place(0, START_MS + 3 * ahead_ms, BLOCK, fragment="3") == LONGEST_HOLE + 2 * BLOCK
