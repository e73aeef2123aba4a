"""How audio is written for Deepgram (docs, "Encoding"), and held until its words are final.

Telephones carry mu-law (ITU-T Recommendation G.711), a byte for a sample; Connect streams it widened to 16 bits.
Written as mu-law again it is what it was, in half the bytes.
"""

from __future__ import annotations

import audioop
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from callscribe.live.call import CHANNEL_ROLES
from streamer.media.stereo import SAMPLE_BYTES

if TYPE_CHECKING:
    from callscribe.deepgram.options import StreamEncoding


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """A way to write samples.

    Attributes:
        sample_bytes: Of one sample.
        silence: Bytes that a silent sample consists of, each of these; the first is written for silence.
        written: Writes samples of 16 bits.
        read: Reads them.
    """

    sample_bytes: int
    silence: bytes
    written: Callable[[bytes], bytes]
    read: Callable[[bytes], bytes]

    @property
    def frame_bytes(self) -> int:
        """Of the samples of all channels at one time."""
        return self.sample_bytes * len(CHANNEL_ROLES)


def _unchanged(samples: bytes) -> bytes:
    return samples


ENCODINGS: Final[dict[StreamEncoding, Encoding]] = {
    "linear16": Encoding(sample_bytes=SAMPLE_BYTES, silence=b"\0", written=_unchanged, read=_unchanged),
    "mulaw": Encoding(
        sample_bytes=1,
        silence=b"\xff\x7f",  # there are two zeros
        written=lambda samples: audioop.lin2ulaw(samples, SAMPLE_BYTES),
        read=lambda codes: audioop.ulaw2lin(codes, SAMPLE_BYTES),
    ),
}
"""The encodings by Deepgram's names."""
