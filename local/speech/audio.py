"""Decoding of submitted audio into 16-bit channels."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
import soundfile

from local.speech.errors import unusable_audio

Samples = npt.NDArray[np.int16]

# About four and a half hours of 8 kHz stereo; a header must not make the server allocate more.
MAX_DECODED_BYTES = 512 * 1024 * 1024
_BLOCK_FRAMES = 1 << 20


@dataclass(frozen=True)
class Channel:
    """One channel of one recording.

    Attributes:
        pcm: 16-bit little-endian mono samples.
        rate: Samples per second.
        index: Position in the recording, from 0.
        of: How many channels the recording has, after the down-mix if there was one.
        recording_sha256: Digest of the submitted file, hexadecimal.
    """

    pcm: bytes
    rate: int
    index: int
    of: int
    recording_sha256: str

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.pcm) / 2 / self.rate

    def samples(self) -> Samples:
        """Return the samples as an array, without copying."""
        return np.frombuffer(self.pcm, dtype="<i2")


@dataclass(frozen=True)
class Recording:
    """A decoded recording: its channels, after the down-mix if there was one."""

    channels: tuple[Channel, ...]
    duration: float
    sha256: str


def decode(body: bytes, sha256: str, *, multichannel: bool) -> Recording:
    """Decode a submitted file, which is recognised by its content.

    Args:
        body: The file.
        sha256: Its digest, hexadecimal.
        multichannel: Keeps the channels apart; without it they are mixed down to one.

    Raises:
        ListenError: 400 when the bytes are not audio, hold no samples, or are longer than the server takes.
    """
    samples, rate = _read(body)
    if not multichannel and samples.shape[1] > 1:
        samples = samples.mean(axis=1, keepdims=True).astype(np.int16)
    channels = tuple(
        Channel(np.ascontiguousarray(samples[:, index]).astype("<i2").tobytes(), rate, index, samples.shape[1], sha256)
        for index in range(samples.shape[1])
    )
    return Recording(channels, len(samples) / rate, sha256)


def _read(body: bytes) -> tuple[Samples, int]:
    blocks: list[Samples] = []
    try:
        with soundfile.SoundFile(io.BytesIO(body)) as file:
            room = MAX_DECODED_BYTES // 2 // file.channels
            while len(block := file.read(_BLOCK_FRAMES, dtype="int16", always_2d=True)):
                blocks.append(cast("Samples", block))
                room -= len(block)
                if room < 0:
                    raise unusable_audio()
            rate = file.samplerate
    except (soundfile.SoundFileError, ValueError, TypeError) as problem:
        raise unusable_audio() from problem
    if not blocks:
        raise unusable_audio()
    return np.concatenate(blocks), rate
