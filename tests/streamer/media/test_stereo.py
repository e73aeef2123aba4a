from __future__ import annotations

from callscribe.live.call import Gap, GapReason
from streamer.media.stereo import LONGEST_SILENCE, LONGEST_WAIT, MOST_SILENCE, SKEW, StereoAligner, StereoAudio
from tests.streamer.media.calls import counting, pcm_of, silence, stereo

BLOCK = 512
LEFT, RIGHT = counting(40 * BLOCK), counting(40 * BLOCK, first=20_000)


def block(pcm: bytes, index: int) -> bytes:
    return pcm[index * BLOCK * 2 : (index + 1) * BLOCK * 2]


def test_what_both_tracks_have_is_given_out_at_once() -> None:
    aligner = StereoAligner()
    aligner.push(0, 0, block(LEFT, 0))
    assert aligner.take() == []
    aligner.push(1, 0, block(RIGHT, 0))
    assert aligner.take() == [StereoAudio(0, stereo(block(LEFT, 0), block(RIGHT, 0)))]
    assert aligner.take() == []
    assert aligner.position == BLOCK


def test_a_track_that_there_is_not_holds_the_other_back_by_128_ms_only() -> None:
    aligner = StereoAligner()
    for index in range(3):
        aligner.push(0, index * BLOCK, block(LEFT, index))
    assert 2 * BLOCK == SKEW
    assert pcm_of(aligner.take()) == stereo(block(LEFT, 0), b"")


def test_a_track_that_there_is_is_waited_for_within_bounds() -> None:
    aligner = StereoAligner()
    aligner.push(1, 0, block(RIGHT, 0))
    last = LONGEST_WAIT // BLOCK
    for index in range(last + 1):
        aligner.push(0, index * BLOCK, block(LEFT, index))
    assert pcm_of(aligner.take()) == stereo(block(LEFT, 0), block(RIGHT, 0))
    aligner.push(0, (last + 1) * BLOCK, block(LEFT, last + 1))
    rest = LEFT[BLOCK * 2 : last * BLOCK * 2]
    assert pcm_of(aligner.take(), start=BLOCK) == stereo(rest, b"")[: (last - 1) * BLOCK * 4]


def test_a_track_that_is_to_come_is_waited_for_from_the_first_block_on() -> None:
    aligner = StereoAligner()
    aligner.expect(1)
    for index in range(16):
        aligner.push(0, index * BLOCK, block(LEFT, index))
    for index in range(16):
        aligner.push(1, index * BLOCK, block(RIGHT, index))
    assert pcm_of(aligner.take()) == stereo(LEFT[: 16 * BLOCK * 2], RIGHT[: 16 * BLOCK * 2])


def test_after_a_hole_a_track_is_waited_for_as_before() -> None:
    aligner = StereoAligner()
    for channel, pcm in enumerate((LEFT, RIGHT)):
        aligner.push(channel, 0, block(pcm, 0))
    start = 5 * 8_000
    for channel, pcm in enumerate((LEFT, RIGHT)):
        for index in range(16):
            aligner.push(channel, start + index * BLOCK, block(pcm, index))
    hole = silence(start - BLOCK)
    assert pcm_of(aligner.take()) == stereo(
        block(LEFT, 0) + hole + LEFT[: 16 * BLOCK * 2], block(RIGHT, 0) + hole + RIGHT[: 16 * BLOCK * 2]
    )
    assert aligner.take_gaps() == []


def test_what_comes_for_a_time_that_has_passed_is_left_out_and_a_gap() -> None:
    aligner = StereoAligner()
    for index in range(6):
        aligner.push(0, index * BLOCK, block(LEFT, index))
    aligner.push(1, 3 * BLOCK, block(RIGHT, 3))
    assert aligner.take_gaps() == [Gap(start=3 * BLOCK, end=4 * BLOCK, reason=GapReason.MISSING, channel=1)]
    assert pcm_of(aligner.flush()) == stereo(LEFT[: 6 * BLOCK * 2], b"")


def test_what_may_be_a_repetition_is_left_out_and_no_gap() -> None:
    aligner = StereoAligner()
    for index in (0, 1, 0):
        aligner.push(0, index * BLOCK, block(LEFT, index), fresh=False)
    assert pcm_of(aligner.flush()) == stereo(LEFT[: 2 * BLOCK * 2], b"")
    assert aligner.take_gaps() == []


def test_a_hole_is_silence() -> None:
    aligner = StereoAligner()
    aligner.push(0, 0, block(LEFT, 0))
    aligner.push(0, BLOCK + 161, block(LEFT, 1))
    assert pcm_of(aligner.flush()) == stereo(block(LEFT, 0) + silence(161) + block(LEFT, 1), b"")


def test_what_lies_before_the_beginning_is_left_out_and_no_gap() -> None:
    aligner = StereoAligner(position=700)
    for index in range(3):
        aligner.push(0, index * BLOCK, block(LEFT, index))
        aligner.push(1, index * BLOCK, block(RIGHT, index))
    whole = stereo(LEFT[: 3 * BLOCK * 2], RIGHT[: 3 * BLOCK * 2])
    assert pcm_of(aligner.take(), start=700) == whole[700 * 4 :]
    assert aligner.take_gaps() == []


def test_a_hole_of_ten_seconds_is_filled_and_a_longer_one_jumped_over() -> None:
    for extra, pieces in ((0, 1), (1, 2)):
        aligner = StereoAligner()
        aligner.push(0, 0, block(LEFT, 0))
        start = BLOCK + LONGEST_SILENCE + extra
        aligner.push(0, start, block(LEFT, 1))
        audio = aligner.flush()
        assert len(audio) == pieces
        assert (audio[0].start, audio[-1].end) == (0, start + BLOCK)
        assert audio[-1].pcm.endswith(stereo(block(LEFT, 1), b""))


def test_what_waits_before_a_jump_is_not_lost() -> None:
    aligner = StereoAligner()
    aligner.push(0, 0, block(LEFT, 0))
    aligner.push(1, 100_000, block(RIGHT, 1))
    first, second = aligner.flush()
    assert first == StereoAudio(0, stereo(block(LEFT, 0), b""))
    assert second == StereoAudio(100_000, stereo(b"", block(RIGHT, 1)))


def test_little_audio_stands_for_little_silence() -> None:
    aligner = StereoAligner()
    for index in range(100):
        aligner.push(0, index * 9 * 8_000, block(LEFT, 0))
    audio = aligner.flush()
    assert sum(piece.end - piece.start for piece in audio) <= MOST_SILENCE + 2 * 100 * BLOCK
    assert audio[-1].end == 99 * 9 * 8_000 + BLOCK


def test_what_has_not_been_given_out_can_be_taken_back() -> None:
    aligner = StereoAligner()
    for index in range(2):
        aligner.push(0, index * BLOCK, block(LEFT, index))
        aligner.push(1, index * BLOCK, block(RIGHT, index))
    ends = aligner.ends
    aligner.push(0, 2 * BLOCK, block(LEFT, 9))
    aligner.push(1, 2 * BLOCK, block(RIGHT, 9))
    aligner.cut(ends)
    assert pcm_of(aligner.flush()) == stereo(LEFT[: 2 * BLOCK * 2], RIGHT[: 2 * BLOCK * 2])
    aligner.cut((0, 0))
    assert aligner.position == 2 * BLOCK
