"""What an audio file holds, found before anything is paid for."""

from dataclasses import dataclass
from typing import BinaryIO


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioFacts:
    """What was found.

    Attributes:
        format: container, `WAV`, `FLAC`, `OGG` or `MP3`.
        subtype: coding of the samples, as libsndfile names it (`PCM_16`, `PCM_U8`, `ULAW`, ...).
        channels: 1 or 2.
        sample_rate: frames per second.
        duration_seconds: length of the audio that is really there.
    """

    format: str
    subtype: str
    channels: int
    sample_rate: int
    duration_seconds: float


class UnusableAudio(Exception):
    """The recording cannot be transcribed; the message says what to do about it.

    Attributes:
        code: `EmptyObject`, `NotAudio`, `UnsupportedFormat`, `TruncatedAudio`, `HeaderMismatch`, `CorruptAudio`,
            `TooManyChannels`, `TooLong`, `TooShort` or `TooLarge`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def probe(stream: BinaryIO, size_bytes: int, *, max_duration_seconds: float) -> AudioFacts:
    """Find out what a recording holds.

    An uncompressed WAV file is judged by its header against the size of the object, without reading the samples.
    Everything else is decoded from end to end, in pieces, since its header may promise more than is there.

    Args:
        stream: the object, seekable. Many small reads are made: a stream over the network should buffer.
        size_bytes: size of the object.
        max_duration_seconds: longest recording that is accepted.

    Raises:
        UnusableAudio: the recording cannot be transcribed.
        Exception: whatever the stream itself raises passes through.
    """
    raise NotImplementedError
