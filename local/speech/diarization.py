"""Telling two speakers apart on one channel by the sound of their voices.

A voice is described by its spectral envelope (mel-frequency cepstrum) over a stretch of speech without a pause. Two
clusters of such stretches are two speakers if they lie far enough apart, otherwise there is one. More than two are not
told apart, nor are speakers who talk at the same time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import soxr

from local.speech.audio import Channel
from local.speech.sentence_breaks import ends_sentence
from local.speech.transcript import SpokenWord

Floats = npt.NDArray[np.float64]

RATE = 8000
# A pause this long between two words, in seconds, may hide a change of speaker.
TURN_PAUSE = 0.25
# Squared distance between the centres of two clusters from which on they are two voices. On the sample calls one
# voice alone gives at most 6, two voices at least 19.
TWO_VOICES = 12.0
# Frames (hundredths of a second) that a voice must be heard for; less says more about the words than about the voice.
LEAST_VOICE = 200

_WINDOW, _STEP, _FFT = 256, 80, 512
_BANDS, _COEFFICIENTS = 24, 12
_LEAST_FRAMES = 30
_ROUNDS = 50
# Spread of the coefficients within one voice, from what is said rather than who says it.
_SPREAD = np.array([5, 4, 4, 3, 3, 2.5, 2.5, 2.5, 2, 2, 2, 2])


@dataclass(frozen=True)
class _Stretch:
    """Words without a pause between them, and their voice."""

    words: list[SpokenWord]
    voice: Floats
    frames: int


def assign_speakers(words: Sequence[SpokenWord], channel: Channel) -> None:
    """Give every word a speaker number, from 0 in the order in which they first speak.

    Args:
        words: The words of one channel in order of time; changed in place.
        channel: Its audio.
    """
    for word in words:
        word.speaker, word.speaker_confidence = 0, 1.0
    samples = soxr.resample(channel.samples().astype(np.float64) / 32768, channel.rate, RATE)
    stretches = [stretch for part in _parts(words) if (stretch := _stretch(part, samples)) is not None]
    if len(stretches) < 2:
        return
    voices, weights = zip(*((stretch.voice, float(stretch.frames)) for stretch in stretches), strict=True)
    distances = _cluster(np.array(voices), np.array(weights))
    if distances is None:
        return
    first = int(distances[0].argmin())
    for stretch, (own, other) in zip(stretches, distances[:, [first, 1 - first]], strict=True):
        for word in stretch.words:
            word.speaker = int(other < own)
            word.speaker_confidence = float(max(own, other) / (own + other))
    _follow_neighbours(words, {id(word) for stretch in stretches for word in stretch.words})


def _parts(words: Sequence[SpokenWord]) -> list[list[SpokenWord]]:
    parts: list[list[SpokenWord]] = []
    for word in words:
        if parts and not _may_change(parts[-1][-1], word):
            parts[-1].append(word)
        else:
            parts.append([word])
    return parts


def _may_change(last: SpokenWord, word: SpokenWord) -> bool:
    """Whether another speaker may begin with a word: after a pause, or after what an engine wrote as a sentence."""
    if last.punctuated is not None and word.punctuated is not None and ends_sentence(last.punctuated, word.punctuated):
        return True
    return word.start - last.end >= TURN_PAUSE


def _stretch(part: list[SpokenWord], samples: Floats) -> _Stretch | None:
    """Describe the voice of a stretch; `None` when it is too short to tell."""
    heard = samples[int(part[0].start * RATE) : int(part[-1].end * RATE)]
    if len(heard) < _WINDOW:
        return None
    frames = np.lib.stride_tricks.sliding_window_view(heard, _WINDOW)[::_STEP]
    energy = (frames**2).mean(axis=1)
    frames = frames[energy > 0.1 * np.percentile(energy, 75)] * np.hanning(_WINDOW)
    if len(frames) < _LEAST_FRAMES:
        return None
    return _Stretch(part, _cepstrum(frames) / _SPREAD, len(frames))


def _cepstrum(frames: Floats) -> Floats:
    spectrum = np.abs(np.fft.rfft(frames, _FFT)) ** 2
    cepstrum: Floats = (np.log(spectrum @ _mel_filters() + 1e-10) @ _cosines()).mean(axis=0)
    return cepstrum


@cache
def _mel_filters() -> Floats:
    lowest, highest = (2595 * np.log10(1 + hertz / 700) for hertz in (100, 3800))
    mel = np.linspace(lowest, highest, _BANDS + 2)
    edges = 700 * (10 ** (mel / 2595) - 1)
    frequency = np.fft.rfftfreq(_FFT, 1 / RATE)[:, None]
    rising = (frequency - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequency) / (edges[2:] - edges[1:-1])
    filters: Floats = np.clip(np.minimum(rising, falling), 0, None)
    return filters


@cache
def _cosines() -> Floats:
    cosines: Floats = np.cos(np.pi / _BANDS * np.outer(np.arange(_BANDS) + 0.5, np.arange(1, _COEFFICIENTS + 1)))
    return cosines


def _cluster(voices: Floats, weights: Floats) -> Floats | None:
    """Return each voice's squared distance to the centres of two clusters; `None` when there is only one voice."""
    start = _distances(voices, voices.mean(axis=0, keepdims=True))[:, 0].argmax()
    centres = voices[[start, _distances(voices, voices[[start]])[:, 0].argmax()]]
    for _ in range(_ROUNDS):
        nearest = _distances(voices, centres).argmin(axis=1)
        if nearest.min() == nearest.max():
            return None
        moved = np.array([np.average(voices[nearest == k], axis=0, weights=weights[nearest == k]) for k in (0, 1)])
        if np.allclose(moved, centres):
            break
        centres = moved
    heard = min(weights[nearest == k].sum() for k in (0, 1))
    if heard < LEAST_VOICE or ((centres[0] - centres[1]) ** 2).sum() < TWO_VOICES:
        return None
    return _distances(voices, centres)


def _distances(voices: Floats, centres: Floats) -> Floats:
    distances: Floats = ((voices[:, None] - centres[None]) ** 2).sum(axis=2)
    return distances


def _follow_neighbours(words: Sequence[SpokenWord], known: set[int]) -> None:
    """Give words of stretches too short to tell the speaker of the words before them, at low confidence."""
    speaker = 0
    for word in words:
        if id(word) in known:
            speaker = word.speaker or 0
        else:
            word.speaker, word.speaker_confidence = speaker, 0.5
