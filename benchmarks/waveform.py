"""What drawing a waveform takes: processor time and memory, by length and channels of the recording.

python -m benchmarks.waveform
"""

from __future__ import annotations

import random
import resource
import tempfile
import time
import wave
from array import array
from typing import TYPE_CHECKING, BinaryIO, cast

from callscribe.audio.peaks import peaks

if TYPE_CHECKING:
    from collections.abc import Sequence

RATE = 8_000
_SECONDS_OF_NOISE = 10


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


def main(lengths: Sequence[int] = (300, 3_600)) -> None:
    """Print a line for each recording."""
    print("seconds  channels      bytes  processor s  s per hour of a channel  most memory MB")
    for seconds in lengths:
        for channels in (1, 2):
            with tempfile.TemporaryFile() as file:
                size = write_noise(cast("BinaryIO", file), channels=channels, seconds=seconds)
                began = time.process_time()
                assert peaks(cast("BinaryIO", file), size) is not None
                took = time.process_time() - began
            most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            each = took * 3600 / seconds / channels
            print(f"{seconds:7}  {channels:8}  {size:9}  {took:11.2f}  {each:23.2f}  {most:14.0f}")


if __name__ == "__main__":
    main()
