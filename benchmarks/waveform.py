"""What drawing a waveform takes: processor time and memory, by length and channels of the recording.

python -m benchmarks.waveform
"""

from __future__ import annotations

import random
import resource
import sys
import tempfile
import time
import wave
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from rich.console import Console

from benchmarks.report import Figures
from callscribe.audio.peaks import peaks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

RATE: Final = 8_000
LENGTHS: Final = (300, 3_600)
"""Seconds of the recordings."""
_SECONDS_OF_NOISE: Final = 10
_RSS_UNIT: Final = 1 if sys.platform == "darwin" else 1024  # getrusage(2)


def write_noise(file: BinaryIO, *, channels: int, seconds: int) -> int:
    """Write a recording as Amazon Connect does; returns its size in bytes."""
    noise = random.Random(1)
    samples = array("h", [int(noise.gauss(0, 3000)) for _ in range(_SECONDS_OF_NOISE * RATE * channels)]).tobytes()
    with wave.open(file, "wb") as written:
        written.setnchannels(channels)
        written.setsampwidth(2)
        written.setframerate(RATE)
        for _ in range(seconds // _SECONDS_OF_NOISE):
            written.writeframes(samples)
    return file.tell()


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """What drawing the waveform of one recording takes.

    Attributes:
        seconds: Length of the recording.
        channels: Its channels.
        bytes: Its size.
        processor_seconds: Seconds of a processor.
        most_bytes: Memory of the process at its end, at most so far: with all that is loaded.
    """

    seconds: int
    channels: int
    bytes: int
    processor_seconds: float
    most_bytes: int


def measure(lengths: Sequence[int] = LENGTHS) -> Iterator[Drawing]:
    """Draw recordings, the shortest first, in one channel and in two."""
    for seconds in lengths:
        for channels in (1, 2):
            with tempfile.TemporaryFile() as file:
                size = write_noise(cast("BinaryIO", file), channels=channels, seconds=seconds)
                began = time.process_time()
                assert peaks(cast("BinaryIO", file), size) is not None
                took = time.process_time() - began
            yield Drawing(
                seconds=seconds,
                channels=channels,
                bytes=size,
                processor_seconds=took,
                most_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT,
            )


def figures(drawings: Iterable[Drawing]) -> Figures:
    """The drawings as a table."""
    return Figures(
        name="waveforms",
        title="Drawing waveforms",
        columns=("recording", "channels", "MB", "CPU s", "CPU s per hour and channel"),
        rows=tuple(
            (
                f"{one.seconds // 60} min",
                f"{one.channels}",
                f"{one.bytes / 1e6:.0f}",
                f"{one.processor_seconds:.2f}",
                f"{one.processor_seconds * 3600 / one.seconds / one.channels:.1f}",
            )
            for one in drawings
        ),
    )


if __name__ == "__main__":
    measured = list(measure())
    Console().print(figures(measured).for_terminal())
    Console().print(f"At most {measured[-1].most_bytes / 1e6:.0f} MB of memory, libraries included.")
