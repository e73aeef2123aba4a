"""What runs inside a recognition process: pocketsphinx decoders and voice activity detection.

Each process serves one request at a time, because the binding holds the interpreter lock while it decodes.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator

import numpy as np
import soxr
from pocketsphinx import Decoder, Endpointer  # type: ignore[attr-defined]

from local.speech.engines import Word
from local.speech.engines.pronunciations import pronounce

RATE = 16_000
SHORTEST_SPEECH = 0.1
# Seconds over which, and share in which, there must be speech for a region to begin or silence for it to end.
VAD_WINDOW = 0.6
VAD_RATIO = 0.9
# Decoders kept, each with its own vocabulary; one takes about 65 MB.
MAX_DECODERS = 2

_decoders: OrderedDict[tuple[str, ...], Decoder] = OrderedDict()


def decoder_for(spoken_terms: tuple[str, ...]) -> Decoder:
    """Return the decoder that knows some terms; making one takes a second."""
    if spoken_terms not in _decoders:
        _decoders[spoken_terms] = new_decoder(spoken_terms)
        if len(_decoders) > MAX_DECODERS:
            _decoders.popitem(last=False)
    _decoders.move_to_end(spoken_terms)
    return _decoders[spoken_terms]


def new_decoder(spoken_terms: tuple[str, ...], **options: int) -> Decoder:
    """Return a decoder with the wheel's language model, to which words of the terms that it lacks are added.

    Args:
        spoken_terms: All of them pronounceable.
        **options: Of pocketsphinx.
    """
    decoder = Decoder(loglevel="FATAL", **options)
    for word in {word for term in spoken_terms for word in term.split()}:
        if decoder.lookup_word(word) is None:
            decoder.add_word(word, pronounce(word), True)
    return decoder


def recognise(pcm: bytes, rate: int, spoken_terms: tuple[str, ...]) -> tuple[Word, ...]:
    """Recognise one whole channel: find the regions with speech, then decode each.

    Args:
        pcm: 16-bit little-endian mono samples.
        rate: Samples per second; anything but 16000 is resampled, since the acoustic model knows only that.
        spoken_terms: As for `new_decoder`.
    """
    if rate != RATE:
        pcm = soxr.resample(np.frombuffer(pcm, "<i2"), rate, RATE).astype("<i2").tobytes()
    decoder = decoder_for(spoken_terms)
    words: list[Word] = []
    for start, region in _speech(pcm):
        decoder.start_utt()
        decoder.process_raw(region, full_utt=True)
        decoder.end_utt()
        words += decoded_words(decoder, start)
    return tuple(words)


def decoded_words(decoder: Decoder, start: float) -> Iterator[Word]:
    """Yield the words that a decoder has found in an utterance that began at `start` seconds."""
    for segment in decoder.seg() or ():
        text = re.sub(r"\(\d+\)$", "", segment.word)
        if text[0] not in "<[+":
            yield Word(
                text,
                round(start + segment.start_frame / 100, 2),
                round(start + (segment.end_frame + 1) / 100, 2),
                round(min(1.0, max(0.0, segment.prob)), 4),
            )


def _speech(pcm: bytes) -> Iterator[tuple[float, bytes]]:
    """Yield the start in seconds and the samples of each region with speech."""
    detector = Endpointer(window=VAD_WINDOW, ratio=VAD_RATIO, sample_rate=RATE)
    size = detector.frame_bytes
    region = bytearray()
    for position in range(0, len(pcm), size):
        frame = pcm[position : position + size]
        last = position + size >= len(pcm)
        speech = detector.end_stream(frame) if last else detector.process(frame)
        if speech is not None:
            region += speech
        if region and (last or not detector.in_speech):
            if len(region) >= SHORTEST_SPEECH * RATE * 2:
                yield detector.speech_start, bytes(region)
            region.clear()
