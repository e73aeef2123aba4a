"""How loud a recording is from moment to moment: what a waveform is drawn from."""

import io
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final, cast

import soundfile

from callscribe.audio.decoding import check_channels, damaged
from callscribe.audio.wav import WavSamples, wav_samples

MOST_POINTS: Final = 1_000
"""Most points of a channel: more than a page has columns for."""

LOUDEST: Final = 255
"""Level of a sample at full scale; 0 is silence without any noise."""

_FULL_SCALE: Final = 32_768
_BLOCK_FRAMES: Final = 65_536
_SAMPLE_BYTES: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Peaks:
    """The loudest sample of each moment.

    Attributes:
        duration_seconds: length of the audio.
        channels: levels from 0 to `LOUDEST`, linear, for each channel; all have the same number of points, of which
            each stands for the same part of the length.
    """

    duration_seconds: float
    channels: tuple[tuple[int, ...], ...]


def peaks(stream: BinaryIO, size_bytes: int, *, points: int = MOST_POINTS) -> Peaks | None:
    """Look at every sample of a recording, in blocks of a few hundred kilobytes.

    Args:
        stream: the object, seekable.
        size_bytes: size of the object.
        points: most points of a channel.

    Returns:
        None for audio that is not WAV with samples of integers of one size (PCM, A-law, mu-law).

    Raises:
        UnusableAudio: the header cannot be believed, audio is missing, or it cannot be decoded to its end.
        Exception: whatever the stream itself raises passes through.
    """
    stream.seek(0, io.SEEK_SET)
    head = stream.read(12)
    if head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
        return None
    samples = wav_samples(stream, size_bytes)
    if samples is None or samples.frames == 0:
        return None
    check_channels(samples.channels)
    points = min(points, samples.frames)
    loudest = [[0] * points for _ in range(samples.channels)]
    first = 0
    for block in _blocks(samples):
        frames = len(block) // samples.channels
        for channel, found in enumerate(loudest):
            _note(found, block[channel :: samples.channels], first=first, of=samples.frames)
        first += frames
    if first < samples.frames:
        raise damaged()
    return Peaks(
        duration_seconds=round(samples.frames / samples.sample_rate, 3),
        # Rounded up, so that only digital silence is none.
        channels=tuple(tuple(-(-level * LOUDEST // _FULL_SCALE) for level in found) for found in loudest),
    )


def _blocks(samples: WavSamples) -> Iterator["array[int]"]:
    view = samples.view
    try:
        with soundfile.SoundFile(cast(BinaryIO, view)) as sound:
            buffer = bytearray(_BLOCK_FRAMES * samples.channels * _SAMPLE_BYTES)
            left = samples.frames
            while left > 0:
                frames = min(left, sound.buffer_read_into(buffer, dtype="int16"))
                view.check()
                if frames == 0:
                    return
                left -= frames
                yield array("h", bytes(buffer[: frames * samples.channels * _SAMPLE_BYTES]))
    except soundfile.LibsndfileError as error:
        view.check()
        raise damaged() from error


def _note(found: list[int], block: "array[int]", *, first: int, of: int) -> None:
    """Note what a block of one channel holds, whose first frame is the recording's so-many-th of so many."""
    points = len(found)
    start = 0
    while start < len(block):
        point = (first + start) * points // of
        # The first frame of the next point: the smallest whose share of the points is as much.
        end = min(len(block), -(-(point + 1) * of // points) - first)
        part = block[start:end]
        found[point] = max(found[point], max(part), -min(part))
        start = end
