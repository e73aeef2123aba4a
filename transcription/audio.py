"""What an audio file holds, found before anything is paid for."""

import io
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Final, NoReturn, TypeVar, cast

import numpy as np
import soundfile

from transcription.audio_facts import AudioFacts

__all__ = ["AudioFacts", "UnusableAudio", "probe"]

MAX_BYTES: Final = 2_000_000_000
"""Largest file Deepgram takes (docs, page "Pre-Recorded Audio")."""

MIN_DURATION_SECONDS: Final = 0.1
"""Less than a syllable."""

MAX_CHANNELS: Final = 2

_TOLERANCE: Final = 0.01
_DECODE_FRAMES: Final = 65_536
_MAX_CHUNKS: Final = 1_000
_MAX_TRAILER_BYTES: Final = 4_096
# Writers that cannot seek back leave 0xFFFFFFFF, or with SoX a size just under 2 GiB, where the size should be. Either
# is above what Deepgram takes, so that no honest header of an acceptable file says it.
_STREAMED_SIZE: Final = 0x7FFF_F000
# PCM, float, A-law and mu-law (format tags of RFC 2361) have frames of one size: the bytes are the duration.
_FIXED_SIZE_TAGS: Final = frozenset({0x0001, 0x0003, 0x0006, 0x0007})
_EXTENSIBLE_TAG: Final = 0xFFFE
_UNSUPPORTED: Final = {
    b"ftyp": "m4a",
    b"#!AM": "AMR",
    b"0&\xb2u": "WMA",
    b"\x1aE\xdf\xa3": "WebM",
    b"RIFX": "big-endian WAV",
    b"FORM": "AIFF",
    b".snd": "AU",
}
# What libsndfile says where a header leaves the length open.
_UNKNOWN_FRAMES: Final = 2**60
_UNRECOGNISED_FORMAT: Final = 1
_MAX_OGG_PAGE_BYTES: Final = 65_307

_Result = TypeVar("_Result")


