"""Deepgram's side of a stream, without recognition: results of a usual size at a usual pace."""

from __future__ import annotations

import json

_BYTES_PER_SECOND = 32_000
BYTES_PER_RESULT = _BYTES_PER_SECOND // 2
"""One for each channel in a second of audio, as with interim results on speech."""
_RESULTS_PER_FINAL = 4
_WORDS = 14  # makes a message of about two kilobytes, with punctuated words, as for speech of four seconds


class Recogniser:
    """Answers the audio of one connection."""

    def __init__(self) -> None:
        self.audio_bytes = 0
        self._sent = 0
        self._final_until = [0.0, 0.0]

    def result(self) -> str:
        """The next result: the channels take turns, and of each every fourth is final."""
        channel, round_ = self._sent % 2, self._sent // 2
        self._sent += 1
        start, end = self._final_until[channel], self.audio_bytes / _BYTES_PER_SECOND
        final = round_ % _RESULTS_PER_FINAL == _RESULTS_PER_FINAL - 1
        if final:
            self._final_until[channel] = end
        return self._message(channel, start, max(end - start, 0.0), final=final)

    def last_results(self) -> list[str]:
        """What Deepgram sends after CloseStream: final results for all audio, and the metadata."""
        end = self.audio_bytes / _BYTES_PER_SECOND
        finals = [
            self._message(channel, start, max(end - start, 0.0), final=True)
            for channel, start in enumerate(self._final_until)
        ]
        metadata = {
            "type": "Metadata",
            "transaction_key": "deprecated",
            "request_id": "00000000-0000-0000-0000-000000000000",
            "sha256": "0" * 64,
            "created": "2026-01-01T00:00:00.000Z",
            "duration": end,
            "channels": 2,
        }
        return [*finals, json.dumps(metadata)]

    def _message(self, channel: int, start: float, duration: float, *, final: bool) -> str:
        step = duration / _WORDS
        words = [
            {
                "word": "appointment",
                "start": round(start + step * number, 3),
                "end": round(start + step * (number + 0.8), 3),
                "confidence": 0.98765432,
                "punctuated_word": "Appointment,",
            }
            for number in range(_WORDS)
        ]
        text = " ".join("Appointment," for _ in words)
        return json.dumps(
            {
                "type": "Results",
                "channel_index": [channel, 2],
                "duration": duration,
                "start": start,
                "is_final": final,
                "speech_final": final,
                "channel": {"alternatives": [{"transcript": text, "confidence": 0.98765432, "words": words}]},
                "metadata": {
                    "request_id": "00000000-0000-0000-0000-000000000000",
                    "model_info": {"name": "benchmark", "version": "1", "arch": "none"},
                    "model_uuid": "00000000-0000-0000-0000-000000000000",
                },
                "from_finalize": False,
            }
        )
