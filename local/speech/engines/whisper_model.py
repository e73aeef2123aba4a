"""What runs inside a recognition process for Whisper: faster-whisper, which runs it on CTranslate2, and its guards.

Whisper writes plausible English for anything that it is given, so it is given only what the voice activity detector
(Silero's, which faster-whisper ships) takes for speech, and what it writes is dropped when its own figures or a loop
show that nobody said it. Nothing is fetched: the model is a folder, and the hub that faster-whisper could ask is off.
"""

from __future__ import annotations

import itertools
import os
import re
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

# Read when faster-whisper is imported: whatever else goes wrong, it does not go to the network for a model.
os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import numpy.typing as npt
import soxr
from faster_whisper import WhisperModel
from faster_whisper.transcribe import Segment
from faster_whisper.vad import VadOptions, get_speech_timestamps

from local.speech.engines import Word
from local.speech.engines.weights import check_model

Samples = npt.NDArray[np.float32]

RATE = 16_000
# Speech shorter than this many seconds is a click.
SHORTEST_SPEECH = 0.1
# Seconds without speech that end a region, and seconds around each that are recognised with it.
SILENCE = 0.5
MARGIN = 0.2
# Whisper takes half a minute at once, however little of it is filled. So all regions go in one after another, this many
# seconds apart: enough for it to tell the end of one from the beginning of the next.
BETWEEN = 0.5
# A recording is recognised in pieces of about this many seconds, cut in silence, so that memory has a bound.
PIECE_SECONDS = 300
# From here on the figures say that nobody spoke. Measured with noise and music over the sample calls: whatever of them
# can be understood at all has log probabilities down to -0.95, no-speech probabilities up to 0.6 and compression ratios
# up to 1.9. They are Whisper's own limits too.
LEAST_LOG_PROBABILITY = -1.0
MOST_NO_SPEECH = 0.6
MOST_COMPRESSION = 2.4
# Seconds by which Whisper finds words too late, against a forced alignment of the sample calls by pocketsphinx.
LATE = 0.1
# What Whisper was taught to look at, in hundredths of a second, and what it looks at for a turn and for words that are
# not final. Over the turns of the sample calls it mistakes 3.3, 3.6 and 4.3 % of the words, and a turn takes it 0.62,
# 0.31 and 0.19 s of a core.
WINDOW_FRAMES = 3_000
TURN_FRAMES = 2_000
DRAFT_FRAMES = 1_000
# A turn takes no more tokens than this, and this for each of its seconds: nobody speaks faster, only a loop does.
TOKENS = 20
TOKENS_PER_SECOND = 8
# The least time of a word, in seconds: some are found to take none.
SHORTEST_WORD = 0.02
# Words said over and over: a single one this often, or a phrase of up to LONGEST_PHRASE words this often.
MOST_REPEATED = 5
MOST_REPEATED_PHRASE = 3
LONGEST_PHRASE = 8


class Model(WhisperModel):
    """A Whisper model that may look at less than half a minute.

    Attributes:
        frames: How much it looks at, in hundredths of a second; the rest has to be silence.
    """

    frames = WINDOW_FRAMES

    def encode(self, features: npt.NDArray[np.float32]) -> Any:
        """Encode the features of a window, which faster-whisper always fills up to half a minute."""
        return super().encode(np.ascontiguousarray(features[..., : self.frames]))


@cache
def model(folder: Path, threads: int) -> Model:
    """Return a loaded model; the first time takes half a second and about 150 MB for the smallest."""
    check_model(folder)
    return Model(str(folder), device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True)


def recognise(pcm: bytes, rate: int, folder: Path, threads: int = 1, terms: Sequence[str] = ()) -> tuple[Word, ...]:
    """Recognise one channel of a recording.

    Args:
        pcm: 16-bit little-endian mono samples.
        rate: Samples per second.
        folder: The model's.
        threads: Of the model.
        terms: Made more likely.

    Returns:
        The words in order of time, in seconds from the start of `pcm`; none where nobody speaks.
    """
    samples = np.frombuffer(pcm, "<i2")
    if not len(samples):
        return ()
    whisper = model(folder, threads)
    words: list[Word] = []
    for start, piece in _pieces(samples, rate):
        found = _recognised(whisper, piece, speech(piece, margin=MARGIN), terms)
        words += [_moved(word, start) for word in found]
    return tuple(words)


def recognise_turn(
    pcm: bytes, folder: Path, threads: int = 1, terms: Sequence[str] = (), *, draft: bool = False
) -> tuple[Word, ...]:
    """Recognise what somebody has found speech in already.

    Args:
        pcm: 16-bit little-endian mono samples at `RATE`, of half a minute at most.
        folder: The model's.
        threads: Of the model.
        terms: Made more likely.
        draft: Be quick about it. More words are lost: the less Whisper looks at, the more often it runs on by itself.

    Returns:
        The words in order of time, in seconds from the start of `pcm`.
    """
    samples: Samples = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)
    whisper = model(folder, threads)
    seconds = len(samples) / RATE
    least = DRAFT_FRAMES if draft else TURN_FRAMES
    whisper.frames = min(max(least, round(100 * (seconds + 2 * BETWEEN))), WINDOW_FRAMES)
    try:
        tokens = round(TOKENS + seconds * TOKENS_PER_SECOND)
        return tuple(_recognised(whisper, samples, [Region(0.0, seconds)], terms, tokens))
    finally:
        whisper.frames = WINDOW_FRAMES


@dataclass(frozen=True, slots=True)
class Region:
    """Where somebody speaks: seconds."""

    start: float
    end: float


