"""WAV files, also those whose recorder never came back to fill in the sizes.

Where a size is open or slightly off, the audio is there all the same, and players read it to the end of the file. Only
a header that promises audio the object does not have, or that ends long before the object does, is refused.
"""

import struct
from dataclasses import dataclass
from typing import BinaryIO, Final

from callscribe.audio.decoding import View, decode
from callscribe.audio.errors import UnusableAudio, header_mismatch, truncated, unsupported
from callscribe.audio_facts import AudioFacts

SIZES_WRONG: Final = "wav-header-sizes-wrong"
"""Warning: the header's sizes are open or off, so the object's size told the length; a cut would not show."""

_MAX_CHUNKS: Final = 1_000
_MAX_TRAILER_BYTES: Final = 4_096
_TOLERANCE: Final = 0.01
# A size that counts a header in, or was written a block early: less than a syllable in any case.
_SLACK_SECONDS: Final = 0.1
_SLACK_BYTES: Final = 64
# Writers that cannot seek back leave 0xFFFFFFFF, or with SoX a size just under 2 GiB, where the size should be. Either
# is above what Deepgram takes, so that no honest header of an acceptable file says it.
_STREAMED_SIZE: Final = 0x7FFF_F000
_EXTENSIBLE_TAG: Final = 0xFFFE
# Format tags of RFC 2361 whose frames have one size, so that the bytes are the duration, with the names that
# libsndfile has for their sample sizes.
_FIXED_SIZE: Final = {
    (0x0001, 8): "PCM_U8",
    (0x0001, 16): "PCM_16",
    (0x0001, 24): "PCM_24",
    (0x0001, 32): "PCM_32",
    (0x0003, 32): "FLOAT",
    (0x0003, 64): "DOUBLE",
    (0x0006, 8): "ALAW",
    (0x0007, 8): "ULAW",
}
_FIXED_SIZE_TAGS: Final = frozenset(tag for tag, _ in _FIXED_SIZE)
_CHUNK_NAMES: Final = frozenset(
    {
        b"fmt ",
        b"data",
        b"fact",
        b"LIST",
        b"JUNK",
        b"junk",
        b"PAD ",
        b"bext",
        b"cue ",
        b"smpl",
        b"inst",
        b"id3 ",
        b"ID3 ",
    }
    | {b"PEAK", b"iXML", b"axml", b"chna", b"cart", b"levl", b"DISP", b"afsp", b"FLLR", b"note", b"labl", b"ds64"}
)


# Decoded to 16 bits, these are as loud as they were; libsndfile does not scale floating-point samples.
_OF_INTEGERS: Final = frozenset({"PCM_U8", "PCM_16", "PCM_24", "PCM_32", "ALAW", "ULAW"})


