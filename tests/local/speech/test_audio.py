import numpy as np
import pytest

from local.speech.audio import decode
from local.speech.errors import ListenError
from tests.local.speech.calls import encoded, tone


@pytest.mark.parametrize(
    ("kind", "subtype"),
    [("WAV", "PCM_16"), ("WAV", "ULAW"), ("WAV", "PCM_U8"), ("FLAC", None), ("OGG", "VORBIS"), ("MP3", None)],
)
def test_the_formats_of_recordings_are_decoded(kind: str, subtype: str | None) -> None:
    recording = decode(encoded(tone(1.5, channels=2), kind=kind, subtype=subtype), "digest", multichannel=True)
    assert len(recording.channels) == 2
    assert recording.duration == pytest.approx(1.5, abs=0.1)
    assert recording.channels[1].rate == 8000
    assert recording.channels[1].duration == pytest.approx(recording.duration)


def test_channels_are_kept_apart_only_on_request() -> None:
    stereo = np.concatenate([tone(), np.zeros_like(tone())], axis=1)
    apart = decode(encoded(stereo), "digest", multichannel=True).channels
    assert [channel.samples().any() for channel in apart] == [True, False]
    (mixed,) = decode(encoded(stereo), "digest", multichannel=False).channels
    assert mixed.of == 1
    assert np.abs(mixed.samples().astype(int) - stereo[:, 0] // 2).max() <= 1


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>not audio</html>", encoded(tone())[:20], encoded(tone()[:0]), b"RIFF\xff\xff\xff\xffWAVEfmt "],
    ids=["empty", "text", "cut header", "no frames", "header only"],
)
def test_what_is_not_audio_is_refused_as_deepgram_refuses_it(body: bytes) -> None:
    with pytest.raises(ListenError) as caught:
        decode(body, "digest", multichannel=False)
    assert caught.value.body("id") == {
        "err_code": "Bad Request",
        "err_msg": "Bad Request: failed to process audio: corrupt or unsupported data",
        "request_id": "id",
    }


def test_a_header_that_promises_more_than_there_is_allocates_no_more() -> None:
    body = bytearray(encoded(tone(1)))
    body[40:44] = (2**31).to_bytes(4, "little")
    assert decode(bytes(body), "digest", multichannel=False).duration == pytest.approx(1, abs=0.01)
