"""Files that hold several streams, one behind the other: decoders stop at the end of the first.

Ogg calls it chaining (RFC 3533, section 4); FLAC files are joined by tools that copy bytes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from callscribe.audio.decoding import View, damaged, decode
from callscribe.audio.errors import UnusableAudio, unsupported
from callscribe.audio.window import Window
from callscribe.audio_facts import AudioFacts

LENGTH_COUNTED: Final = "flac-length-counted"
"""Warning: the header leaves the length open, so that missing audio at the end would not show."""

_PAGE: Final = b"OggS"
_PAGE_HEADER: Final = 27
_FIRST_PAGE: Final = 0x02
_LAST_PAGE: Final = 0x04
# First bytes of a stream's first packet.
_OGG_CODINGS: Final = (b"\x01vorbis", b"OpusHead", b"\x7fFLAC")
# The signature and the header of STREAMINFO, which is always first and 34 bytes long (RFC 9639, section 8).
_FLAC_SIGNATURE: Final = b"fLaC"
_FLAC_STARTS: Final = (b"fLaC\x00\x00\x00\x22", b"fLaC\x80\x00\x00\x22")
_FLAC_HEAD: Final = 42


def probe_ogg(stream: BinaryIO, size_bytes: int, max_duration_seconds: float) -> AudioFacts:
    """Count all links of an Ogg file.

    Raises:
        UnusableAudio: the file has no end, a link is damaged or coded in an unknown way, or the links differ.
    """
    window = Window(stream, size_bytes)
    links = list(_ogg_links(window))
    if not links or not links[-1].ended:
        raise UnusableAudio("TruncatedAudio", "The Ogg stream has no end. Upload the recording again.")
    total: list[AudioFacts] = []
    for link in links:
        unreadable = damaged() if link.coding.startswith(_OGG_CODINGS) else unsupported("Ogg with an unknown coding")
        view = View(stream, start=link.start, end=link.end)
        total.append(decode(view, max_duration_seconds=max_duration_seconds, unreadable=unreadable))
    return _together(total)


def probe_flac(stream: BinaryIO, size_bytes: int, max_duration_seconds: float, *, start: int = 0) -> AudioFacts:
    """Count all streams of a FLAC file, also those that do not say how long they are.

    Args:
        stream: the object.
        size_bytes: size of the object.
        max_duration_seconds: where counting may stop.
        start: where the first stream begins, behind a tag.

    Raises:
        UnusableAudio: a stream is damaged or shorter than it says, or the streams differ.
    """
    window = Window(stream, size_bytes)
    starts = list(_flac_starts(window, start))
    total: list[AudioFacts] = []
    for place, end in zip(starts, [*starts[1:], size_bytes], strict=True):
        head = window.read(place, _FLAC_HEAD)
        # The last 36 bits of these 8 bytes are the number of samples; 0 says that the writer did not know it.
        measured = int.from_bytes(head[18:26])
        unknown = len(head) == _FLAC_HEAD and measured & 0xF_FFFF_FFFF == 0
        patched = head[:18] + (measured | 0xF_FFFF_FFFF).to_bytes(8) + head[26:] if unknown else head
        total.append(
            decode(
                View(stream, start=place + len(head), end=end, head=patched),
                max_duration_seconds=max_duration_seconds,
                unreadable=damaged(),
                length_announced=not unknown,
                warnings=(LENGTH_COUNTED,) if unknown else (),
            )
        )
    return _together(total)


def _flac_starts(window: Window, first: int) -> Iterator[int]:
    place = first
    while place < window.size:
        yield place
        place = window.find(_FLAC_SIGNATURE, place + 1)
        while place < window.size and window.read(place, 8) not in _FLAC_STARTS:
            place = window.find(_FLAC_SIGNATURE, place + 1)


def _together(parts: list[AudioFacts]) -> AudioFacts:
    first = parts[0]
    if any(part.channels != first.channels for part in parts):
        raise unsupported("A file whose parts differ in their number of channels")
    return AudioFacts(
        format=first.format,
        subtype=first.subtype,
        channels=first.channels,
        sample_rate=first.sample_rate,
        duration_seconds=round(sum(part.duration_seconds for part in parts), 3),
        warnings=tuple(dict.fromkeys(warning for part in parts for warning in part.warnings)),
    )


@dataclass(frozen=True, slots=True)
class _Link:
    start: int
    end: int
    coding: bytes
    ended: bool


def _ogg_links(window: Window) -> Iterator[_Link]:
    """A link begins with the first page of a stream that follows a page which is none."""
    position, start, coding = 0, 0, b""
    last_flags = 0
    while position < window.size:
        page = window.read(position, _PAGE_HEADER + 255)
        if page[:4] != _PAGE or len(page) < _PAGE_HEADER:
            position = window.find(_PAGE, position + 1)
            continue
        flags, segments = page[5], page[26]
        header = _PAGE_HEADER + segments
        end = position + header + sum(page[_PAGE_HEADER:header])
        if flags & _FIRST_PAGE:
            if position > start and not last_flags & _FIRST_PAGE:
                yield _Link(start, position, coding, bool(last_flags & _LAST_PAGE))
                start, coding = position, b""
            coding = coding or window.read(position + header, 8)
        if end > window.size or len(page) < header:
            last_flags = 0
            break
        position, last_flags = end, flags
    if coding:
        yield _Link(start, window.size, coding, bool(last_flags & _LAST_PAGE))
