from array import array

from streamer.deepgram.encoding import ENCODINGS
from tests.local.speech.live.test_audio_in import decoder

MULAW = ENCODINGS["mulaw"]
CODES = bytes(range(256))


def test_what_telephones_carry_comes_back_as_it_was_but_for_the_second_zero() -> None:
    again = MULAW.written(MULAW.read(CODES))
    assert [code for code, back in zip(CODES, again, strict=True) if code != back] == [0x7F]
    assert MULAW.read(b"\x7f") == MULAW.read(again[0x7F:0x80]) == b"\0\0"


def test_silence_stays_silence_and_nothing_audible_becomes_it() -> None:
    assert MULAW.written(bytes(20)) == MULAW.silence[:1] * 10
    loudest = max(
        abs(sample)
        for sample in range(-100, 101)
        if MULAW.written(array("h", [sample]).tobytes()) in (b"\xff", b"\x7f")
    )
    assert loudest < 8  # of 32,768


def test_a_reader_of_the_recommendation_hears_the_same() -> None:
    (heard,) = decoder(encoding="mulaw").feed(CODES)
    assert heard == MULAW.read(CODES)
