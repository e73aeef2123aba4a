"""What is known of an audio file; apart from `audio`, so that who only reads it need not load a decoder."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioFacts:
    """What was found.

    Attributes:
        format: container, `WAV`, `FLAC`, `OGG`, `MP3` or another that libsndfile reads.
        subtype: coding of the samples, as libsndfile names it (`PCM_16`, `PCM_U8`, `ULAW`, ...).
        channels: 1 or 2.
        sample_rate: frames per second.
        duration_seconds: length of the audio that is really there.
        warnings: where the file's own header says otherwise, as stable codes.
    """

    format: str
    subtype: str
    channels: int
    sample_rate: int
    duration_seconds: float
    warnings: tuple[str, ...] = ()