def resampled(samples: npt.NDArray[np.int16], rate: int) -> Samples:
    """Return samples as Whisper takes them: 16 kHz, from -1 to 1."""
    return np.asarray(soxr.resample(samples.astype(np.float32) / 32768, rate, RATE), np.float32)


def speech(samples: Samples, *, silence: float = SILENCE, margin: float = 0.0) -> list[Region]:
    """Return every region with speech.

    Args:
        samples: As `resampled` returns them.
        silence: Seconds without speech that end a region.
        margin: Seconds that each region is made longer at both ends, as far as there is silence.
    """
    options = VadOptions(
        min_speech_duration_ms=round(SHORTEST_SPEECH * 1000),
        min_silence_duration_ms=round(silence * 1000),
        speech_pad_ms=round(margin * 1000),
    )
    return [Region(found["start"] / RATE, found["end"] / RATE) for found in get_speech_timestamps(samples, options)]


def _pieces(samples: npt.NDArray[np.int16], rate: int) -> Iterator[tuple[float, Samples]]:
    """Yield a recording in pieces: the start of each in seconds, and its samples resampled."""
    start = 0
    while start < len(samples):
        end = start + PIECE_SECONDS * rate
        piece = resampled(samples[start:end], rate)
        if end < len(samples) and (regions := speech(piece)):
            # Whoever speaks at the end of the piece belongs to the next one, unless they never paused.
            last = regions[-1]
            if last.end > PIECE_SECONDS - SILENCE and last.start > PIECE_SECONDS / 2:
                end = start + round((last.start - MARGIN) * rate)
                piece = piece[: round((last.start - MARGIN) * RATE)]
        yield start / rate, piece
        start = end


def _recognised(
    whisper: Model, samples: Samples, regions: Sequence[Region], terms: Sequence[str], tokens: int | None = None
) -> Iterator[Word]:
    """Yield the words in regions of one piece."""
    if not regions:
        return
    pause = np.zeros(round(BETWEEN * RATE), np.float32)
    parts = [samples[round(region.start * RATE) : round(region.end * RATE)] for region in regions]
    places = [0.0, *itertools.accumulate((len(part) + len(pause)) / RATE for part in parts)]
    segments, _ = whisper.transcribe(
        np.concatenate([sound for part in parts for sound in (part, pause)]),
        language="en",
        beam_size=1,
        temperature=0.0,
        word_timestamps=True,
        # What was recognised before would be repeated where nothing can be recognised.
        condition_on_previous_text=False,
        hotwords=", ".join(terms) or None,
        max_new_tokens=tokens,
    )
    said = 0.0
    for word in (word for segment in segments for word in spoken(segment)):
        # A word is where it ends: a pause before it is often taken for its beginning.
        index = max(0, bisect_left(places, word.end - SHORTEST_SPEECH, hi=len(regions)) - 1)
        region, shift = regions[index], regions[index].start - places[index] - LATE
        start = min(max(word.start + shift, region.start, said), region.end - SHORTEST_WORD)
        said = max(min(word.end + shift, region.end), start + SHORTEST_WORD)
        yield replace(word, start=round(start, 3), end=round(said, 3))


def _moved(word: Word, seconds: float) -> Word:
    return replace(word, start=round(word.start + seconds, 3), end=round(word.end + seconds, 3))


def spoken(segment: Segment) -> list[Word]:
    """Return the words of a segment that somebody said, in the time of what Whisper was given."""
    if (
        segment.avg_logprob < LEAST_LOG_PROBABILITY
        or segment.no_speech_prob > MOST_NO_SPEECH
        or _compression(segment.text) > MOST_COMPRESSION
    ):
        return []
    return without_loops([_word(parts) for parts in _whole_words(segment.words or ()) if _text(parts)])


def _compression(text: str) -> float:
    written = text.encode()
    return len(written) / len(zlib.compress(written))


def _whole_words(parts: Iterable[Any]) -> list[list[Any]]:
    """Put together what was taken apart at punctuation: ``9`` and ``.30``, ``follow`` and ``-up``."""
    words: list[list[Any]] = []
    for part in parts:
        if words and not part.word.startswith(" "):
            words[-1].append(part)
        else:
            words.append([part])
    return words


def _text(parts: Iterable[Any]) -> str:
    """Return a word in lower case without the punctuation around it; ``$`` and ``%`` are spoken."""
    written = "".join(part.word for part in parts).lower().replace("\u2019", "'")
    return re.sub(r"^[^\w$]+|[^\w%]+$", "", written)


def _word(parts: list[Any]) -> Word:
    return Word(
        _text(parts),
        float(parts[0].start),
        float(parts[-1].end),
        round(sum(float(part.probability) for part in parts) / len(parts), 4),
        "".join(part.word for part in parts).strip(),
    )


def without_loops(words: list[Word]) -> list[Word]:
    """Leave out what is repeated more often than anybody would: the mark of a decoder that runs on by itself."""
    texts = [word.text for word in words]
    kept: list[Word] = []
    position = 0
    while position < len(words):
        length = next((n for n in range(1, LONGEST_PHRASE + 1) if _loops(texts, position, n)), 0)
        if not length:
            kept.append(words[position])
            position += 1
            continue
        phrase = texts[position : position + length]
        while texts[position : position + length] == phrase:
            position += length
    return kept


def _loops(texts: list[str], position: int, length: int) -> bool:
    times = 1 + (MOST_REPEATED if length == 1 else MOST_REPEATED_PHRASE)
    phrase = texts[position : position + length]
    # Digits may well be said again and again.
    return not any(text.isdigit() for text in phrase) and all(
        texts[position + n * length : position + (n + 1) * length] == phrase for n in range(1, times)
    )
