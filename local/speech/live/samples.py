"""Samples of a stream, taken from its binary messages."""

from __future__ import annotations

from typing import Any

import numpy as np

from local.speech.live.options import StreamOptions

# Of containers and codecs that are not the bare samples that were announced.
_FOREIGN = (b"OggS", b"fLaC", b"ID3", b"\x1aE\xdf\xa3")
_BYTES = {"linear16": 2, "mulaw": 1}


def _mulaw() -> np.ndarray[Any, np.dtype[np.int16]]:
    """Return the sample of each code: ITU-T Recommendation G.711, table 2a, widened from 14 to 16 bits."""
    codes = ~np.arange(256, dtype=np.uint8)
    magnitude = (((codes & 0x0F).astype(np.int32) << 3) + 0x84 << ((codes & 0x70) >> 4)) - 0x84
    return np.where(codes & 0x80, -magnitude, magnitude).astype("<i2")


_MULAW = _mulaw()


class Undecodable(ValueError):
    """A message does not hold samples of the announced encoding."""


class SampleDecoder:
    """Takes a stream's binary messages apart into 16-bit channels.

    Attributes:
        channels: Channels that come out: 1 unless they are kept apart.
        samples: Samples of each channel so far.
    """

    def __init__(self, options: StreamOptions) -> None:
        self.channels = options.channels if options.listen.multichannel else 1
        self.samples = 0
        self._of = options.channels
        self._encoding = options.encoding
        self._width = _BYTES[options.encoding]
        self._rest = b""
        self._begun = False

    def feed(self, message: bytes) -> list[bytes]:
        """Return the samples of each channel, little-endian.

        A message may end between two channels of a sample; the rest is taken with the next one.

        Raises:
            Undecodable: It ends within a sample, or is the beginning of something else.
        """
        if len(message) % self._width or (not self._begun and message.startswith(_FOREIGN)):
            raise Undecodable
        self._begun = True
        data = self._rest + message
        whole = len(data) - len(data) % (self._width * self._of)
        data, self._rest = data[:whole], data[whole:]
        flat = _MULAW[np.frombuffer(data, np.uint8)] if self._encoding == "mulaw" else np.frombuffer(data, "<i2")
        self.samples += len(flat) // self._of
        if self._of == 1:
            return [flat.tobytes()]
        apart = flat.reshape(-1, self._of)
        if self.channels == 1:
            return [apart.mean(axis=1).astype("<i2").tobytes()]
        return [apart[:, channel].astype("<i2").tobytes() for channel in range(self._of)]
