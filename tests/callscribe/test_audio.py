import io
import struct
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from callscribe.audio import AudioFacts, UnusableAudio, probe

RATE = 8000
HOUR = 3600.0


def recorded(
    seconds: float = 2.0, channels: int = 2, container: str = "WAV", subtype: str = "PCM_16", rate: int = RATE
) -> bytes:
    time = np.arange(int(seconds * rate)) / rate
    tone = 0.3 * np.sin(2 * np.pi * 440 * time) * (1 + np.sin(2 * np.pi * 3 * time)) / 2
    buffer = io.BytesIO()
    soundfile.write(buffer, np.repeat(tone[:, None], channels, axis=1), rate, format=container, subtype=subtype)
    return buffer.getvalue()


def wav(data: bytes, *, data_size: int | None = None, riff_size: int | None = None, block_align: int = 4) -> bytes:
    """A 16-bit stereo WAV file whose sizes can be made to lie."""
    data_size = len(data) if data_size is None else data_size
    riff_size = 36 + len(data) if riff_size is None else riff_size
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 2, RATE, RATE * 4, block_align, 16)
    return struct.pack("<4sI4s", b"RIFF", riff_size, b"WAVE") + fmt + struct.pack("<4sI", b"data", data_size) + data


TWO_SECONDS = bytes(2 * RATE * 4)


def refused(content: bytes, max_duration_seconds: float = HOUR) -> str:
    with pytest.raises(UnusableAudio) as error:
        probe(io.BytesIO(content), len(content), max_duration_seconds=max_duration_seconds)
    return error.value.code