@dataclass(frozen=True, slots=True)
class _Format:
    """The `fmt ` chunk."""

    chunk: bytes
    tag: int
    channels: int
    sample_rate: int
    bytes_per_second: int
    block_align: int
    bits: int


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the audio begins, and which sizes the header announces."""

    format: _Format
    riff_end: int
    data_start: int
    data_size: int


def probe_wav(stream: BinaryIO, size_bytes: int, max_duration_seconds: float) -> AudioFacts:
    """Judge a WAV file by its header against the size of the object; only coded audio is decoded.

    Raises:
        UnusableAudio: the header cannot be believed, audio is missing, or its coding is unknown.
    """
    layout = _read_layout(stream, size_bytes)
    data_size, warnings = _data_size(stream, layout, size_bytes)
    coding = layout.format
    if coding.tag not in _FIXED_SIZE_TAGS:
        return _decode(stream, layout, data_size, warnings, max_duration_seconds)
    if 0 in (coding.channels, coding.sample_rate, coding.block_align) or (
        coding.channels * coding.bits != coding.block_align * 8
    ):
        raise header_mismatch("channels, sample size and frame size contradict each other")
    subtype = _FIXED_SIZE.get((coding.tag, coding.bits))
    if subtype is None:
        raise unsupported(f"WAV with {coding.bits} bits of format 0x{coding.tag:04x}")
    return AudioFacts(
        format="WAV",
        subtype=subtype,
        channels=coding.channels,
        sample_rate=coding.sample_rate,
        duration_seconds=round(data_size // coding.block_align / coding.sample_rate, 3),
        warnings=warnings,
    )


@dataclass(frozen=True, slots=True)
class WavSamples:
    """Where the samples of a WAV file are.

    Attributes:
        view: the audio as a file of its own, for libsndfile.
        channels: how many.
        frames: samples of each channel.
        sample_rate: frames per second.
    """

    view: View
    channels: int
    frames: int
    sample_rate: int


def wav_samples(stream: BinaryIO, size_bytes: int) -> WavSamples | None:
    """Find the samples of a WAV file; None where they are coded otherwise than as integers of one size.

    Raises:
        UnusableAudio: the header cannot be believed, or audio is missing.
    """
    layout = _read_layout(stream, size_bytes)
    coding = layout.format
    if _FIXED_SIZE.get((coding.tag, coding.bits)) not in _OF_INTEGERS or 0 in (coding.block_align, coding.sample_rate):
        return None
    data_size, _ = _data_size(stream, layout, size_bytes)
    return WavSamples(
        view=_view(stream, layout, data_size),
        channels=coding.channels,
        frames=data_size // coding.block_align,
        sample_rate=coding.sample_rate,
    )


def _data_size(stream: BinaryIO, layout: _Layout, size_bytes: int) -> tuple[int, tuple[str, ...]]:
    """Bytes of audio that are there, and whether the header said otherwise."""
    available = size_bytes - layout.data_start
    if layout.data_size >= _STREAMED_SIZE or (layout.data_size == 0 and available > 0):
        return available, (SIZES_WRONG,)
    if layout.data_size > available:
        if layout.data_size - available > _slack(layout):
            raise truncated(f"{layout.data_size} bytes of audio", str(available))
        return available, (SIZES_WRONG,)
    end = layout.data_start + layout.data_size
    _check_trailer(stream, end, size_bytes)
    riff_right = end <= layout.riff_end <= size_bytes + layout.data_size % 2
    return layout.data_size, () if riff_right else (SIZES_WRONG,)


def _slack(layout: _Layout) -> float:
    moment = _SLACK_SECONDS * layout.format.bytes_per_second
    return max(_SLACK_BYTES, min(moment, _TOLERANCE * layout.data_size))


def _check_trailer(stream: BinaryIO, end: int, size_bytes: int) -> None:
    """Behind the audio there may be chunks and a little text (tags of some tools), but no seconds of sound.

    Raises:
        UnusableAudio: what is there is not described by the header.
    """
    allowed = max(_MAX_TRAILER_BYTES, _TOLERANCE * size_bytes)
    position = end + end % 2
    for _ in range(_MAX_CHUNKS):
        if size_bytes - position <= allowed:
            return
        stream.seek(position)
        header = stream.read(8)
        name, chunk_size = header[:4], _unsigned(header[4:])
        if name not in _CHUNK_NAMES or name == b"data" or position + 8 + chunk_size > size_bytes:
            break
        position += 8 + chunk_size + chunk_size % 2
    raise header_mismatch(f"its audio ends {size_bytes - end} bytes before the object does")


def _read_layout(stream: BinaryIO, size_bytes: int) -> _Layout:
    """Walk the chunks up to the audio."""
    stream.seek(4)
    riff_end = 8 + _unsigned(stream.read(4))
    position = 12
    long_data_size: int | None = None
    coding: _Format | None = None
    for _ in range(_MAX_CHUNKS):
        stream.seek(position)
        header = stream.read(8)
        if len(header) < 8:
            break
        name, chunk_size = header[:4], _unsigned(header[4:])
        if name == b"fmt ":
            chunk = stream.read(min(chunk_size, 40))
            if len(chunk) < min(chunk_size, 40):
                break
            coding = _format(chunk)
        elif name == b"ds64":
            # RF64 keeps its sizes, too large for 32 bits, here (EBU Tech 3306).
            riff_size, long_data_size = struct.unpack("<QQ", stream.read(16).ljust(16, b"\0"))
            riff_end = 8 + riff_size
        elif name == b"data":
            if coding is None:
                raise header_mismatch("it does not describe the audio")
            return _Layout(coding, riff_end, position + 8, long_data_size or chunk_size)
        position = _next_chunk(stream, position + 8 + chunk_size)
    if riff_end > size_bytes:
        raise UnusableAudio("TruncatedAudio", "The object ends inside the WAV header. Upload the recording again.")
    raise header_mismatch("there is no audio in the file")


def _next_chunk(stream: BinaryIO, end: int) -> int:
    """Chunks are padded to an even length, except by writers that forget it."""
    if end % 2 == 0:
        return end
    stream.seek(end)
    following = stream.read(5)
    return end if following[1:] not in _CHUNK_NAMES and following[:4] in _CHUNK_NAMES else end + 1


def _unsigned(four: bytes) -> int:
    return int.from_bytes(four, "little")


def _format(chunk: bytes) -> _Format:
    if len(chunk) < 16:
        raise header_mismatch("it does not describe the audio")
    tag, channels, sample_rate, bytes_per_second, block_align, bits = struct.unpack_from("<HHIIHH", chunk)
    if tag == _EXTENSIBLE_TAG and len(chunk) >= 26:
        tag = _unsigned(chunk[24:26])
    return _Format(chunk, tag, channels, sample_rate, bytes_per_second, block_align, bits)


def _decode(
    stream: BinaryIO, layout: _Layout, data_size: int, warnings: tuple[str, ...], max_duration_seconds: float
) -> AudioFacts:
    """Decode coded audio behind a header with the sizes that were found."""
    return decode(
        _view(stream, layout, data_size),
        max_duration_seconds=max_duration_seconds,
        unreadable=unsupported(f"WAV with format 0x{layout.format.tag:04x}"),
        warnings=warnings,
    )


def _view(stream: BinaryIO, layout: _Layout, data_size: int) -> View:
    """The audio behind a header with the sizes that were found."""
    chunk = layout.format.chunk
    head = struct.pack("<4sI4s4sI", b"RIFF", min(20 + len(chunk) + data_size, 0xFFFFFFFF), b"WAVE", b"fmt ", len(chunk))
    head += chunk + struct.pack("<4sI", b"data", data_size)
    return View(stream, start=layout.data_start, end=layout.data_start + data_size, head=head)
