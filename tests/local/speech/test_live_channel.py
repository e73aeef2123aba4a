"""How a stream is taken apart into turns, where whatever is loud is speech and the decoder hears a word a second."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from local.speech.engines import Passage, StreamRequest, Word
from local.speech.engines.live_channel import (
    LONGEST_SECONDS,
    MARGIN,
    RATE,
    SILENCE_SECONDS,
    LiveChannel,
    Tools,
)

FRAME = 0.032


class Loudness:
    """Takes whatever is loud for speech."""

    frame_samples = 512
    onset = 0.1

    def speech(self, pcm: bytes) -> Sequence[bool]:
        frames = np.frombuffer(pcm, "<i2").reshape(-1, self.frame_samples)
        return [bool(frame.max() > 100) for frame in frames]


class Seconds:
    """Hears one word for each second of a turn."""

    def __init__(self) -> None:
        self.turns: list[float] = []

    def begin(self) -> None:
        self.turns.append(0.0)

    def add(self, pcm: bytes) -> None:
        self.turns[-1] += len(pcm) / 2 / RATE

    def so_far(self) -> Sequence[Word]:
        return [Word("word", float(second), second + 0.5, 0.9) for second in range(round(self.turns[-1]))]

    def end(self) -> Sequence[Word]:
        return self.so_far()

    def release(self) -> None: ...


def sound(seconds: float) -> bytes:
    return b"\0\1" * round(seconds * RATE)


def silence(seconds: float) -> bytes:
    return bytes(2 * round(seconds * RATE))


class Listener:
    """A channel that is fed tenths of a second, and what it has heard."""

    def __init__(self, *, endpointing: float = 0.3, interim: bool = True) -> None:
        self.decoder = Seconds()
        self.channel = LiveChannel(StreamRequest(RATE, interim, endpointing), Tools(Loudness(), self.decoder))
        self.heard: list[Passage] = []
        self.fed = 0.0

    def hear(self, *pieces: bytes) -> list[Passage]:
        before = len(self.heard)
        pcm = b"".join(pieces)
        self.fed += len(pcm) / 2 / RATE
        for start in range(0, len(pcm), RATE // 5):
            self.heard += self.channel.feed(pcm[start : start + RATE // 5])
        return self.heard[before:]

    @property
    def finals(self) -> list[Passage]:
        return [heard for heard in self.heard if heard.final]

    @property
    def interims(self) -> list[Passage]:
        return [heard for heard in self.heard if not heard.final]


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    # Whatever was said: the finals cover the stream without gap or overlap.
    listener.heard += listener.channel.finish()
    ends = [0.0, *(final.end for final in listener.finals)]
    assert [final.start for final in listener.finals] == ends[:-1]
    assert ends[-1] == pytest.approx(listener.fed)


def test_a_turn_begins_with_speech_and_ends_with_a_pause(listener: Listener) -> None:
    listener.hear(silence(1), sound(2), silence(1))
    (final,) = listener.finals
    assert final.speech_final
    assert final.end == pytest.approx(3.0 + MARGIN, abs=2 * FRAME)
    assert [word.start for word in final.words] == pytest.approx([0.8, 1.8], abs=2 * FRAME)


def test_the_decoder_is_given_no_silence_but_a_margin(listener: Listener) -> None:
    listener.hear(silence(2), sound(1), silence(2))
    assert listener.decoder.turns == [pytest.approx(1 + 2 * MARGIN, abs=2 * FRAME)]


def test_a_pause_shorter_than_the_endpointing_is_within_the_turn() -> None:
    patient = Listener(endpointing=1.0)
    patient.hear(sound(1), silence(0.8), sound(1), silence(2))
    assert len(patient.finals) == 1
    assert patient.decoder.turns == [pytest.approx(2.8 + MARGIN, abs=3 * FRAME)]


def test_a_click_is_no_speech(listener: Listener) -> None:
    assert listener.hear(silence(1), sound(0.05), silence(1)) == []


def test_words_that_are_not_final_come_at_least_once_a_second_and_only_if_wanted(listener: Listener) -> None:
    listener.hear(sound(5))
    assert len(listener.interims) >= 5
    assert {passage.start for passage in listener.interims} == {0.0}
    assert listener.interims[-1].end == pytest.approx(5.0, abs=0.6)
    unasked = Listener(interim=False)
    unasked.hear(sound(5))
    assert unasked.interims == []


def test_without_time_for_it_nothing_but_finals_is_decoded() -> None:
    hurried = Listener()
    heard = hurried.channel.feed(sound(5) + silence(1) + sound(3), interim=False)
    assert [passage.final for passage in heard] == [True]


def test_audio_that_waited_gives_the_same_finals_as_audio_on_time(listener: Listener) -> None:
    audio = silence(1) + sound(9) + silence(0.15) + sound(20) + silence(6) + sound(1) + silence(1)
    listener.hear(audio)
    late = Listener()
    late.heard += late.channel.feed(audio)
    assert late.finals == listener.finals


def test_a_long_turn_is_cut_in_a_short_pause_and_in_any_case_before_it_is_too_long(listener: Listener) -> None:
    listener.hear(sound(9), silence(0.16), sound(2), silence(1))
    assert [final.speech_final for final in listener.finals] == [False, True]
    assert listener.finals[0].end == pytest.approx(9.16, abs=2 * FRAME)
    listener.hear(sound(40))
    assert max(final.end - final.start for final in listener.finals) <= LONGEST_SECONDS + 1
    assert not any(final.speech_final for final in listener.finals[2:])


def test_silence_is_confirmed_now_and_then(listener: Listener) -> None:
    listener.hear(silence(3 * SILENCE_SECONDS))
    assert [(final.words, final.speech_final) for final in listener.finals] == [((), False)] * 2


def test_finalize_ends_what_is_open_and_speech_goes_on_in_another_turn(listener: Listener) -> None:
    listener.hear(sound(2))
    listener.heard += listener.channel.finalize()
    assert (listener.finals[0].from_finalize, len(listener.finals[0].words)) == (True, 2)
    assert listener.finals[0].end == pytest.approx(listener.fed, abs=FRAME)
    listener.hear(sound(2), silence(1))
    assert listener.finals[1].speech_final
    assert len(listener.finals[1].words) == 2


def test_finalize_in_silence_leaves_out_what_may_be_the_beginning_of_speech(listener: Listener) -> None:
    listener.hear(silence(2), sound(0.05))
    (passage,) = listener.channel.finalize()
    listener.heard.append(passage)
    assert (passage.from_finalize, passage.words) == (True, ())
    assert passage.end < 2.0
    listener.hear(sound(1), silence(1))
    assert len(listener.finals[-1].words) == 1


def test_the_end_of_the_stream_ends_the_turn() -> None:
    ended = Listener()
    ended.hear(sound(1.99))
    (final,) = ended.channel.finish()
    assert len(final.words) == 2
    assert final.end == pytest.approx(1.99)


def test_other_rates_are_resampled() -> None:
    channel = LiveChannel(StreamRequest(8_000, False, 0.3), Tools(Loudness(), Seconds()))
    heard = [*channel.feed(b"\0\1" * 16_000), *channel.feed(bytes(16_000)), *channel.finish()]
    assert [passage.end for passage in heard] == pytest.approx([2.0 + MARGIN, 3.0], abs=2 * FRAME)