@pytest.mark.parametrize(
    ("container", "subtype"),
    [
        ("WAV", "PCM_16"),
        ("WAV", "PCM_U8"),
        ("WAV", "PCM_24"),
        ("WAV", "FLOAT"),
        ("WAV", "ULAW"),
        ("WAV", "ALAW"),
        ("WAV", "IMA_ADPCM"),
        ("WAVEX", "PCM_16"),
        ("RF64", "PCM_16"),
        ("FLAC", "PCM_16"),
        ("MP3", "MPEG_LAYER_III"),
        ("OGG", "VORBIS"),
        ("OGG", "OPUS"),
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_what_a_recording_holds_is_found(container: str, subtype: str, channels: int) -> None:
    content = recorded(3.0, channels, container, subtype)
    facts = probe(io.BytesIO(content), len(content), max_duration_seconds=HOUR)
    assert (facts.channels, facts.sample_rate, facts.subtype) == (channels, RATE, subtype)
    assert facts.format in (container, "WAV")
    assert facts.duration_seconds == pytest.approx(3.0, abs=0.15)


def test_an_empty_object_is_refused() -> None:
    assert refused(b"") == "EmptyObject"


@pytest.mark.parametrize(
    "content",
    [
        b"This is a text, not a recording.",
        b"<!DOCTYPE html><html></html>",
        b'{"err_code": "x"}',
        b"R",
        b"RIFF\x10\x00\x00\x00AVI LIST",
        "Ein Text".encode("utf-16"),
        bytes(4096),
    ],
)
def test_what_is_no_audio_is_refused(content: bytes) -> None:
    assert refused(content) == "NotAudio"


@pytest.mark.parametrize(
    "content",
    [
        b"\x00\x00\x00\x20ftypM4A \x00\x00",
        b"#!AMR\n" + bytes(30),
        b"RIFX" + bytes(40),
        b"\xff\xf1\x50\x80" + bytes(400),
        b"ID3\x04\x00\x00\x00\x00\x00\x0a" + bytes(10) + b"\xff\xf9\x50\x80" + bytes(400),
        b"caff\x00\x01\x00\x00" + bytes(40),
    ],
    ids=["m4a", "amr", "rifx", "aac", "aac-behind-id3", "caf"],
)
def test_audio_that_cannot_be_checked_is_refused(content: bytes) -> None:
    assert refused(content) == "UnsupportedFormat"


@pytest.mark.parametrize(
    ("container", "subtype"),
    [("WAV", "PCM_16"), ("WAV", "PCM_U8"), ("WAV", "ULAW"), ("WAV", "IMA_ADPCM"), ("RF64", "PCM_16")],
)
@pytest.mark.parametrize("kept", [0.98, 0.5, 0.1])
def test_a_truncated_wav_is_refused(container: str, subtype: str, kept: float) -> None:
    content = recorded(2.0, 2, container, subtype)
    assert refused(content[: int(len(content) * kept)]) == "TruncatedAudio"


def test_a_wav_cut_inside_its_header_is_refused() -> None:
    assert refused(wav(TWO_SECONDS)[:30]) == "TruncatedAudio"


@pytest.mark.parametrize("container", ["MP3", "OGG"])
@pytest.mark.parametrize("kept", [0.95, 0.5, 0.2])
def test_truncated_compressed_audio_is_refused(container: str, kept: float) -> None:
    content = recorded(6.0, 2, container, {"MP3": "MPEG_LAYER_III", "OGG": "VORBIS"}[container])
    assert refused(content[: int(len(content) * kept)]) == "TruncatedAudio"


@pytest.mark.parametrize("kept", [0.9, 0.5, 0.1])
def test_a_truncated_flac_is_refused(kept: float) -> None:
    content = recorded(6.0, 2, "FLAC")
    assert refused(content[: int(len(content) * kept)]) == "CorruptAudio"


def test_a_damaged_flac_is_refused() -> None:
    content = bytearray(recorded(6.0, 2, "FLAC"))
    middle = len(content) // 2
    content[middle : middle + 200] = bytes(200)
    assert refused(bytes(content)) == "CorruptAudio"


def facts_of(content: bytes) -> AudioFacts:
    return probe(io.BytesIO(content), len(content), max_duration_seconds=HOUR)


def flac_of_unknown_length(seconds: float) -> bytes:
    content = bytearray(recorded(seconds, 2, "FLAC"))
    # The last 36 bits of these 8 bytes of STREAMINFO are the number of samples; 0 says that it is unknown.
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    return bytes(content)


@pytest.mark.parametrize("seconds", [0.7, 6.3, 20.0])
def test_a_flac_of_unknown_length_is_counted_and_says_so(seconds: float) -> None:
    facts = facts_of(flac_of_unknown_length(seconds))
    assert (facts.duration_seconds, facts.warnings) == (seconds, ("flac-length-counted",))


@pytest.mark.parametrize(
    ("data_size", "riff_size"),
    [
        (0xFFFFFFFF, 0xFFFFFFFF),
        (0x7FFFF000, 0xFFFFFFFF),
        (0, 36),
        (0, 0),
        (0, None),
        (None, 0),
        (None, 0xFFFFFFFF),
        (None, 36 + len(TWO_SECONDS) + 8),
        (None, 36 + len(TWO_SECONDS) + 1000),
        (None, len(TWO_SECONDS)),
        (len(TWO_SECONDS) + 44, None),
        (len(TWO_SECONDS) + 320, 36 + len(TWO_SECONDS) + 320),
    ],
)
def test_audio_behind_open_or_sloppy_sizes_is_all_there(data_size: int | None, riff_size: int | None) -> None:
    facts = facts_of(wav(TWO_SECONDS, data_size=data_size, riff_size=riff_size))
    assert (facts.duration_seconds, facts.warnings) == (2.0, ("wav-header-sizes-wrong",))


@pytest.mark.parametrize("riff_size", [0, 0xFFFFFFFF])
def test_coded_wav_is_decoded_whatever_its_sizes_say(riff_size: int) -> None:
    content = bytearray(recorded(2.0, 2, "WAV", "IMA_ADPCM"))
    content[4:8] = struct.pack("<I", riff_size)
    place = content.index(b"data") + 4
    content[place : place + 4] = bytes(4)
    facts = facts_of(bytes(content))
    assert (facts.subtype, facts.warnings) == ("IMA_ADPCM", ("wav-header-sizes-wrong",))
    assert facts.duration_seconds == pytest.approx(2.0, abs=0.13)


def test_a_right_header_needs_no_warning() -> None:
    assert facts_of(wav(TWO_SECONDS)).warnings == ()


@pytest.mark.parametrize(
    "content",
    [
        wav(TWO_SECONDS, data_size=len(TWO_SECONDS) // 2, riff_size=36 + len(TWO_SECONDS) // 2),
        wav(TWO_SECONDS) + wav(TWO_SECONDS),
        wav(TWO_SECONDS) + struct.pack("<4sI", b"data", len(TWO_SECONDS)) + TWO_SECONDS,
        wav(TWO_SECONDS, block_align=2),
        wav(TWO_SECONDS, block_align=0),
        wav(b"").replace(b"data", b"junk"),
        wav(TWO_SECONDS).replace(b"fmt ", b"junk"),
    ],
    ids=["half", "two-files", "two-data-chunks", "frame-size", "frame-size-0", "no-data", "no-format"],
)
def test_a_header_that_hides_audio_or_contradicts_itself_is_refused(content: bytes) -> None:
    assert refused(content) == "HeaderMismatch"


@pytest.mark.parametrize("rate", [1, 100, 3_999, 192_001, 0xFFFFFFFF])
def test_a_rate_at_which_nobody_records_is_refused(rate: int) -> None:
    content = bytearray(wav(TWO_SECONDS))
    content[24:28] = struct.pack("<I", rate)
    assert refused(bytes(content)) == "HeaderMismatch"


def test_a_chunk_without_its_padding_does_not_hide_the_audio() -> None:
    content = wav(TWO_SECONDS)
    odd = content[:36] + struct.pack("<4sI", b"LIST", 5) + b"hello" + content[36:]
    assert facts_of(odd).duration_seconds == 2.0


def test_long_chunks_behind_the_audio_are_no_hidden_sound() -> None:
    content = wav(TWO_SECONDS) + struct.pack("<4sI", b"bext", 20_000) + bytes(20_000)
    assert facts_of(content).duration_seconds == 2.0


@pytest.mark.parametrize("tag", [0x0083, 0x0133, 0x0161, 0x0271])
def test_a_coding_that_cannot_be_read_asks_for_conversion_not_for_another_upload(tag: int) -> None:
    content = bytearray(wav(TWO_SECONDS))
    content[20:22] = struct.pack("<H", tag)
    with pytest.raises(UnusableAudio, match=r"Convert the recording") as error:
        facts_of(bytes(content))
    assert error.value.code == "UnsupportedFormat"
    assert "pload" not in str(error.value)


def test_tags_around_the_audio_do_no_harm() -> None:
    content = wav(TWO_SECONDS)
    tagged = content[:36] + struct.pack("<4sI", b"LIST", 5) + b"hello\0" + content[36:]
    tagged = b"RIFF" + struct.pack("<I", len(tagged) - 8) + tagged[8:] + b"TAG" + bytes(125)
    assert probe(io.BytesIO(tagged), len(tagged), max_duration_seconds=HOUR).duration_seconds == 2.0


def test_three_channels_are_refused() -> None:
    assert refused(recorded(1.0, 3)) == "TooManyChannels"
    assert refused(recorded(1.0, 3, "FLAC")) == "TooManyChannels"


@pytest.mark.parametrize(("container", "subtype"), [("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("MP3", "MPEG_LAYER_III")])
def test_the_duration_limit_holds(container: str, subtype: str) -> None:
    content = recorded(4.0, 2, container, subtype)
    assert refused(content, 3.0) == "TooLong"
    assert probe(io.BytesIO(content), len(content), max_duration_seconds=5.0).duration_seconds >= 4.0


def test_nothing_to_hear_is_refused() -> None:
    assert refused(recorded(0.05)) == "TooShort"
    assert refused(wav(b"")) == "TooShort"


def test_a_file_deepgram_would_not_take_is_refused_unread() -> None:
    with pytest.raises(UnusableAudio) as error:
        probe(io.BytesIO(b""), 2_000_000_001, max_duration_seconds=HOUR)
    assert error.value.code == "TooLarge"


class Sparse(io.RawIOBase):
    """A file of zeros behind a beginning, that counts what is read of it."""

    def __init__(self, head: bytes, size: int) -> None:
        self._head, self._size, self._position = head, size, 0
        self.bytes_read = 0

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, size: int = -1) -> bytes:
        end = self._size if size < 0 else min(self._size, self._position + size)
        data = self._head[self._position : end].ljust(max(0, end - self._position), b"\0")
        self._position, self.bytes_read = end, self.bytes_read + len(data)
        return data


def test_four_hours_of_wav_are_judged_by_their_header() -> None:
    size = 4 * 3600 * RATE * 4
    head = wav(b"", data_size=size, riff_size=36 + size)
    stream = Sparse(head, len(head) + size)
    facts = probe(stream, len(head) + size, max_duration_seconds=5 * HOUR)  # type: ignore[arg-type]
    assert facts.duration_seconds == 4 * HOUR
    assert stream.bytes_read < 100_000


def test_decoding_needs_little_memory() -> None:
    content = recorded(60.0, 2, "FLAC")
    decoded_bytes = 60 * RATE * 2 * 2
    tracemalloc.start()
    try:
        probe(io.BytesIO(content), len(content), max_duration_seconds=HOUR)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < decoded_bytes / 2


class Failing(io.BytesIO):
    def __init__(self, content: bytes, reads: int) -> None:
        super().__init__(content)
        self._reads = reads

    def read(self, size: int | None = -1, /) -> bytes:
        self._reads -= 1
        if self._reads < 0:
            raise ConnectionResetError("network")
        return super().read(size)


@pytest.mark.parametrize("container", ["WAV", "FLAC", "MP3", "OGG"])
@pytest.mark.parametrize("reads", [0, 1])
def test_an_error_of_the_stream_is_not_taken_for_bad_audio(container: str, reads: int) -> None:
    content = recorded(20.0, 2, container, {"MP3": "MPEG_LAYER_III", "OGG": "VORBIS"}.get(container, "PCM_16"))
    stream: BinaryIO = Failing(content, reads)
    with pytest.raises(ConnectionResetError):
        probe(stream, len(content), max_duration_seconds=HOUR)


@given(st.binary(max_size=300), st.sampled_from([bytes, lambda tail: b"RIFF" + tail[:4] + b"WAVE" + tail]))
def test_no_content_ends_in_an_undeclared_error(tail: bytes, dress: Callable[[bytes], bytes]) -> None:
    content = dress(tail)
    with suppress(UnusableAudio):
        assert probe(io.BytesIO(content), len(content), max_duration_seconds=HOUR).channels in (1, 2)


def mp3(seconds: float, *, loud: bool = True, channels: int = 1, rate: int = 16_000) -> bytes:
    """An MP3 file of variable bit rate with its encoder's own first frame."""
    noise = np.random.default_rng(7).uniform(-0.4, 0.4, (int(seconds * rate), channels)) * loud
    buffer = io.BytesIO()
    with soundfile.SoundFile(
        buffer, "w", rate, channels, format="MP3", subtype="MPEG_LAYER_III", bitrate_mode="VARIABLE"
    ) as sound:
        sound.write(noise)
    return buffer.getvalue()


def without_xing(content: bytes) -> bytes:
    """The same without the encoder's frame, so that nothing says how long it is."""
    place = max(content.find(b"Xing"), content.find(b"Info"))
    following = content.find(content[:2], place)
    return content[following:]


@pytest.mark.parametrize("loud_first", [True, False])
def test_an_mp3_that_does_not_say_how_long_it_is_is_counted(loud_first: bool) -> None:
    parts = [without_xing(mp3(10, loud=loud)) for loud in (loud_first, not loud_first)]
    facts = facts_of(b"".join(parts))
    assert facts.duration_seconds == pytest.approx(20.0, abs=0.3)
    assert refused(b"".join(parts), 15.0) == "TooLong"


@pytest.mark.parametrize("joint", [b"", b"TAG" + bytes(125), b"ID3\x04\x00\x00\x00\x00\x01\x00" + bytes(128)])
def test_joined_mp3_files_count_with_all_their_parts(joint: bytes) -> None:
    content = mp3(4) + joint + mp3(6, loud=False) + joint + mp3(3)
    assert facts_of(content).duration_seconds == pytest.approx(13.0, abs=0.1)


def test_joined_mp3_files_with_another_number_of_channels_ask_for_conversion() -> None:
    assert refused(mp3(2) + mp3(2, channels=2)) == "UnsupportedFormat"


def test_a_second_part_that_is_cut_is_missed() -> None:
    assert refused(mp3(2) + mp3(6)[:-8_000]) == "TruncatedAudio"


def test_an_mp3_that_ends_inside_a_frame_says_so() -> None:
    facts = facts_of(without_xing(mp3(5))[:-20])
    assert facts.warnings == ("mp3-ends-inside-a-frame",)
    assert facts.duration_seconds == pytest.approx(5.0, abs=0.2)


def test_bytes_that_only_look_like_frames_are_no_audio() -> None:
    assert refused(b"\xff\xfb\x90\x00" + bytes(50_000)) == "NotAudio"
    assert refused(b"\xff\xfb" * 5_000) == "NotAudio"


def test_an_mp3_full_of_something_else_is_damaged() -> None:
    content = mp3(4)
    assert refused(content + np.random.default_rng(1).bytes(len(content)) + content) == "CorruptAudio"


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_chained_ogg_counts_with_all_its_links(subtype: str) -> None:
    content = b"".join(recorded(seconds, 2, "OGG", subtype) for seconds in (3.0, 4.5, 0.5))
    assert facts_of(content).duration_seconds == pytest.approx(8.0, abs=0.02)
    assert refused(content, 6.0) == "TooLong"


def test_joined_flac_counts_with_all_its_parts() -> None:
    content = recorded(3.0, 2, "FLAC") + flac_of_unknown_length(2.0)
    facts = facts_of(content)
    assert (facts.duration_seconds, facts.warnings) == (5.0, ("flac-length-counted",))


@given(st.binary(max_size=400), st.sampled_from(["MP3", "OGG", "FLAC"]), st.integers(0, 4000))
def test_no_damage_ends_in_an_undeclared_error_or_in_more_audio(junk: bytes, container: str, place: int) -> None:
    subtype = {"MP3": "MPEG_LAYER_III", "OGG": "VORBIS", "FLAC": "PCM_16"}[container]
    content = DAMAGEABLE[container, subtype]
    damaged = content[:place] + junk + content[place + len(junk) :]
    with suppress(UnusableAudio):
        assert facts_of(damaged).duration_seconds <= 2.5


DAMAGEABLE = {
    (container, subtype): recorded(2.0, 1, container, subtype)
    for container, subtype in (("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS"), ("FLAC", "PCM_16"))
}
