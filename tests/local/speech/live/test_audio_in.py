import numpy as np
import pytest

from local.speech.live.options import parse_stream_options
from local.speech.live.pace import PaceMeter
from local.speech.live.samples import SampleDecoder, Undecodable


def decoder(**parameters: str) -> SampleDecoder:
    asked = {"model": "nova-3", "encoding": "linear16", "sample_rate": "8000"} | parameters
    return SampleDecoder(parse_stream_options(asked.items()))


def test_a_message_may_end_between_two_channels() -> None:
    taken = decoder(channels="2", multichannel="true")
    audio = np.arange(8, dtype="<i2").tobytes()
    first, second = taken.feed(audio[:6]), taken.feed(audio[6:])
    assert [np.frombuffer(a + b, "<i2").tolist() for a, b in zip(first, second, strict=True)] == [
        [0, 2, 4, 6],
        [1, 3, 5, 7],
    ]
    assert taken.samples == 4


def test_channels_are_mixed_down_to_their_mean() -> None:
    taken = decoder(channels="2")
    (mixed,) = taken.feed(np.array([100, 300, -2, 0], "<i2").tobytes())
    assert np.frombuffer(mixed, "<i2").tolist() == [200, -1]


@pytest.mark.parametrize("message", [b"\0", b"fLaC" + bytes(4), b"\x1aE\xdf\xa3" + bytes(4)])
def test_what_is_no_audio_is_refused(message: bytes) -> None:
    with pytest.raises(Undecodable):
        decoder().feed(message)


def test_what_looks_like_a_container_within_the_audio_is_audio() -> None:
    taken = decoder()
    taken.feed(bytes(2))
    assert taken.feed(b"\x1aE\xdf\xa3") == [b"\x1aE\xdf\xa3"]


def test_only_audio_beyond_the_pace_is_ahead() -> None:
    now = 0.0
    meter = PaceMeter(clock=lambda: now)
    for _ in range(100):
        meter.take(1.25)
        now += 1.0
    assert meter.ahead == pytest.approx(1.25)
    meter.take(10.0)
    now += 4.0
    meter.take(1.0)
    assert meter.ahead == pytest.approx(10.0)