class UnusableAudio(Exception):
    """The recording cannot be transcribed; the message says what to do about it.

    Attributes:
        code: `EmptyObject`, `NotAudio`, `UnsupportedFormat`, `TruncatedAudio`, `HeaderMismatch`, `CorruptAudio`,
            `TooManyChannels`, `TooLong`, `TooShort` or `TooLarge`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class _WavLayout:
    """The `fmt ` and `data` chunks of a WAV file."""

    tag: int
    channels: int
    sample_rate: int
    block_align: int
    bits: int
    riff_end: int
    data_start: int
    data_size: int

    @property
    def streamed(self) -> bool:
        return self.data_size >= _STREAMED_SIZE


def probe(stream: BinaryIO, size_bytes: int, *, max_duration_seconds: float) -> AudioFacts:
    """Find out what a recording holds.

    An uncompressed WAV file is judged by its header against the size of the object, without reading the samples.
    Everything else is decoded from end to end, in pieces, since its header may promise more than is there.

    Args:
        stream: the object, seekable. Many small reads are made: a stream over the network should buffer.
        size_bytes: size of the object.
        max_duration_seconds: longest recording that is accepted.

    Raises:
        UnusableAudio: the recording cannot be transcribed.
        Exception: whatever the stream itself raises passes through.
    """
    if size_bytes == 0:
        raise UnusableAudio("EmptyObject", "The object is empty. Upload the recording again.")
    if size_bytes > MAX_BYTES:
        raise UnusableAudio(
            "TooLarge", f"The object has {size_bytes} bytes; Deepgram takes 2 GB. Compress it, for example to FLAC."
        )
    stream.seek(0)
    head = stream.read(12)
    if head[:4] in (b"RIFF", b"RF64") and head[8:] == b"WAVE":
        facts = _probe_wav(stream, size_bytes, max_duration_seconds)
    else:
        _refuse_what_is_no_audio(head)
        if head[:4] == b"OggS":
            _check_ogg_ends(stream, size_bytes)
        facts = _decode(stream, max_duration_seconds)
    _check_duration(facts.duration_seconds, max_duration_seconds)
    return facts


def _refuse_what_is_no_audio(head: bytes) -> None:
    for magic, name in _UNSUPPORTED.items():
        if magic in (head[:4], head[4:8]):
            raise UnusableAudio(
                "UnsupportedFormat", f"{name} cannot be checked here. Convert the recording to WAV, FLAC, MP3 or Ogg."
            )
    # MP3 has no signature of its own: an ID3 tag, or the eleven set bits and layer III or II of its first frame.
    mp3 = head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 in (0xE2, 0xE4))
    if not mp3 and head[:4] not in (b"fLaC", b"OggS"):
        raise _not_audio()


def _not_audio() -> UnusableAudio:
    return UnusableAudio("NotAudio", "The object does not hold audio, whatever its name says.")


def _check_channels(channels: int) -> None:
    if channels > MAX_CHANNELS:
        raise UnusableAudio(
            "TooManyChannels",
            f"The recording has {channels} channels; one or two are expected. Mix it down to customer and agent.",
        )


def _check_duration(duration_seconds: float, max_duration_seconds: float) -> None:
    if duration_seconds > max_duration_seconds:
        raise UnusableAudio(
            "TooLong",
            f"The recording is longer than the limit of {max_duration_seconds:g} seconds. Split it or raise the limit.",
        )
    if duration_seconds < MIN_DURATION_SECONDS:
        raise UnusableAudio(
            "TooShort", f"The recording holds {duration_seconds:.3f} seconds of audio: nothing to hear."
        )


def _probe_wav(stream: BinaryIO, size_bytes: int, max_duration_seconds: float) -> AudioFacts:
    layout = _wav_layout(stream, size_bytes)
    available = size_bytes - layout.data_start
    data_size = available if layout.streamed else layout.data_size
    if data_size > available:
        raise UnusableAudio(
            "TruncatedAudio",
            f"The header announces {data_size} bytes of audio, the object holds {available}. Upload it again.",
        )
    _check_riff_size(layout, size_bytes)
    if layout.tag not in _FIXED_SIZE_TAGS:
        return _decode(stream, max_duration_seconds)
    if 0 in (layout.sample_rate, layout.block_align) or layout.channels * layout.bits != layout.block_align * 8:
        _header_mismatch("channels, sample size and frame size contradict each other")
    _check_channels(layout.channels)
    with _opened(stream) as (sound, _):
        if (sound.channels, sound.samplerate) != (layout.channels, layout.sample_rate):
            _header_mismatch("it describes the audio in two ways")
        return AudioFacts(
            format="WAV",
            subtype=sound.subtype,
            channels=layout.channels,
            sample_rate=layout.sample_rate,
            duration_seconds=round(data_size // layout.block_align / layout.sample_rate, 3),
        )


def _check_riff_size(layout: _WavLayout, size_bytes: int) -> None:
    """Compare the outer size with the object: the audio may be whole and the header lie all the same."""
    if layout.streamed:
        return
    if layout.riff_end > size_bytes:
        raise UnusableAudio(
            "TruncatedAudio",
            f"The header announces {layout.riff_end} bytes, the object holds {size_bytes}. Upload it again.",
        )
    if layout.riff_end < layout.data_start + layout.data_size:
        _header_mismatch("the file is shorter than its audio")
    # A little text behind the end (tags of some tools) is common, seconds of sound are not.
    if size_bytes - layout.riff_end > max(_MAX_TRAILER_BYTES, _TOLERANCE * size_bytes):
        _header_mismatch(f"it ends {size_bytes - layout.riff_end} bytes before the object does")


def _header_mismatch(what: str) -> NoReturn:
    raise UnusableAudio(
        "HeaderMismatch", f"The WAV header lies: {what}. Save the recording again with a correct header."
    )


def _wav_layout(stream: BinaryIO, size_bytes: int) -> _WavLayout:
    """Walk the RIFF chunks up to the audio."""
    stream.seek(4)
    riff_end = 8 + _unsigned(stream.read(4))
    position = 12
    long_data_size: int | None = None
    format_chunk: bytes | None = None
    for _ in range(_MAX_CHUNKS):
        stream.seek(position)
        header = stream.read(8)
        if len(header) < 8:
            break
        name, chunk_size = header[:4], _unsigned(header[4:])
        if name == b"fmt ":
            format_chunk = stream.read(min(chunk_size, 40))
        elif name == b"ds64":
            # RF64 keeps its sizes, too large for 32 bits, here (EBU Tech 3306).
            riff_size, long_data_size = struct.unpack("<QQ", stream.read(16).ljust(16, b"\0"))
            riff_end = 8 + riff_size
        elif name == b"data":
            if format_chunk is None or len(format_chunk) < 16:
                _header_mismatch("it does not describe the audio")
            return _WavLayout(*_format_fields(format_chunk), riff_end, position + 8, long_data_size or chunk_size)
        # Chunks are padded to an even length.
        position += 8 + chunk_size + chunk_size % 2
    if riff_end > size_bytes:
        raise UnusableAudio("TruncatedAudio", "The object ends inside the WAV header. Upload it again.")
    _header_mismatch("there is no audio in the file")


def _unsigned(four: bytes) -> int:
    return int.from_bytes(four, "little")


def _format_fields(chunk: bytes) -> tuple[int, int, int, int, int]:
    tag, channels, sample_rate, _, block_align, bits = struct.unpack_from("<HHIIHH", chunk)
    if tag == _EXTENSIBLE_TAG and len(chunk) >= 26:
        tag = int.from_bytes(chunk[24:26], "little")
    return tag, channels, sample_rate, block_align, bits


class _Watched:
    """A stream whose errors are kept: libsndfile calls it from C, where an exception would be lost."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._error: Exception | None = None

    def read(self, size: int) -> bytes:
        return self._guard(lambda: self._stream.read(size), b"")

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._guard(lambda: self._stream.seek(offset, whence), 0)

    def tell(self) -> int:
        return self._guard(self._stream.tell, 0)

    def check(self) -> None:
        """Raise what the stream raised while C code was using it."""
        if self._error is not None:
            raise self._error

    def _guard(self, operation: Callable[[], _Result], nothing: _Result) -> _Result:
        if self._error is not None:
            return nothing
        try:
            return operation()
        except Exception as error:  # noqa: BLE001 - kept, and raised by `check` once the C code has returned
            self._error = error
            return nothing


