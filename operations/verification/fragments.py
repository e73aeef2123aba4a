"""Matroska fragments as Amazon Connect produces them and Kinesis Video Streams delivers them.

The Kinesis Video simulator plays calls with them, and ``callscribe verify`` streams one into a real stream.

GetMedia answers with one complete Matroska document per fragment. The element order, the widths of the size fields and
the absence of an Audio element follow streams of the Kinesis Video producer SDK, which Connect uses: the track says
``A_AAC`` over what is 16-bit PCM, and the contact's identity comes after the audio, in front of it only in the first
fragment of a producer session. Names of the service's tags: Amazon Kinesis Video Streams Developer Guide, "GetMedia".
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Literal

CUSTOMER_TRACK = "AUDIO_FROM_CUSTOMER"
AGENT_TRACK = "AUDIO_TO_CUSTOMER"
LEGACY_CUSTOMER_TRACK = "Track_audio/L16"
MIME_TYPE = "audio/L16;rate=8000;channels=1;"
SAMPLES_PER_MS = 8
BYTES_PER_MS = SAMPLES_PER_MS * 2
BLOCK_MS = 64
BLOCKS_PER_FRAGMENT = 16

_UNKNOWN_SIZE = b"\x01" + b"\xff" * 7


def _size(length: int, width: int = 0) -> bytes:
    if not width:
        width = next(width for width in range(1, 9) if length < (1 << 7 * width) - 1)
    return (length | 1 << 7 * width).to_bytes(width, "big")


def _element(element_id: str, body: bytes, size_width: int = 0) -> bytes:
    return bytes.fromhex(element_id) + _size(len(body), size_width) + body


def _unsigned(element_id: str, value: int) -> bytes:
    return _element(element_id, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


_HEADER = _element(
    "1a45dfa3",
    _unsigned("4286", 1)
    + _unsigned("42f7", 1)
    + _unsigned("42f2", 4)
    + _unsigned("42f3", 8)
    + _element("4282", b"matroska")
    + _unsigned("4287", 2)
    + _unsigned("4285", 2),
)
_SEGMENT = bytes.fromhex("18538067") + _UNKNOWN_SIZE
_WRITER = b"Kinesis Video SDK 1.1.0 JNI 2.0"


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive samples of one track.

    Attributes:
        track: Number of the track.
        ms: Time of the first sample, milliseconds since 1970.
        pcm: The samples, 16 bit, little-endian.
    """

    track: int
    ms: int
    pcm: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """What the producer put into one fragment; the service adds number, times and token when it delivers it.

    Attributes:
        segment_uid: 16 bytes that name the producer's session.
        tracks: Number to name.
        start_ms: Time of its Cluster, milliseconds since 1970.
        blocks: The audio in stream order.
        leading_tags: Tags before the Info element.
        tags: Tags after the audio.
        known_sizes: Whether the Cluster states its size, as producers of video do.
    """

    segment_uid: bytes
    tracks: Mapping[int, str]
    start_ms: int
    blocks: Sequence[Block]
    leading_tags: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    known_sizes: bool = False

    @property
    def end_ms(self) -> int:
        """Time of the first sample after it."""
        return max([self.start_ms, *(block.ms + len(block.pcm) // BYTES_PER_MS for block in self.blocks)])

    def pieces(self, *, number: str, token: str, server_ms: int, behind_ms: int = 0) -> list[bytes]:
        """Write it as GetMedia sends it, cut where a paced sender may pause: after each block.

        Args:
            number: Fragment number.
            token: Continuation token; real ones equal the fragment number.
            server_ms: When the service received it, milliseconds since 1970.
            behind_ms: How far behind now the reader is, milliseconds.
        """
        head = self._head() + _tags(
            {
                "AWS_KINESISVIDEO_FRAGMENT_NUMBER": number,
                "AWS_KINESISVIDEO_SERVER_TIMESTAMP": f"{server_ms / 1000:.3f}",
                "AWS_KINESISVIDEO_PRODUCER_TIMESTAMP": f"{self.start_ms / 1000:.3f}",
            }
        )
        tail = _identity(self.tags) + _tags(
            {"AWS_KINESISVIDEO_MILLIS_BEHIND_NOW": str(behind_ms), "AWS_KINESISVIDEO_CONTINUATION_TOKEN": token}
        )
        blocks = [_simple_block(block, self.start_ms) for block in self.blocks]
        if self.known_sizes:
            timecode = _unsigned("e7", self.start_ms) + _unsigned("a7", 0)
            return [head + _element("1f43b675", timecode + b"".join(blocks)), tail]
        return [head + self._cluster(), *blocks, tail]

    def produce(self, *, first: bool) -> bytes:
        """Write it as the producer sends it to PutMedia, which is one document for all of a session's fragments.

        Args:
            first: Whether it begins the session's document.
        """
        blocks = b"".join(_simple_block(block, self.start_ms) for block in self.blocks)
        return (self._head() if first else b"") + self._cluster() + blocks + _identity(self.tags)

    def _head(self) -> bytes:
        head = _HEADER + _SEGMENT + _identity(self.leading_tags)
        head += _element(
            "1549a966",
            _element("73a4", self.segment_uid)
            + _unsigned("2ad7b1", 1_000_000)
            + _element("7ba9", b"Kinesis Video SDK")
            + _element("4d80", _WRITER)
            + _element("5741", _WRITER),
        )
        return head + _element("1654ae6b", b"".join(_track(*track) for track in self.tracks.items()), 4)

    def _cluster(self) -> bytes:
        """The beginning of its Cluster, which says no size."""
        return bytes.fromhex("1f43b675ff") + _element("e7", self.start_ms.to_bytes(8, "big")) + _unsigned("a7", 0)

    def write(self, *, number: str, behind_ms: int = 0) -> bytes:
        """Write it as GetMedia sends it, with the number as token and received when it was complete."""
        return b"".join(self.pieces(number=number, token=number, server_ms=self.end_ms, behind_ms=behind_ms))


def error_document(code: str, error_id: str, number: str = "0") -> bytes:
    """The document that reports a failure inside a body whose status is 200: tags, but no audio.

    Args:
        code: For example ``FRAGMENT_NOT_FOUND``.
        error_id: For example ``4000``.
        number: Fragment it is about.
    """
    return (
        _HEADER
        + _SEGMENT
        + _tags(
            {
                "AWS_KINESISVIDEO_ERROR_CODE": code,
                "AWS_KINESISVIDEO_ERROR_ID": error_id,
                "AWS_KINESISVIDEO_FRAGMENT_NUMBER": number,
            }
        )
    )


def fragment_number(index: int) -> str:
    """Number of the `index`-th fragment of a stream: 47 digits that grow."""
    return f"91343852333181{index:033d}"


def contact_tags(contact_id: str, *, mime_type: str = MIME_TYPE) -> dict[str, str]:
    """Tags by which Connect marks the audio of a contact. Those of the tracks name numbers that may not be true."""
    return {
        "ContactId": contact_id,
        "InstanceId": "9d1e5c44-3f0a-4d0e-a6c2-0d6f7a1b2c3d",
        "MimeType": mime_type,
        CUSTOMER_TRACK: "1",
        AGENT_TRACK: "2",
        "Events": "[]",
    }


Source = Callable[[int, int], bytes]
"""PCM of a track: called with the number of its first sample and how many; fewer come back only at the end."""


def from_pcm(pcm: bytes) -> Source:
    """A source that plays `pcm` and then ends."""
    return lambda start, samples: pcm[start * 2 : (start + samples) * 2]


@dataclass(kw_only=True)
class Contact:
    """The audio of one contact, cut into fragments as Connect does.

    Attributes:
        contact_id: Contact id in the tags.
        sources: Audio by track name, in the order of the track numbers; of unequal length if need be.
        start_ms: Time of the first sample, milliseconds since 1970.
        starts: First sample of a track that comes late, by track name.
        block_ms: Length of a block.
        blocks_per_fragment: Blocks of each track in a fragment.
        leading_identity: Which fragments carry the identity before their audio too.
        tagless: Indices of fragments without identity.
        mime_type: What the tag says.
        known_sizes: Whether Clusters state their size.
        odd_blocks: (track name, block index) to length in bytes, for blocks cut short though time goes on.
        segment_uid: 16 bytes; by default made from the contact id.
    """

    contact_id: str
    sources: Mapping[str, Source]
    start_ms: int
    starts: Mapping[str, int] = field(default_factory=dict)
    block_ms: int = BLOCK_MS
    blocks_per_fragment: int = BLOCKS_PER_FRAGMENT
    leading_identity: Literal["first", "always", "never"] = "first"
    tagless: frozenset[int] = frozenset()
    mime_type: str = MIME_TYPE
    known_sizes: bool = False
    odd_blocks: Mapping[tuple[str, int], int] = field(default_factory=dict)
    segment_uid: bytes = b""

    def __post_init__(self) -> None:
        if not self.segment_uid:
            self.segment_uid = hashlib.sha256(self.contact_id.encode()).digest()[:16]

    def fragments(self) -> Iterator[Fragment]:
        """Yield the fragments, the last one as short as the audio leaves it."""
        for index in count():
            fragment = self.fragment(index)
            if fragment is None:
                return
            yield fragment

    def fragment(self, index: int) -> Fragment | None:
        """Make the fragment at `index`; `None` once every source has ended."""
        first = index * self.blocks_per_fragment
        samples = self.block_ms * SAMPLES_PER_MS
        if not any(source(first * samples, 1) for source in self.sources.values()):
            return None
        identity = {} if index in self.tagless else contact_tags(self.contact_id, mime_type=self.mime_type)
        leads = self.leading_identity == "always" or (self.leading_identity == "first" and index == 0)
        return Fragment(
            segment_uid=self.segment_uid,
            tracks=dict(enumerate(self.sources, start=1)),
            start_ms=self.start_ms + first * self.block_ms,
            blocks=[block for number in range(first, first + self.blocks_per_fragment) for block in self._pair(number)],
            leading_tags=identity if leads else {},
            tags=identity,
            known_sizes=self.known_sizes,
        )

    def _pair(self, number: int) -> Iterator[Block]:
        samples = self.block_ms * SAMPLES_PER_MS
        start = number * samples
        for track, (name, source) in enumerate(self.sources.items(), start=1):
            if start < self.starts.get(name, 0):
                continue
            pcm = source(start, samples)[: self.odd_blocks.get((name, number))]
            if pcm:
                yield Block(track, self.start_ms + number * self.block_ms, pcm)


def _simple_block(block: Block, cluster_ms: int) -> bytes:
    head = bytes([0x80 | block.track]) + struct.pack(">h", block.ms - cluster_ms) + b"\x80"
    return _element("a3", head + block.pcm, 8)


def _track(number: int, name: str) -> bytes:
    return _element(
        "ae",
        _unsigned("d7", number)
        + _unsigned("73c5", number)
        + _unsigned("83", 2)
        + _element("536e", name.encode())
        + _element("86", b"A_AAC")
        + _element("63a2", b"\x11\x90"),
    )


def _tags(values: Mapping[str, str], size_width: int = 4) -> bytes:
    simple = b"".join(
        _element("67c8", _element("45a3", name.encode()) + _element("4487", value.encode()))
        for name, value in values.items()
    )
    return _element("1254c367", _element("7373", simple, size_width), size_width)


def _identity(values: Mapping[str, str]) -> bytes:
    """Each of the producer's tags comes in a Tags element of its own, with sizes of 8 bytes."""
    return b"".join(_tags({name: value}, 8) for name, value in values.items())
