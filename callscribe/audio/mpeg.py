"""MP3 (and its elder layers), frame by frame.

A file without a Xing header does not say how long it is, and decoders guess it from the first frame's bit rate: a third
of the truth where speech comes first, twice as much where silence does. Joined files count as their first part. So the
frames are counted; each names its own size (ISO/IEC 11172-3, 2.4.2.3, and 13818-3). No maintained library was found
that counts rather than estimates.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import BinaryIO, Final

from callscribe.audio.decoding import damaged
from callscribe.audio.errors import not_audio, truncated, unsupported
from callscribe.audio.window import Window
from callscribe.audio_facts import AudioFacts

ENDS_INSIDE_A_FRAME: Final = "mp3-ends-inside-a-frame"
"""Warning: the last frame is cut, so more of the audio may be missing; nothing in the file says how much."""

_TOLERANCE: Final = 0.01
_MAX_JUNK_BYTES: Final = 4_096
_SUBTYPES: Final = {1: "MPEG_LAYER_I", 2: "MPEG_LAYER_II", 3: "MPEG_LAYER_III"}
# kbit/s by (MPEG 1?, layer); index 0 stands for free format, 15 is forbidden.
_BIT_RATES: Final = {
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
# By the two bits of the version: 2.5, reserved, 2, 1.
_SAMPLE_RATES: Final = {0: (11025, 12000, 8000), 2: (22050, 24000, 16000), 3: (44100, 48000, 32000)}
_MPEG_1: Final = 3
_MONO: Final = 3
_HEADER_BYTES: Final = 4
_INFO_BYTES: Final = 192
# Delay and padding are 12 bits of samples each, at 8 kHz at the slowest.
_LONGEST_PADDING_SECONDS: Final = 2 * 4095 / 8000


@dataclass(frozen=True, slots=True)
class _Frame:
    """What four bytes of a header say."""

    version: int
    layer: int
    sample_rate: int
    channels: int
    samples: int
    size: int

    def like(self, other: "_Frame") -> bool:
        """Whether both can belong to one stream; the bit rate changes, and joint stereo counts as stereo."""
        return (self.version, self.layer, self.sample_rate) == (other.version, other.layer, other.sample_rate)

    @property
    def side_information(self) -> int:
        """Bytes of layer III between header and data; an encoder's own frame begins behind them."""
        if self.version == _MPEG_1:
            return 17 if self.channels == 1 else 32
        return 9 if self.channels == 1 else 17


@dataclass(slots=True)
class _Part:
    """One encoder's output: what it holds and, where it says so, how much that should be."""

    first: _Frame
    frames: int = 0
    announced: int | None = None
    not_audio_samples: int = 0

    @property
    def seconds(self) -> float:
        return max(0, self.frames * self.first.samples - self.not_audio_samples) / self.first.sample_rate


@dataclass(slots=True)
class _Walk:
    """What was met on the way through a file.

    Attributes:
        parts: the encoders' outputs, in order.
        junk: bytes that belong to no frame and no tag.
        cut: whether the file ends inside a frame.
        whole: whether the walk came to the end.
    """

    parts: list[_Part] = field(default_factory=list)
    junk: int = 0
    cut: bool = False
    whole: bool = True


def probe_mp3(stream: BinaryIO, size_bytes: int, max_duration_seconds: float) -> AudioFacts:
    """Count the frames of a file.

    Raises:
        UnusableAudio: there are none, too much between them is something else, or fewer than the file itself says.
    """
    window = Window(stream, size_bytes)
    walk = _walk(window, max_duration_seconds)
    if not walk.parts:
        raise not_audio()
    if walk.junk > max(_MAX_JUNK_BYTES, _TOLERANCE * size_bytes):
        raise damaged()
    for part in walk.parts:
        if walk.whole and part.announced is not None and part.frames < part.announced * (1 - _TOLERANCE) - 1:
            second = part.first.samples / part.first.sample_rate
            raise truncated(f"{part.announced * second:.1f} seconds", f"{part.frames * second:.1f}")
    first = walk.parts[0].first
    if any(part.first.channels != first.channels for part in walk.parts):
        raise unsupported("MP3 whose parts differ in their number of channels")
    return AudioFacts(
        format="MP3",
        subtype=_SUBTYPES[first.layer],
        channels=first.channels,
        sample_rate=first.sample_rate,
        duration_seconds=round(sum(part.seconds for part in walk.parts), 3),
        warnings=(ENDS_INSIDE_A_FRAME,) if walk.cut else (),
    )


