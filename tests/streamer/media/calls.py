"""Calls as they come out of Kinesis Video Streams, whose samples can be told from one another."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Sequence
from typing import Any

from operations.verification.fragments import AGENT_TRACK, CUSTOMER_TRACK, Contact, Fragment, fragment_number, from_pcm
from streamer.media.call_media import CallMedia
from streamer.media.stereo import StereoAudio

CALL = "5c0b3f0e-0000-4000-8000-000000000001"
OTHER_CALL = "5c0b3f0e-0000-4000-8000-000000000002"
START_MS = 1_726_677_688_724
SECOND = 8_000


def counting(samples: int, first: int = 1) -> bytes:
    """PCM in which each sample is one more than the one before."""
    return array("h", ((first + index) % 32_749 + 1 for index in range(samples))).tobytes()


CUSTOMER_PCM = counting(8 * SECOND)
AGENT_PCM = counting(8 * SECOND, first=10_000)


def contact(contact_id: str = CALL, **options: Any) -> Contact:
    """A call of eight seconds, unless told otherwise."""
    options = {
        "sources": {AGENT_TRACK: from_pcm(AGENT_PCM), CUSTOMER_TRACK: from_pcm(CUSTOMER_PCM)},
        "start_ms": START_MS,
        **options,
    }
    return Contact(contact_id=contact_id, **options)


def delivered(fragments: Iterable[Fragment], first: int = 1) -> list[bytes]:
    """The fragments as GetMedia sends them, numbered from `first`."""
    return [fragment.write(number=fragment_number(number)) for number, fragment in enumerate(fragments, start=first)]


def stereo(left: bytes, right: bytes) -> bytes:
    """Both channels, sample by sample; the shorter one is silent at the end."""
    length = max(len(left), len(right))
    return b"".join(
        left[at : at + 2] + right[at : at + 2]
        for left, right in [(left.ljust(length, b"\0"), right.ljust(length, b"\0"))]
        for at in range(0, length, 2)
    )


def read(media: CallMedia, data: Iterable[bytes]) -> list[StereoAudio]:
    """Everything a reader gives out, its end included."""
    audio = [piece for chunk in data for piece in media.feed(chunk)]
    return audio + media.flush()


def pcm_of(audio: Sequence[StereoAudio], start: int = 0) -> bytes:
    """The audio in one piece, which must have no hole, from `start` on."""
    position = start
    for piece in audio:
        assert piece.start == position
        position = piece.end
    return b"".join(piece.pcm for piece in audio)


def silence(samples: int) -> bytes:
    return struct.pack("<h", 0) * samples
