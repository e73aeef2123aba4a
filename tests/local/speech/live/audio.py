"""Audio made of numbered frames."""

from collections.abc import Iterable

import numpy as np

from local.speech.engines.frames import encode_frame

SECOND = bytes(2 * 8000)


def spoken(numbers: Iterable[int]) -> bytes:
    """Return frames one after another, mono."""
    return b"".join(map(encode_frame, numbers))


def stereo(*channels: bytes) -> bytes:
    """Return channels interleaved, the shorter one filled up with silence."""
    longest = max(map(len, channels))
    apart = [np.frombuffer(channel.ljust(longest, b"\0"), "<i2") for channel in channels]
    return np.stack(apart, axis=1).tobytes()


def words(numbers: Iterable[int]) -> str:
    """Return the transcript of frames."""
    return " ".join(f"f{number}" for number in numbers)
