"""Recordings, made as they are needed."""

from __future__ import annotations

import io

import numpy as np
import soundfile

KEY = "recordings/clinic-7/2026-11-20/call-0042.wav"


def stereo_call(*, seconds: float = 31.0, level: float = 0.1, channels: int = 2) -> bytes:
    """Return a recording as Amazon Connect makes them, 8 kHz and 16 bit, with a hum on every channel."""
    rate = 8000
    hum = level * np.sin(np.linspace(0, 200 * seconds, int(rate * seconds), dtype=np.float32))
    file = io.BytesIO()
    soundfile.write(file, np.stack([hum] * channels, axis=1), rate, format="WAV", subtype="PCM_16")
    return file.getvalue()