@contextmanager
def _opened(stream: BinaryIO) -> Iterator[tuple[soundfile.SoundFile, _Watched]]:
    """Open a stream with libsndfile; what it cannot read is corrupt, what the stream raises passes through."""
    stream.seek(0)
    watched = _Watched(stream)
    try:
        with soundfile.SoundFile(cast(BinaryIO, watched)) as sound:
            watched.check()
            yield sound, watched
    except soundfile.LibsndfileError as error:
        watched.check()
        if error.code == _UNRECOGNISED_FORMAT:
            raise _not_audio() from error
        raise UnusableAudio("CorruptAudio", "The audio is damaged or cut short. Upload the recording again.") from error


def _decode(stream: BinaryIO, max_duration_seconds: float) -> AudioFacts:
    """Count the frames that are really there, in pieces, and compare them with the header."""
    with _opened(stream) as (sound, watched):
        _check_channels(sound.channels)
        announced = sound.frames
        if announced >= _UNKNOWN_FRAMES:
            raise UnusableAudio(
                "UnsupportedFormat",
                "The header does not say how long the audio is, as in a streamed file. Save the recording again.",
            )
        # read() counts truly; blocks() returns what the header of a truncated MP3 promises.
        buffer = np.empty((_DECODE_FRAMES, sound.channels), dtype=np.int16)
        limit = max_duration_seconds * sound.samplerate
        frames = 0
        while frames <= limit:
            decoded = len(sound.read(_DECODE_FRAMES, dtype="int16", out=buffer))
            watched.check()
            if decoded == 0:
                break
            frames += decoded
        if frames <= limit and frames < announced * (1 - _TOLERANCE):
            raise UnusableAudio(
                "TruncatedAudio",
                f"The header announces {announced / sound.samplerate:.1f} seconds, the object holds "
                f"{frames / sound.samplerate:.1f}. Upload it again.",
            )
        return AudioFacts(
            format=sound.format,
            subtype=sound.subtype,
            channels=sound.channels,
            sample_rate=sound.samplerate,
            duration_seconds=round(frames / sound.samplerate, 3),
        )


def _check_ogg_ends(stream: BinaryIO, size_bytes: int) -> None:
    """An Ogg file names no length: whether it is whole shows in its last page (RFC 3533, section 6)."""
    tail_start = max(0, size_bytes - _MAX_OGG_PAGE_BYTES)
    stream.seek(tail_start)
    tail = stream.read(_MAX_OGG_PAGE_BYTES)
    page = tail[tail.rfind(b"OggS") :]
    whole = len(page) >= 27 and len(page) >= 27 + page[26] + sum(page[27 : 27 + page[26]])
    if not (whole and page[5] & 0x04):
        raise UnusableAudio("TruncatedAudio", "The Ogg stream has no end. Upload the recording again.")
