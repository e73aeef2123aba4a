"""What a waveform is drawn from: every sample counts, at its time, on its channel, as loud as it is."""

from __future__ import annotations

import io
import struct
import wave
from array import array
from typing import Final

import pytest
import soundfile

from callscribe.audio import UnusableAudio
from callscribe.audio.peaks import LOUDEST, MOST_POINTS, Peaks, peaks

RATE: Final = 8000


def recording(*channels: list[int], rate: int = RATE) -> bytes:
    """A PCM recording of 16 bits, as Amazon Connect writes them."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(array("h", [sample for frame in zip(*channels, strict=True) for sample in frame]).tobytes())
    return buffer.getvalue()


def found(content: bytes, *, points: int = MOST_POINTS) -> Peaks:
    drawn = peaks(io.BytesIO(content), len(content), points=points)
    assert drawn is not None
    return drawn


@pytest.mark.parametrize("seconds", [1, 7, 61])
def test_a_click_stands_at_its_time_on_its_channel_and_nowhere_else(seconds: int) -> None:
    frames = seconds * RATE
    left, right = [0] * frames, [0] * frames
    at = frames * 3 // 7
    left[at], right[frames - 1] = 20_000, -32_768
    drawn = found(recording(left, right))
    assert drawn.duration_seconds == seconds
    assert [len(levels) for levels in drawn.channels] == [MOST_POINTS, MOST_POINTS]
    clicks = [{point: level for point, level in enumerate(levels) if level} for levels in drawn.channels]
    assert clicks == [{at * MOST_POINTS // frames: 156}, {MOST_POINTS - 1: LOUDEST}]


def test_points_are_what_the_loudest_sample_of_their_part_is() -> None:
    samples = [(number * 7919) % 30_011 - 15_000 for number in range(200_003)]  # more than a block, no whole points
    drawn = found(recording(samples), points=97)
    parts = [samples[-(-n * len(samples) // 97) : -(-(n + 1) * len(samples) // 97)] for n in range(97)]
    expected = [-(-max(max(part), -min(part)) * LOUDEST // 32_768) for part in parts]
    assert list(drawn.channels[0]) == expected


def test_a_recording_of_fewer_samples_than_points_has_a_point_for_each() -> None:
    assert found(recording([1000] * 900)).channels == ((8,) * 900,)


def test_only_digital_silence_is_none() -> None:
    assert found(recording([0] * RATE)).channels == ((0,) * MOST_POINTS,)
    assert found(recording([1] * RATE)).channels == ((1,) * MOST_POINTS,)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "PCM_32", "ALAW", "ULAW"])
def test_other_codings_of_integers_are_as_loud(subtype: str) -> None:
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", RATE, 2, subtype, format="WAV") as file:
        file.buffer_write(array("h", [16_384, 2_048] * RATE).tobytes(), dtype="int16")
    left, right = (levels[500] for levels in found(buffer.getvalue()).channels)
    assert left == pytest.approx(128, abs=5)
    assert right == pytest.approx(16, abs=2)


def test_a_header_that_was_never_finished_hides_nothing() -> None:
    whole = recording([0] * RATE + [9000] * RATE)
    streamed = whole[:40] + struct.pack("<I", 0xFFFF_FFFF) + whole[44:]
    assert found(streamed).channels == found(whole).channels


@pytest.mark.parametrize(
    ("container", "subtype"), [("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("WAV", "FLOAT"), ("WAV", "GSM610")]
)
def test_of_other_codings_there_is_no_waveform_rather_than_a_flat_one(container: str, subtype: str) -> None:
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", RATE, 1, subtype, format=container) as file:
        file.buffer_write(array("h", [9000] * RATE).tobytes(), dtype="int16")
    content = buffer.getvalue()
    assert peaks(io.BytesIO(content), len(content)) is None


def test_audio_that_is_missing_is_no_silence() -> None:
    cut = recording([9000] * RATE)[:RATE]
    with pytest.raises(UnusableAudio):
        peaks(io.BytesIO(cut), len(cut))


class Failing(io.BytesIO):
    """A stream whose connection is lost on the way."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() > 10_000:
            raise ConnectionError("lost")
        return super().read(size)


def test_what_the_stream_raises_passes_through() -> None:
    content = recording([9000] * RATE * 40)
    with pytest.raises(ConnectionError):
        peaks(Failing(content), len(content))
