"""What telephones carry beside speech, synthesised: 16-bit mono at 8 kHz."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

RATE = 8000

Sound = npt.NDArray[np.int16]
Wave = npt.NDArray[np.float64]


def _tone(*hertz: float, seconds: float, loud: float = 0.3) -> Wave:
    time = np.arange(round(seconds * RATE)) / RATE
    wave: Wave = loud * np.mean([np.sin(2 * np.pi * each * time) for each in hertz], axis=0)
    return wave


def _pause(seconds: float) -> Wave:
    return np.zeros(round(seconds * RATE))


def silence() -> Wave:
    return _pause(20)


def hiss() -> Wave:
    return np.random.default_rng(1).normal(0, 0.1, 20 * RATE)


def ringing() -> Wave:
    return np.tile(np.concatenate([_tone(440, 480, seconds=2), _pause(4)]), 4)


def busy() -> Wave:
    return np.tile(np.concatenate([_tone(480, 620, seconds=0.5), _pause(0.5)]), 15)


def dialling() -> Wave:
    keys = [(row, column) for row in (697, 770, 852, 941) for column in (1209, 1336, 1477)]
    return np.concatenate([part for key in keys * 2 for part in (_tone(*key, seconds=0.12), _pause(0.1))])


def fax() -> Wave:
    return np.concatenate([_pause(1), _tone(2100, seconds=3.3), _pause(0.1), _tone(1100, seconds=0.5), _pause(3)])


def blips() -> Wave:
    """Fifty milliseconds of noise and of a tone, each second in turn."""
    noise = np.random.default_rng(2).normal(0, 0.3, round(0.05 * RATE))
    return np.concatenate([part for blip in (noise, _tone(700, seconds=0.05)) * 10 for part in (blip, _pause(0.95))])


def hold_music() -> Wave:
    """Chords of plucked strings with a drum."""
    random = np.random.default_rng(3)
    scale = np.array([261.6, 293.7, 329.6, 349.2, 392.0, 440.0, 493.9, 523.3])
    time = np.arange(round(0.8 * RATE)) / RATE
    music = _pause(31)
    for beat in range(75):
        chord = random.choice(scale, 3) / (1, 2, 4)
        strings = sum(np.sin(2 * np.pi * note * k * time) / k for note in chord for k in range(1, 7))
        sound = 0.12 * strings * np.minimum(1, time / 0.02) * np.exp(-2 * time)
        sound[:800] += random.normal(0, 0.15, 800) * np.exp(-np.arange(800) / 150)
        start = round(beat * 0.4 * RATE)
        music[start : start + len(sound)] += sound
    return music


def humming() -> Wave:
    """Vowels at the pitches of a song, without a word: the voice activity detector takes them for speech."""
    random = np.random.default_rng(4)
    vowels = np.array([(700, 1100, 2500), (300, 2200, 2900), (450, 800, 2400)])
    time = np.arange(round(0.7 * RATE)) / RATE
    song = []
    for pitch in random.choice([196.0, 220.0, 246.9, 261.6, 293.7], 12):
        formants = random.choice(vowels)
        phase = 2 * np.pi * pitch * time + 1.5 * np.sin(2 * np.pi * 5.5 * time)
        weights = {k: np.exp(-(((k * pitch - formants) / 120) ** 2)).sum() for k in range(1, int(3800 / pitch))}
        voice = sum(weight * np.sin(k * phase) for k, weight in weights.items())
        song.append(0.3 * voice * np.minimum(1, time / 0.05) * np.minimum(1, (time[-1] - time) / 0.05))
    return np.concatenate(song)


SOUNDS: tuple[Callable[[], Wave], ...] = (
    silence, hiss, ringing, busy, dialling, fax, blips, hold_music, humming,
)  # fmt: skip


def samples(sound: Callable[[], Wave]) -> Sound:
    """Return a sound as a telephone carries it."""
    return (np.clip(sound(), -1, 1) * 32767).astype(np.int16)
