"""An incremental demuxer for the Matroska documents that GetMedia sends, one after the other, one per fragment.

Element ids and the coding of sizes: RFC 8794 (EBML) and RFC 9559 (Matroska). Only Segment, Cluster and BlockGroup are
entered; since the ids of what is wanted inside are unique in Matroska, levels need not be followed, and masters of
known and of unknown size are the same case. The audio is stepped over by its size, never searched.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from struct import Struct
from typing import Final, NamedTuple

import msgspec

MAX_ELEMENT_BYTES: Final = 1 << 20
"""Largest element accepted, masters aside; bounds the memory of a demuxer."""

_USUAL_BYTES: Final = 1_100
"""Size above which an element is looked into for the head of the next document, which a false size would hide."""
_HEAD: Final = re.compile(rb"\x1a\x45\xdf\xa3[\x00-\xff]{1,64}?\x42\x82\x88matroska")
"""How a document begins: long enough to be told from audio, in which a document's first bytes alone may occur."""
_LONGEST_HEAD: Final = 4 + 64 + 3 + 8

_EBML: Final = 0x1A45DFA3
_EBML_ID: Final = _EBML.to_bytes(4, "big")
_SEGMENT: Final = 0x18538067
_INFO: Final = 0x1549A966
_SEGMENT_UID: Final = 0x73A4
_TIMESTAMP_SCALE: Final = 0x2AD7B1
_TRACKS: Final = 0x1654AE6B
_TRACK_ENTRY: Final = 0xAE
_TRACK_NUMBER: Final = 0xD7
_TRACK_NAME: Final = 0x536E
_CLUSTER: Final = 0x1F43B675
_TIMESTAMP: Final = 0xE7
_SIMPLE_BLOCK: Final = 0xA3
_BLOCK_GROUP: Final = 0xA0
_BLOCK: Final = 0xA1
_TAGS: Final = 0x1254C367
_TAG: Final = 0x7373
_SIMPLE_TAG: Final = 0x67C8
_TAG_NAME: Final = 0x45A3
_TAG_STRING: Final = 0x4487

_ENTERED: Final = frozenset((_SEGMENT, _CLUSTER, _BLOCK_GROUP))
_BLOCK_HEAD: Final = Struct(">BhB")  # number of the track, time relative to the Cluster, flags
_ONE_BYTE: Final = 0x80  # marks a number of one byte
_LACING: Final = 0x06
_RECENT_TAGS: Final = 32
_NANOSECONDS: Final = 1_000_000  # of a millisecond
# Width of a variable-size integer by its first byte; 0 is invalid. Then the bits that carry the value, by width.
_WIDTH: Final = bytes([0, *(9 - first.bit_length() for first in range(1, 256))])
_VALUE: Final = tuple((1 << 7 * width) - 1 for width in range(9))
_MAX_ID_WIDTH: Final = 4
_MAX_UNSIGNED_BYTES: Final = 8


class MatroskaError(ValueError):
    """The bytes are not Matroska as far as it is understood here; what follows cannot be read."""


class Document(NamedTuple):
    """A new document, which is a new fragment, begins."""


class Damage(NamedTuple):
    """Bytes could not be read and are passed over, up to the next document or the end of what there is yet.

    Attributes:
        length: How many.
    """

    length: int


class Segment(NamedTuple):
    """The document's Segment.

    Attributes:
        uid: Names the session of the producer; empty where the document has none.
    """

    uid: bytes


class Cluster(NamedTuple):
    """The audio begins.

    Attributes:
        ms: Time to which the times of its blocks are relative, milliseconds since 1970.
    """

    ms: float


class Audio(msgspec.Struct, frozen=True, gc=False):
    """One block of a track.

    Attributes:
        track: Name of the track without its padding; empty where the document names none.
        ms: Time of the first sample, milliseconds since 1970.
        pcm: The block's bytes.
    """

    track: str
    ms: float
    pcm: bytes


class Tags(NamedTuple):
    """One Tags element, of which a fragment has several.

    Attributes:
        values: Strings by name, without their padding.
    """

    values: Mapping[str, str]


