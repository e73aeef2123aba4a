"""Count the samples that are really there, with libsndfile."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final, TypeVar, cast

import soundfile

from callscribe.audio.errors import UnusableAudio, header_mismatch, not_audio, truncated
from callscribe.audio_facts import AudioFacts

MAX_CHANNELS: Final = 2

# Telephones start at 8 kHz and studios end at 192; half of the one leaves room for odd recorders.
_MIN_SAMPLE_RATE: Final = 4_000
_MAX_SAMPLE_RATE: Final = 192_000
_TOLERANCE: Final = 0.01
_DECODE_FRAMES: Final = 65_536
_SAMPLE_BYTES: Final = 2
_UNRECOGNISED_FORMAT: Final = 1

_Result = TypeVar("_Result")


class View:
    """A part of a stream as a file of its own, for libsndfile.

    libsndfile calls it from C, where an exception would be lost: what the stream raises is kept for `check`.

    Args:
        stream: the object.
        start: first byte of the part.
        end: first byte behind it.
        head: bytes that stand before the part.
    """

    def __init__(self, stream: BinaryIO, *, start: int, end: int, head: bytes = b"") -> None:
        self._stream = stream
        self._start = start
        self._head = head
        self._size = len(head) + end - start
        self._position = 0
        self._error: Exception | None = None

    def read(self, size: int) -> bytes:
        """Read up to so many bytes."""
        return self._guard(lambda: self._read(min(size, self._size - self._position)), b"")

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position of the next read."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        """Return the position of the next read."""
        return self._position

    def check(self) -> None:
        """Raise what the stream raised while C code was using it."""
        if self._error is not None:
            raise self._error

    def _read(self, size: int) -> bytes:
        found = self._head[self._position : self._position + max(0, size)]
        if len(found) < size:
            place = self._start + self._position + len(found) - len(self._head)
            self._stream.seek(place)
            found += self._stream.read(size - len(found))
        self._position += len(found)
        return found

    def _guard(self, operation: Callable[[], _Result], nothing: _Result) -> _Result:
        if self._error is not None:
            return nothing
        try:
            return operation()
        except Exception as error:  # noqa: BLE001 - kept, and raised by `check` once the C code has returned
            self._error = error
            return nothing


def check_channels(channels: int) -> None:
    """Refuse what has more than two channels.

    Raises:
        UnusableAudio: it has.
    """
    if channels > MAX_CHANNELS:
        raise UnusableAudio(
            "TooManyChannels",
            f"The recording has {channels} channels; one or two are expected. Mix it down to customer and agent.",
        )


def check_sample_rate(sample_rate: int) -> None:
    """Refuse a rate at which nobody records: the header is wrong, and so would the duration be.

    Raises:
        UnusableAudio: it is one.
    """
    if not _MIN_SAMPLE_RATE <= sample_rate <= _MAX_SAMPLE_RATE:
        raise header_mismatch(f"it says {sample_rate} samples per second")


def decode(
    view: View,
    *,
    max_duration_seconds: float,
    unreadable: UnusableAudio,
    length_announced: bool = True,
    warnings: tuple[str, ...] = (),
) -> AudioFacts:
    """Count the frames that are really there, in pieces, and compare them with the header.

    Args:
        view: the audio.
        max_duration_seconds: where counting may stop.
        unreadable: what to raise where libsndfile cannot open the audio.
        length_announced: whether the header's length means something; without it, audio that is cut off at the end
            cannot be told from audio that ends there.
        warnings: what is noted with the facts.

    Raises:
        UnusableAudio: the audio cannot be opened, is damaged, or is shorter than its header says.
    """
    kind = soundfile.SoundFile if length_announced else _Unending
    with _opened(view, unreadable, kind) as sound:
        check_channels(sound.channels)
        check_sample_rate(sound.samplerate)
        # It counts truly; blocks() returns what the header of a truncated file promises. And it needs no numpy, which
        # would be two thirds of what the functions ship.
        buffer = bytearray(_DECODE_FRAMES * sound.channels * _SAMPLE_BYTES)
        limit = max_duration_seconds * sound.samplerate
        frames = 0
        while frames <= limit:
            decoded = sound.buffer_read_into(buffer, dtype="int16")
            view.check()
            if decoded == 0:
                break
            frames += decoded
        if length_announced and frames <= limit and frames < sound.frames * (1 - _TOLERANCE):
            raise truncated(f"{sound.frames / sound.samplerate:.1f} seconds", f"{frames / sound.samplerate:.1f}")
        return AudioFacts(
            format=sound.format,
            subtype=sound.subtype,
            channels=sound.channels,
            sample_rate=sound.samplerate,
            duration_seconds=round(frames / sound.samplerate, 3),
            warnings=warnings,
        )


class _Unending(soundfile.SoundFile):
    """soundfile seeks behind what it has read, which fails at an end that the header does not name."""

    def seekable(self) -> bool:
        """Return False: it is read from front to back."""
        return False


@contextmanager
def _opened(view: View, unreadable: UnusableAudio, kind: type[soundfile.SoundFile]) -> Iterator[soundfile.SoundFile]:
    """Open a view with libsndfile; what the stream raises passes through."""
    try:
        sound = kind(cast(BinaryIO, view))
    except soundfile.LibsndfileError as error:
        view.check()
        if error.code == _UNRECOGNISED_FORMAT and unreadable.code != "UnsupportedFormat":
            raise not_audio() from error
        raise unreadable from error
    try:
        with sound:
            view.check()
            yield sound
    except soundfile.LibsndfileError as error:
        view.check()
        raise damaged() from error


def damaged() -> UnusableAudio:
    """The audio cannot be decoded to its end, though its coding is known."""
    return UnusableAudio("CorruptAudio", "The audio is damaged or cut short. Upload the recording again.")
