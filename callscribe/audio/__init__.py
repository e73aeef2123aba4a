"""What an audio file holds, found before anything is paid for."""

from typing import BinaryIO, Final

from callscribe.audio.decoding import check_channels, check_sample_rate
from callscribe.audio.errors import UnusableAudio, not_audio, unsupported
from callscribe.audio.joined import probe_flac, probe_ogg
from callscribe.audio.mpeg import probe_mp3, refuse_aac, tag_size
from callscribe.audio.wav import probe_wav
from callscribe.audio.window import Window
from callscribe.audio_facts import AudioFacts

__all__ = ["AudioFacts", "UnusableAudio", "probe"]

MAX_BYTES: Final = 2_000_000_000
"""Largest file Deepgram takes (docs, page "Pre-Recorded Audio")."""

MIN_DURATION_SECONDS: Final = 0.1
"""Less than a syllable."""

_UNSUPPORTED: Final = {
    b"ftyp": "m4a",
    b"#!AM": "AMR",
    b"#!SI": "SILK",
    b"0&\xb2u": "WMA",
    b"\x1aE\xdf\xa3": "WebM",
    b"RIFX": "big-endian WAV",
    b"riff": "Wave64",
    b"FORM": "AIFF",
    b"caff": "CAF",
    b"wvpk": "WavPack",
    b".snd": "AU",
    b"MAC ": "Monkey's Audio",
}


def probe(stream: BinaryIO, size_bytes: int, *, max_duration_seconds: float) -> AudioFacts:
    """Find out what a recording holds.

    What its header says is compared with what is there: uncompressed WAV by the size of the object, MP3 by counting
    its frames, everything else by decoding it from end to end, in pieces. A file of several streams counts with all of
    them.

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
    facts = _probe(stream, size_bytes, max_duration_seconds)
    check_channels(facts.channels)
    check_sample_rate(facts.sample_rate)
    _check_duration(facts.duration_seconds, max_duration_seconds)
    return facts


def _probe(stream: BinaryIO, size_bytes: int, max_duration_seconds: float) -> AudioFacts:
    stream.seek(0)
    head = stream.read(12)
    if head[:4] in (b"RIFF", b"RF64") and head[8:] == b"WAVE":
        return probe_wav(stream, size_bytes, max_duration_seconds)
    start = 0
    if head[:3] == b"ID3":
        # Taggers put ID3 before any format.
        window = Window(stream, size_bytes)
        start = tag_size(window, 0)
        head = window.read(start, 12)
    for magic, name in _UNSUPPORTED.items():
        if magic in (head[:4], head[4:8]):
            raise unsupported(name)
    refuse_aac(head)
    if head[:4] == b"fLaC":
        return probe_flac(stream, size_bytes, max_duration_seconds, start=start)
    if head[:4] == b"OggS":
        return probe_ogg(stream, size_bytes, max_duration_seconds)
    # MP3 has no signature of its own: an ID3 tag, or the eleven set bits and the layer of its first frame.
    if start or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 in (0xE2, 0xE4, 0xE6)):
        return probe_mp3(stream, size_bytes, max_duration_seconds)
    raise not_audio()


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
