"""Recordings, made as they are needed."""

from __future__ import annotations

import io

import numpy as np
import soundfile

KEY = "recordings/clinic-7/2026-11-20/call-0042.wav"
CONNECT_KEY = "connect/lakeside/CallRecordings/2026/11/20/8e2d1f7c-0f9a-4c55-9d43-2f1a5b7c9e10_20261120T09:30_UTC.wav"
REDACTED_KEY = (
    "connect/lakeside/Analysis/Voice/Redacted/2026/11/20/"
    "8e2d1f7c-0f9a-4c55-9d43-2f1a5b7c9e10_call_recording_redacted_2026-11-20T09:30:00Z.wav"
)


def recording(*, seconds: float = 3.0, channels: int = 2, level: float = 0.1) -> bytes:
    """Return a recording as Amazon Connect makes them, 8 kHz and 16 bit, with a hum on every channel."""
    rate = 8000
    hum = level * np.sin(np.linspace(0, 200 * seconds, int(rate * seconds), dtype=np.float32))
    file = io.BytesIO()
    soundfile.write(file, np.stack([hum] * channels, axis=1), rate, format="WAV", subtype="PCM_16")
    return file.getvalue()
