"""The messages of a stream, in the shape of Deepgram's streaming specification and its SDK's models."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from local.speech.engines import Passage, StreamEngine
from local.speech.formatting import grouped, reworded
from local.speech.live.options import StreamOptions
from local.speech.reply import model_uuid, word_body
from local.speech.spoken_numbers import Redaction
from local.speech.transcript import SpokenWord, confidence

Json = dict[str, Any]


class Messages:
    """Writes the messages of one stream.

    Args:
        engine: Named in the metadata.
        options: What the stream asks for.
        request_id: Reported in every message that has one.
    """

    def __init__(self, engine: StreamEngine, options: StreamOptions, request_id: str) -> None:
        self._options = options
        self._listen = options.listen
        self._writes = engine.writes
        self._request_id = request_id
        self._redaction = Redaction(options.listen.redact)
        self._channels = options.channels if options.listen.multichannel else 1
        self._metadata = {
            "request_id": request_id,
            "model_info": {"name": engine.name, "version": engine.version, "arch": engine.arch},
            "model_uuid": model_uuid(engine.name),
        }

    def results(self, channel: int, passage: Passage) -> Json:
        """Return ``Results``."""
        words, transcript = self._written(channel, passage)
        alternative: Json = {
            "transcript": transcript,
            "confidence": confidence(words),
            "words": [word_body(word, self._listen) for word in words],
        }
        if self._listen.language == "multi":
            alternative["languages"] = ["en"] if words else []
            alternative["languages_hinted"] = list(self._listen.language_hints)
        return {
            "type": "Results",
            "channel_index": [channel, self._channels],
            "duration": round(passage.end - passage.start, 6),
            "start": round(passage.start, 6),
            "is_final": passage.final,
            "speech_final": passage.speech_final and self._options.endpointing is not None,
            "channel": {"alternatives": [alternative]},
            "metadata": self._metadata,
            "from_finalize": passage.from_finalize,
        }

    def metadata(self, *, sha256: str, duration: float) -> Json:
        """Return ``Metadata``, the last message of a stream that is closed in order."""
        message: Json = {
            "type": "Metadata",
            "transaction_key": "deprecated",
            "request_id": self._request_id,
            "sha256": sha256,
            "created": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "duration": round(duration, 6),
            "channels": self._channels,
        }
        if self._listen.warnings:
            message["warnings"] = list(self._listen.warnings)
        return message

    def _written(self, channel: int, passage: Passage) -> tuple[list[SpokenWord], str]:
        if not self._writes:
            words = [SpokenWord.of(word) for word in passage.words]
            return words, " ".join(word.text for word in words)
        # Only what is final counts towards the numbers of redacted labels.
        redaction = self._redaction if passage.final else Redaction(self._listen.redact)
        spoken = grouped(reworded(passage.words, redaction, self._listen), channel, self._listen)
        return [word for utterance in spoken for word in utterance.words], " ".join(u.text for u in spoken)


def schema_error(problem: str, message: str) -> Json:
    """Return the ``Error`` for a text message that cannot be understood; the stream goes on."""
    return {
        "type": "Error",
        "variant": "SchemaError",
        "description": f"Could not deserialize last text message: {problem}",
        "message": message,
    }