Event = Document | Damage | Segment | Cluster | Audio | Tags


class Demuxer:
    """Reads a byte stream of Matroska documents, however it is cut into pieces.

    Args:
        read_on: Whether to read on behind what cannot be read, from the next document on.
    """

    def __init__(self, *, read_on: bool = False) -> None:
        self._read_on = read_on
        self._searching = False
        self._buffer = b""
        self._in_document = False
        self._tracks: dict[int, str] = {}
        self._tick_ms = 1.0
        self._recent_tags: dict[bytes, Tags] = {}
        self._cluster: int | None = None

    @property
    def tracks(self) -> Collection[str]:
        """Names of the tracks that the present document says it may have, without padding."""
        return self._tracks.values()

    def feed(self, data: bytes) -> Iterator[Event]:
        """Take the next bytes and yield what they complete, in the order of the stream.

        The iterator must be used up before the next call. What precedes an error is yielded before it is raised.

        Raises:
            MatroskaError: The stream cannot be read on; this demuxer is of no more use.
        """
        # Mostly nothing is left over of what came before: then nothing is copied.
        self._buffer = self._buffer + data if self._buffer else data
        while True:
            if not self._searching:
                try:
                    yield from self._read()
                    return
                except MatroskaError:
                    if not self._read_on:
                        raise
            yield Damage(self._skip())
            if self._searching:
                return

    def _read(self) -> Iterator[Event]:
        self._require_document()
        buffer = self._buffer
        position, length = 0, len(buffer)
        width, value, block = _WIDTH, _VALUE, self._block
        try:
            while length - position >= 2:
                if buffer[position] == _SIMPLE_BLOCK:  # nearly everything: taken without going through the general case
                    element, size_at = _SIMPLE_BLOCK, position + 1
                else:
                    element, size_at = _identified(buffer, position)
                    if size_at >= length:
                        return
                size_width = width[buffer[size_at]]
                if not size_width:
                    raise MatroskaError("no element size where one must be")
                start = size_at + size_width
                if start > length:
                    return
                if element in _ENTERED:
                    position = start
                    continue
                size = int.from_bytes(buffer[size_at:start], "big") & value[size_width]
                end = start + size
                if size > _USUAL_BYTES or size == value[size_width]:
                    self._require_credible(element, start, end, unknown=size == value[size_width])
                if end > length:
                    return
                event = block(start, end) if element == _SIMPLE_BLOCK else self._element(element, start, end)
                position = end
                if event is not None:
                    yield event
        finally:
            self._buffer = buffer[position:]

    def _skip(self) -> int:
        """Drop what cannot be read, as far as it has come, and return how much that is."""
        buffer = self._buffer
        head = _HEAD.search(buffer, 0 if self._searching else 1)
        self._searching = head is None
        skipped = max(0, len(buffer) - _LONGEST_HEAD) if head is None else head.start()
        self._buffer = buffer[skipped:]
        return skipped

    def _require_document(self) -> None:
        if not self._in_document and not _EBML_ID.startswith(self._buffer[: len(_EBML_ID)]):
            raise MatroskaError("the stream does not begin with a document")

    def _require_credible(self, element: int, start: int, end: int, *, unknown: bool) -> None:
        if unknown or end - start > MAX_ELEMENT_BYTES:
            raise MatroskaError(f"element {element:x} is too large or of unknown size")
        if _HEAD.search(self._buffer, start, end):
            raise MatroskaError(f"element {element:x} reaches into the next document")

    def _element(self, element: int, start: int, end: int) -> Event | None:
        buffer = self._buffer
        if element == _TIMESTAMP:
            self._cluster = _unsigned(buffer, start, end)
            return Cluster(self._cluster * self._tick_ms)
        if element == _BLOCK:
            return self._block(start, end)
        if element == _TAGS:
            return self._tags(buffer[start:end])
        if element == _TRACKS:
            self._tracks.update(_tracks(buffer, start, end))
        elif element == _INFO:
            return self._info(start, end)
        elif element == _EBML:
            self._in_document = True
            self._tracks = {}
            self._tick_ms = 1.0
            self._cluster = None
            return Document()
        return None

    def _block(self, start: int, end: int) -> Audio:
        if end - start < _BLOCK_HEAD.size:
            raise MatroskaError("block without a head")
        track, relative, flags = _BLOCK_HEAD.unpack_from(self._buffer, start)
        if not track & _ONE_BYTE:
            raise MatroskaError("track number above 126")
        if flags & _LACING:
            raise MatroskaError("laced block")
        if self._cluster is None:
            raise MatroskaError("block without a time")
        return Audio(
            self._tracks.get(track ^ _ONE_BYTE, ""),
            (self._cluster + relative) * self._tick_ms,
            self._buffer[start + _BLOCK_HEAD.size : end],
        )

    def _tags(self, data: bytes) -> Tags:
        """Read tags. Most are the same in every fragment, and reading them is half of what a fragment costs."""
        tags = self._recent_tags.get(data)
        if tags is None:
            if len(self._recent_tags) >= _RECENT_TAGS:
                self._recent_tags.clear()
            tags = self._recent_tags[data] = Tags(_tag_values(data))
        return tags

    def _info(self, start: int, end: int) -> Segment:
        uid = b""
        for element, begin, stop in _children(self._buffer, start, end):
            if element == _SEGMENT_UID:
                uid = self._buffer[begin:stop]
            elif element == _TIMESTAMP_SCALE:
                self._tick_ms = _unsigned(self._buffer, begin, stop) / _NANOSECONDS
        if not self._tick_ms:
            raise MatroskaError("times without a unit")
        return Segment(uid)


