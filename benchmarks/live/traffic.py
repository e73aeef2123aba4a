"""What a call sounds like on the wire, prepared so that sending costs next to nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from enum import StrEnum

from operations.verification.fragments import (
    AGENT_TRACK,
    BLOCK_MS,
    BLOCKS_PER_FRAGMENT,
    CUSTOMER_TRACK,
    Contact,
    Fragment,
    contact_tags,
    fragment_number,
    from_pcm,
)
from streamer.deepgram.encoding import ENCODINGS

FRAGMENT_MS = BLOCK_MS * BLOCKS_PER_FRAGMENT
STEREO_BYTES_PER_MS = 32
_SAMPLES = FRAGMENT_MS * 8
_MULAW = ENCODINGS["mulaw"]
_QUIETEST, _TONES = 0xFE, 120


class Pacing(StrEnum):
    """How audio comes: block by block, or a whole fragment at once."""

    BLOCKS = "blocks"
    FRAGMENTS = "fragments"


def number_of(audio: bytes, encoding: str) -> int:
    """Return the number of the call whose audio begins so, however it was sent."""
    customer, agent = audio[:2] if encoding == "mulaw" else _MULAW.written(audio[:4])
    return (_QUIETEST - customer) * _TONES + _QUIETEST - agent


class Traffic:
    """The audio of one contact, endless. The level of its tracks is the call's number: see `number_of`."""

    def __init__(self, number: int) -> None:
        self._contact_id = contact_id = f"{number:012d}"
        self._start_ms = int(time.time() * 1000)
        customer, agent = (_MULAW.read(bytes([_QUIETEST - digit])) * _SAMPLES for digit in divmod(number, _TONES))
        sample = Contact(
            contact_id=contact_id,
            sources={CUSTOMER_TRACK: from_pcm(customer), AGENT_TRACK: from_pcm(agent)},
            start_ms=self._start_ms,
        ).fragment(0)
        assert sample is not None
        self._sample = sample
        blocks = sample.pieces(number="", token="", server_ms=0)[1:-1]
        self._pairs = [b"".join(blocks[index : index + 2]) for index in range(0, len(blocks), 2)]

    def pieces(self, pacing: Pacing) -> Iterator[tuple[float, int, bytes]]:
        """What to send: seconds from the begin, bytes of stereo until then, and the piece itself."""
        index = 0
        while True:
            head, tail = self._frame(index)
            begin_ms = index * FRAGMENT_MS
            if pacing is Pacing.FRAGMENTS:
                end_ms = begin_ms + FRAGMENT_MS
                yield end_ms / 1000, end_ms * STEREO_BYTES_PER_MS, b"".join((head, *self._pairs, tail))
            else:
                for number, pair in enumerate(self._pairs):
                    end_ms = begin_ms + (number + 1) * BLOCK_MS
                    before = head if number == 0 else b""
                    after = tail if number == len(self._pairs) - 1 else b""
                    yield end_ms / 1000, end_ms * STEREO_BYTES_PER_MS, before + pair + after
            index += 1

    def _frame(self, index: int) -> tuple[bytes, bytes]:
        tags = contact_tags(self._contact_id)
        number = fragment_number(index)
        fragment = Fragment(
            segment_uid=self._sample.segment_uid,
            tracks=self._sample.tracks,
            start_ms=self._start_ms + index * FRAGMENT_MS,
            blocks=(),
            leading_tags=tags if index == 0 else {},
            tags=tags,
        )
        head, tail = fragment.pieces(number=number, token=number, server_ms=fragment.start_ms)
        return head, tail