def tag_size(window: Window, position: int) -> int:
    """Bytes of the tag at a place (ID3v2, ID3v1 or APEv2), 0 where there is none."""
    head = window.read(position, 32)
    if head[:3] == b"ID3" and len(head) >= 10:
        a, b, c, d = (byte & 0x7F for byte in head[6:10])
        footer = 10 if head[5] & 0x10 else 0
        return 10 + (a << 21 | b << 14 | c << 7 | d) + footer
    if head[:3] == b"TAG":
        return 128
    if head[:8] == b"APETAGEX" and len(head) >= 24:
        header = 32 if head[23] & 0x20 else 0
        return header + int.from_bytes(head[12:16], "little")
    return 0


def _walk(window: Window, max_duration_seconds: float) -> _Walk:
    walk = _Walk()
    position, current, synchronised, seconds = 0, None, False, 0.0
    while position + _HEADER_BYTES <= window.size:
        if seconds > max_duration_seconds + _LONGEST_PADDING_SECONDS:
            walk.whole = False
            break
        frame = _frame(window.read(position, _HEADER_BYTES))
        # Four bytes look like a header by chance: where nothing led here, the next header must bear it out.
        if frame and not (synchronised and current and frame.like(current)) and not _continued(window, position, frame):
            frame = None
        if frame is None:
            skipped = tag_size(window, position)
            if not skipped:
                skipped = max(1, window.find(b"\xff", position + 1) - position)
                walk.junk += skipped
            position, synchronised = position + skipped, False
            continue
        if position + frame.size > window.size:
            walk.cut = True
            break
        information = _encoder_information(window.read(position, min(frame.size, _INFO_BYTES)), frame)
        if information or not walk.parts or not current or not frame.like(current):
            walk.parts.append(information or _Part(frame))
        if not information:
            walk.parts[-1].frames += 1
            seconds += frame.samples / frame.sample_rate
        position, current, synchronised = position + frame.size, frame, True
    return walk


def _continued(window: Window, position: int, frame: _Frame) -> bool:
    following = position + frame.size
    if following >= window.size - _HEADER_BYTES or tag_size(window, following):
        return True
    after = _frame(window.read(following, _HEADER_BYTES))
    return after is not None and after.like(frame)


@lru_cache(maxsize=4096)
def _frame(header: bytes) -> _Frame | None:
    if len(header) < _HEADER_BYTES or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    bit_rate_index, rate_index, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version not in _SAMPLE_RATES or layer not in _SUBTYPES or rate_index == 3 or bit_rate_index in (0, 15):
        return None
    mpeg_1 = version == _MPEG_1
    sample_rate = _SAMPLE_RATES[version][rate_index]
    bit_rate = 1000 * _BIT_RATES[mpeg_1, layer][bit_rate_index - 1]
    samples = {1: 384, 2: 1152, 3: 1152 if mpeg_1 else 576}[layer]
    if layer == 1:
        size = (12 * bit_rate // sample_rate + padding) * 4
    else:
        size = samples // 8 * bit_rate // sample_rate + padding
    return _Frame(version, layer, sample_rate, 1 if header[3] >> 6 == _MONO else 2, samples, size)


def _encoder_information(data: bytes, frame: _Frame) -> _Part | None:
    """The frame without audio in which an encoder says how many follow ("Xing", "Info" or "VBRI"), if this is one."""
    if frame.layer != 3:
        return None
    place = _HEADER_BYTES + frame.side_information
    if data[place : place + 4] in (b"Xing", b"Info"):
        flags = int.from_bytes(data[place + 4 : place + 8])
        announced = int.from_bytes(data[place + 8 : place + 12]) if flags & 1 else None
        # The optional fields: frames, bytes, a table of 100 bytes, quality; LAME's own fields come behind them.
        fields = place + 8 + 4 * (flags & 1) + 4 * (flags >> 1 & 1) + 100 * (flags >> 2 & 1) + 4 * (flags >> 3 & 1)
        return _Part(frame, announced=announced, not_audio_samples=_delay_and_padding(data[fields : fields + 24]))
    if data[36:40] == b"VBRI":
        return _Part(frame, announced=int.from_bytes(data[50:54]))
    return None


def _delay_and_padding(fields: bytes) -> int:
    """Samples that the encoder put before and behind the audio, where it says so (LAME, "mp3 info tag")."""
    if len(fields) < 24 or not fields[:4].isalnum():
        return 0
    both = int.from_bytes(fields[21:24])
    return (both >> 12) + (both & 0xFFF)


def refuse_aac(head: bytes) -> None:
    """AAC in ADTS frames begins like an MPEG frame, with a layer that does not exist.

    Raises:
        UnusableAudio: it is AAC.
    """
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        raise unsupported("AAC")