def _children(buffer: bytes, position: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield id, start and end of the elements in a buffered master."""
    while position < end:
        element, size_at = _identified(buffer, position)
        if size_at >= end:
            raise MatroskaError("an element is longer than the one around it")
        size_width = _WIDTH[buffer[size_at]]
        start = size_at + size_width
        stop = start + (int.from_bytes(buffer[size_at:start], "big") & _VALUE[size_width])
        if not size_width or stop > end:
            raise MatroskaError("an element is longer than the one around it")
        yield element, start, stop
        position = stop


def _identified(buffer: bytes, position: int) -> tuple[int, int]:
    """Return the id of the element at `position`, and where the id ends, which may be beyond what is buffered."""
    id_width = _WIDTH[buffer[position]]
    if not 0 < id_width <= _MAX_ID_WIDTH:
        raise MatroskaError("no element id where one must be")
    size_at = position + id_width
    return int.from_bytes(buffer[position:size_at], "big"), size_at


def _tracks(buffer: bytes, start: int, end: int) -> Iterator[tuple[int, str]]:
    for entry, entry_start, entry_end in _children(buffer, start, end):
        if entry != _TRACK_ENTRY:
            continue
        number, name = 0, ""
        for element, begin, stop in _children(buffer, entry_start, entry_end):
            if element == _TRACK_NUMBER:
                number = _unsigned(buffer, begin, stop)
            elif element == _TRACK_NAME:
                name = _text(buffer, begin, stop)
        yield number, name


def _tag_values(buffer: bytes) -> dict[str, str]:
    values: dict[str, str] = {}
    for tag, tag_start, tag_end in _children(buffer, 0, len(buffer)):
        if tag != _TAG:
            continue
        for simple, simple_start, simple_end in _children(buffer, tag_start, tag_end):
            if simple != _SIMPLE_TAG:
                continue
            name = value = ""
            for element, begin, stop in _children(buffer, simple_start, simple_end):
                if element == _TAG_NAME:
                    name = _text(buffer, begin, stop)
                elif element == _TAG_STRING:
                    value = _text(buffer, begin, stop)
            values[name] = value
    return values


def _unsigned(buffer: bytes, start: int, end: int) -> int:
    if end - start > _MAX_UNSIGNED_BYTES:
        raise MatroskaError("a number is too long")
    return int.from_bytes(buffer[start:end], "big")


def _text(buffer: bytes, start: int, end: int) -> str:
    return buffer[start:end].rstrip(b"\0").decode(errors="replace")
