"""Samples of a stream, taken from its binary messages."""

from __future__ import annotations

import io
from functools import cache
from typing import cast

import numpy as np
import soundfile

from local.speech.audio import Samples
from local.speech.live.options import StreamOptions

# Of containers and codecs that are not the bare samples that were announced.
_FOREIGN = (b"OggS", b"fLaC", b"ID3", b"\x1aE\xdf\xa3")
_WIDTHS = {"linear16": 2, "mulaw": 1, "alaw": 1}


class Undecodable(ValueError):
    """A message does not hold samples of the announced encoding."""


@cache
def _companded(subtype: str) -> Samples:
    """Return the sample for each byte of a telephone encoding."""
    every_byte = io.BytesIO(bytes(range(256)))
    samples, _ = soundfile.read(every_byte, dtype="int16", format="RAW", subtype=subtype, samplerate=8_000, channels=1)
    return cast("Samples", samples)


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
        self._width = _WIDTHS[options.encoding]
        self._table = None if self._width > 1 else _companded({"mulaw": "ULAW", "alaw": "ALAW"}[options.encoding])
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
        if self._table is None and self._of == 1:
            self.samples += whole // 2
            return [data]
        flat = np.frombuffer(data, "<i2") if self._table is None else self._table[np.frombuffer(data, np.uint8)]
        self.samples += len(flat) // self._of
        apart = flat.reshape(-1, self._of)
        if self.channels == 1:
            return [apart.mean(axis=1).astype("<i2").tobytes()]
        return [apart[:, channel].astype("<i2").tobytes() for channel in range(self._of)]
