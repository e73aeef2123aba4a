"""The waveform of a recording, as it is kept beside the document of its transcript."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from callscribe.contract.schema import SCHEMA_VERSION
from callscribe.serialization import OpenEnum


class NoWaveform(OpenEnum):
    """Why a recording has none.

    `coding`: its samples are coded otherwise than as integers of one size, as in MP3 or FLAC. `audio`: it cannot be
    read to its end. `gone`: it was deleted or replaced.
    """

    CODING = "coding"
    AUDIO = "audio"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waveform:
    """How loud a recording is from moment to moment.

    Attributes:
        type: `waveform`.
        schema_version: version of the code that wrote it.
        created_at: when it was made, UTC.
        recording_id: the recording.
        duration_seconds: length of the audio; None where there is no waveform.
        channels: for each channel the loudest sample of each moment, linear from 0 (none) to 255 (full scale). All have
            the same number of points, each of which stands for the same part of the length. None where there is none.
        reason: why there is none; None where there is one.
    """

    type: Literal["waveform"] = "waveform"
    schema_version: int = SCHEMA_VERSION
    created_at: datetime
    recording_id: str
    duration_seconds: float | None = None
    channels: tuple[tuple[int, ...], ...] | None = None
    reason: NoWaveform | None = None
