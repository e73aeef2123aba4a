from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.deepgram.encoding import ENCODINGS
from streamer.deepgram.replay import ReplayBuffer
from streamer.media.stereo import StereoAudio

EVERYTHING = (0, 0)
LINEAR16, MULAW = ENCODINGS["linear16"], ENCODINGS["mulaw"]


def audio(start: int, samples: int) -> StereoAudio:
    """Stereo audio in which each sample of both channels tells its position."""
    return StereoAudio(start, b"".join(value(position) + value(position) for position in range(start, start + samples)))


def value(position: int) -> bytes:
    return (position % 30_000 + 1).to_bytes(2, "little")


def test_audio_is_read_from_any_position_until_it_is_released() -> None:
    buffer = ReplayBuffer(1000, LINEAR16)
    buffer.append(audio(0, 10))
    buffer.append(audio(10, 10))
    assert buffer.read(0, 100, silent_until=EVERYTHING) == audio(0, 20).pcm
    assert buffer.read(7, 5, silent_until=EVERYTHING) == audio(7, 5).pcm
    assert buffer.read(20, 5, silent_until=EVERYTHING) == b""
    buffer.release(12)
    assert (buffer.held, buffer.end) == (10, 20)
    assert buffer.read(12, 100, silent_until=EVERYTHING) == audio(12, 8).pcm


def test_a_piece_that_is_read_whole_is_not_copied() -> None:
    buffer, piece = ReplayBuffer(1000, LINEAR16), audio(5, 20)
    buffer.append(piece)
    assert buffer.read(5, 20, silent_until=EVERYTHING) is piece.pcm


def test_a_channel_is_silent_before_its_own_watermark() -> None:
    buffer = ReplayBuffer(1000, LINEAR16)
    buffer.append(audio(0, 8))
    pcm = buffer.read(2, 6, silent_until=(2, 5))
    customer, agent = pcm[0::4] + pcm[1::4], [pcm[at : at + 2] for at in range(2, len(pcm), 4)]
    assert customer == audio(2, 6).pcm[0::4] + audio(2, 6).pcm[1::4]
    assert agent == [b"\0\0"] * 3 + [value(5), value(6), value(7)]


def test_reading_ends_where_the_stream_had_nothing() -> None:
    buffer = ReplayBuffer(1000, LINEAR16)
    buffer.append(audio(0, 10))
    buffer.append(audio(30, 10))
    assert buffer.read(5, 100, silent_until=EVERYTHING) == audio(5, 5).pcm
    assert buffer.read(10, 100, silent_until=EVERYTHING) == b""
    assert [buffer.next_audio(position) for position in (0, 9, 10, 29, 30, 39, 40)] == [0, 9, 30, 30, 30, 39, None]


def test_it_is_full_at_its_capacity() -> None:
    buffer = ReplayBuffer(15, LINEAR16)
    buffer.append(audio(100, 10))
    assert not buffer.full
    buffer.append(audio(110, 5))
    assert buffer.full
    buffer.release(110)
    assert not buffer.full


def test_audio_that_cannot_follow_is_refused() -> None:
    buffer = ReplayBuffer(1000, LINEAR16)
    buffer.append(audio(10, 10))
    with pytest.raises(ValueError, match="order"):
        buffer.append(audio(15, 10))
    with pytest.raises(ValueError, match="whole samples"):
        buffer.append(StereoAudio(20, b"abc"))
    buffer.append(StereoAudio(20, b""))
    assert (buffer.held, buffer.end, buffer.next_audio(20)) == (10, 20, None)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 40)), min_size=1, max_size=12),
    st.lists(st.integers(0, 400), min_size=2, max_size=2),
    st.integers(0, 400),
    st.integers(1, 60),
    st.integers(0, 400),
)
def test_any_reading_is_the_audio_of_its_section(
    pieces: list[tuple[int, int]], silent_until: list[int], position: int, limit: int, released: int
) -> None:
    buffer, at = ReplayBuffer(10_000, LINEAR16), 0
    everything: dict[int, None] = {}
    for gap, samples in pieces:
        at += 10 * gap
        piece = audio(at, samples)
        buffer.append(piece)
        at = piece.end
        if piece.end > released:
            everything |= dict.fromkeys(range(piece.start, piece.end))
    buffer.release(released)
    assert buffer.held == len(everything)
    expected: list[bytes] = []
    while position + len(expected) in everything and len(expected) < limit:
        here = position + len(expected)
        expected.append(b"".join(value(here) if here >= until else b"\0\0" for until in silent_until))
    assert buffer.read(position, limit, silent_until=silent_until) == b"".join(expected)
    assert buffer.next_audio(position) == min((p for p in everything if p >= position), default=None)


_SAMPLES = st.lists(st.one_of(st.just(0), st.integers(-8, 8), st.integers(-32_768, 32_767)), min_size=2, max_size=80)


@given(_SAMPLES, st.tuples(st.integers(0, 40), st.integers(0, 40)), st.integers(0, 40))
def test_as_mu_law_the_same_audio_is_held_in_half_the_bytes(
    samples: list[int], silent_until: tuple[int, int], position: int
) -> None:
    pcm = array("h", samples[: len(samples) // 2 * 2]).tobytes()
    wide, narrow = ReplayBuffer(100, LINEAR16), ReplayBuffer(100, MULAW)
    for buffer in (wide, narrow):
        buffer.append(StereoAudio(0, pcm))
    assert (wide.end, wide.held, wide.full) == (narrow.end, narrow.held, narrow.full)
    heard = [buffer.read(position, 60, silent_until=silent_until) for buffer in (wide, narrow)]
    assert heard[1] == MULAW.written(heard[0])
    assert 2 * len(heard[1]) == len(heard[0])


@given(_SAMPLES, st.integers(0, 1))
def test_what_mu_law_has_is_as_loud_and_as_silent_as_it_was(samples: list[int], channel: int) -> None:
    carried = MULAW.read(MULAW.written(array("h", samples[: len(samples) // 2 * 2]).tobytes()))
    wide, narrow = ReplayBuffer(100, LINEAR16), ReplayBuffer(100, MULAW)
    for buffer in (wide, narrow):
        buffer.append(StereoAudio(0, carried))
    assert wide.sound(channel, 0, 100) == narrow.sound(channel, 0, 100)
    assert wide.loud(channel, 0, 100) == narrow.loud(channel, 0, 100)
