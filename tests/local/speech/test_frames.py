"""Frames that carry numbers."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.speech.engines.frames import FRAME_BYTES, FRAME_SAMPLES, MAX_NUMBER, FrameReader, encode_frame


def read(pcm: bytes, step: int = 1024) -> tuple[list[int], int]:
    reader = FrameReader()
    found = [number for at in range(0, len(pcm), step) for number, _ in reader.feed(pcm[at : at + step])]
    return found, reader.damaged


@pytest.mark.parametrize("step", [2, 34, FRAME_BYTES, 10_000])
def test_frames_are_found_at_any_sample_and_in_any_pieces(step: int) -> None:
    chance = random.Random(3)
    pcm, expected = b"", []
    for _ in range(100):
        pcm += bytes(2 * chance.choice([0, 0, 1, 7, 500]))
        number = chance.randrange(MAX_NUMBER + 1)
        expected.append((number, len(pcm) // 2))
        pcm += encode_frame(number)
    reader = FrameReader()
    assert [frame for at in range(0, len(pcm), step) for frame in reader.feed(pcm[at : at + step])] == expected
    assert (reader.position, reader.damaged) == (len(pcm) // 2, 0)


@given(st.integers(0, MAX_NUMBER))
def test_every_number_comes_back_and_no_sample_is_silent(number: int) -> None:
    frame = encode_frame(number)
    assert len(frame) == FRAME_BYTES == 2 * FRAME_SAMPLES
    assert read(frame) == ([number], 0)
    assert all(frame[at : at + 2] != b"\0\0" for at in range(0, FRAME_BYTES, 2))


@pytest.mark.parametrize("number", [-1, MAX_NUMBER + 1])
def test_a_frame_carries_no_other_number(number: int) -> None:
    with pytest.raises(ValueError, match="carries"):
        encode_frame(number)


def test_a_frame_that_lost_or_gained_a_sample_is_damage_and_the_next_one_is_found() -> None:
    frames = [encode_frame(number) for number in range(4)]
    assert read(frames[0] + frames[1][:200] + frames[1][202:] + frames[2] + frames[3]) == ([0, 2, 3], 1)
    assert read(frames[0] + frames[1][:200] + b"\1\1" + frames[1][200:] + frames[2]) == ([0, 2], 1)
    assert read(frames[0] + frames[0][:100] + bytes(220) + frames[1]) == ([0, 1], 1)


def test_audio_that_begins_within_a_frame_is_damage_until_the_next_one() -> None:
    assert read(encode_frame(1)[100:] + encode_frame(2)) == ([2], 1)


def test_a_frame_that_is_not_whole_yet_is_no_damage_and_not_certain() -> None:
    reader = FrameReader()
    assert reader.feed(bytes(20) + encode_frame(7)[:300]) == []
    assert (reader.position, reader.damaged) == (10, 0)
    assert reader.feed(encode_frame(7)[300:]) == [(7, 10)]


def test_silence_is_no_damage() -> None:
    assert read(bytes(5000) + encode_frame(9) + bytes(5000)) == ([9], 0)
