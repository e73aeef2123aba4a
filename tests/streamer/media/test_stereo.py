from __future__ import annotations

from streamer.media.stereo import LONGEST_SILENCE, SKEW, SMALLEST_GAP, StereoAligner, StereoAudio
from tests.streamer.media.calls import counting, pcm_of, silence, stereo
from transcription.live_call import Gap, GapReason

BLOCK = 512
LEFT, RIGHT = counting(40 * BLOCK), counting(40 * BLOCK, first=20_000)


def block(pcm: bytes, index: int) -> bytes:
    return pcm[index * BLOCK * 2 : (index + 1) * BLOCK * 2]


def test_what_both_tracks_have_is_given_out_at_once() -> None:
    aligner = StereoAligner()
    assert aligner.push(0, 0, block(LEFT, 0), 1) == BLOCK
    assert aligner.take() == []
    aligner.push(1, 0, block(RIGHT, 0), 1)
    assert aligner.take() == [StereoAudio(0, stereo(block(LEFT, 0), block(RIGHT, 0)))]
    assert aligner.take() == []
    assert aligner.position == BLOCK


def test_a_track_that_lags_is_waited_for_within_bounds() -> None:
    aligner = StereoAligner()
    for index in range(2):
        aligner.push(0, index * BLOCK, block(LEFT, index), 1)
    assert 2 * BLOCK == SKEW
    assert aligner.take() == []
    aligner.push(1, 0, block(RIGHT, 0), 1)
    assert pcm_of(aligner.take()) == stereo(block(LEFT, 0), block(RIGHT, 0))
    aligner.push(0, 2 * BLOCK, block(LEFT, 2), 1)
    aligner.push(0, 3 * BLOCK, block(LEFT, 3), 1)
    assert pcm_of(aligner.take(), start=BLOCK) == stereo(block(LEFT, 1), b"")
    aligner.push(1, BLOCK, block(RIGHT, 1), 1)
    assert aligner.take() == [], "what comes for a time that has passed is dropped"


def test_jitter_within_a_fragment_is_no_hole() -> None:
    aligner = StereoAligner()
    for index, jitter in enumerate([0, 160, -160, 80]):
        aligner.push(0, index * BLOCK + jitter, block(LEFT, index), 1)
    assert pcm_of(aligner.flush()) == stereo(LEFT[: 4 * BLOCK * 2], b"")


def test_a_hole_within_a_fragment_is_silence() -> None:
    aligner = StereoAligner()
    aligner.push(0, 0, block(LEFT, 0), 1)
    aligner.push(0, BLOCK + 161, block(LEFT, 1), 1)
    assert pcm_of(aligner.flush()) == stereo(block(LEFT, 0) + silence(161) + block(LEFT, 1), b"")


def test_every_fragment_is_placed_by_its_own_time() -> None:
    aligner = StereoAligner()
    aligner.push(0, 0, block(LEFT, 0), 1)
    aligner.push(0, BLOCK + 3, block(LEFT, 1), 2)
    assert pcm_of(aligner.flush()) == stereo(block(LEFT, 0) + silence(3) + block(LEFT, 1), b"")


def test_an_overlap_is_heard_once() -> None:
    aligner = StereoAligner()
    aligner.push(0, 0, block(LEFT, 0), 1)
    aligner.push(0, BLOCK - 200, LEFT[(BLOCK - 200) * 2 : 2 * BLOCK * 2], 2)
    assert pcm_of(aligner.flush()) == stereo(LEFT[: 2 * BLOCK * 2], b"")


def test_what_lies_before_the_beginning_is_dropped() -> None:
    aligner = StereoAligner(position=700)
    for index in range(3):
        aligner.push(0, index * BLOCK, block(LEFT, index), 1)
        aligner.push(1, index * BLOCK, block(RIGHT, index), 1)
    whole = stereo(LEFT[: 3 * BLOCK * 2], RIGHT[: 3 * BLOCK * 2])
    assert pcm_of(aligner.take(), start=700) == whole[700 * 4 :]


def test_only_what_all_tracks_lack_for_long_is_a_gap() -> None:
    aligner = StereoAligner()
    aligner.push(0, 0, block(LEFT, 0), 1)
    aligner.push(1, BLOCK + SMALLEST_GAP - 1, block(RIGHT, 0), 1)
    assert aligner.take_gaps() == []
    end = 2 * BLOCK + SMALLEST_GAP - 1
    aligner.push(0, end + SMALLEST_GAP, block(LEFT, 1), 2)
    assert aligner.take_gaps() == [Gap(start=end, end=end + SMALLEST_GAP, reason=GapReason.MISSING)]


def test_a_hole_of_ten_seconds_is_filled_and_a_longer_one_jumped_over() -> None:
    for extra, pieces in ((0, 1), (1, 2)):
        aligner = StereoAligner()
        aligner.push(0, 0, block(LEFT, 0), 1)
        start = BLOCK + LONGEST_SILENCE + extra
        aligner.push(0, start, block(LEFT, 1), 2)
        audio = aligner.flush()
        assert len(audio) == pieces
        assert (audio[0].start, audio[-1].end) == (0, start + BLOCK)
        assert audio[-1].pcm.endswith(stereo(block(LEFT, 1), b""))


def test_what_waits_before_a_jump_is_not_lost() -> None:
    aligner = StereoAligner()
    aligner.push(0, 0, block(LEFT, 0), 1)
    aligner.push(1, 100_000, block(RIGHT, 1), 2)
    first, second = aligner.flush()
    assert first == StereoAudio(0, stereo(block(LEFT, 0), b""))
    assert second == StereoAudio(100_000, stereo(b"", block(RIGHT, 1)))
