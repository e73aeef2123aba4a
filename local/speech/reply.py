"""The reply to ``POST /v1/listen``, in the shape of Deepgram's API specification and its SDK's models."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from local.speech.audio import Recording
from local.speech.diarization import assign_speakers
from local.speech.engines import Engine, Recognition
from local.speech.formatting import grouped, reworded
from local.speech.intelligence import analyse, entities, mean_sentiment, score_sentiment, sentiment_of
from local.speech.parameters import ListenOptions
from local.speech.spoken_numbers import Redaction
from local.speech.transcript import SpokenWord, Utterance, confidence

Json = dict[str, Any]


def model_uuid(name: str) -> str:
    """Return the identifier under which a local model is reported."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


async def transcribe(recording: Recording, engine: Engine, options: ListenOptions, request_id: str) -> Json:
    """Recognise a recording and return the whole reply."""
    recognised = await asyncio.gather(*(engine.transcribe(c, options.keyterms) for c in recording.channels))
    return await asyncio.to_thread(build_reply, recording, recognised, engine, options, request_id)


def build_reply(
    recording: Recording, recognised: Sequence[Recognition], engine: Engine, options: ListenOptions, request_id: str
) -> Json:
    """Return the reply for recognised words.

    Args:
        recording: The audio; its samples are looked at for diarization only.
        recognised: One entry for each channel.
        engine: Named in the metadata.
        options: What the request asks for.
        request_id: Reported in the metadata.
    """
    redaction = Redaction(options.redact)
    by_channel: list[list[Utterance]] = []
    for channel, recognition in zip(recording.channels, recognised, strict=True):
        words = reworded(recognition.words, redaction, options)
        if options.diarize:
            assign_speakers(words, channel)
        by_channel.append(grouped(words, channel.index, options))
    # Deepgram orders utterances by channel first and by time second.
    spoken_by_all = [utterance for spoken in by_channel for utterance in spoken]
    if options.sentiment and options.english:
        score_sentiment(spoken_by_all)
    results: Json = {"channels": [_channel(spoken, options) for spoken in by_channel]}
    if options.utterances:
        results["utterances"] = [_utterance(utterance, options) for utterance in spoken_by_all]
    found, info = analyse(sorted(spoken_by_all, key=lambda utterance: utterance.start), options)
    unknown = [term for recognition in recognised for term in recognition.unknown_terms]
    metadata = _metadata(recording, engine, options, request_id, bool(unknown))
    return {"metadata": metadata | info, "results": results | found}


def _metadata(
    recording: Recording, engine: Engine, options: ListenOptions, request_id: str, unknown_terms: bool
) -> Json:
    model = model_uuid(engine.name)
    metadata: Json = {
        "transaction_key": "deprecated",
        "request_id": request_id,
        "sha256": recording.sha256,
        "created": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "duration": round(recording.duration, 6),
        "channels": len(recording.channels),
        "models": [model],
        "model_info": {model: {"name": engine.name, "version": engine.version, "arch": engine.arch}},
    }
    if options.diarize:
        metadata["diarize_info"] = {"model_uuid": model_uuid("local-voices"), "arch": options.diarize}
    if options.tags:
        metadata["tags"] = list(options.tags)
    if warnings := _warnings(options, unknown_terms):
        metadata["warnings"] = warnings
    return metadata


def _warnings(options: ListenOptions, unknown_terms: bool) -> list[dict[str, str]]:
    warnings = list(options.warnings)
    if unknown_terms:
        warnings.append(
            {
                "parameter": "keyterm",
                "type": "unsupported_locally",
                "message": "The local recogniser cannot use some of the terms.",
            }
        )
    if not options.english:
        for parameter in ("sentiment", "topics", "intents"):
            if getattr(options, parameter):
                message = f"{parameter.capitalize()} is only supported for English."
                warnings.append({"parameter": parameter, "type": "unsupported_language", "message": message})
    return warnings


def _channel(spoken: Sequence[Utterance], options: ListenOptions) -> Json:
    words = [word for utterance in spoken for word in utterance.words]
    alternative: Json = {
        "transcript": " ".join(utterance.text for utterance in spoken),
        "confidence": confidence(words),
        "words": [word_body(word, options) for word in words],
    }
    if options.language == "multi":
        alternative["languages"] = ["en"] if words else []
        alternative["languages_hinted"] = list(options.language_hints)
    if options.detect_entities:
        alternative["entities"] = entities(words)
    channel: Json = {"alternatives": [alternative]}
    if options.detect_language:
        channel["detected_language"] = "en"
    return channel


def word_body(word: SpokenWord, options: ListenOptions) -> Json:
    """Return one entry of `words`."""
    answer: Json = {
        "word": word.text,
        "start": round(word.start, 3),
        "end": round(word.end, 3),
        "confidence": round(word.confidence, 6),
    }
    if options.written:
        answer["punctuated_word"] = word.written
    if options.language == "multi":
        answer["language"] = "en"
    if word.speaker is not None:
        answer |= {"speaker": word.speaker, "speaker_confidence": round(word.speaker_confidence, 6)}
    if word.sentiment is not None:
        answer |= sentiment_of(word.sentiment)
    return answer


def _utterance(utterance: Utterance, options: ListenOptions) -> Json:
    answer: Json = {
        "start": utterance.start,
        "end": utterance.end,
        "confidence": confidence(utterance.words),
        "channel": utterance.channel,
        "transcript": utterance.text,
        "words": [word_body(word, options) for word in utterance.words],
        "id": str(uuid.uuid4()),
    }
    if utterance.speaker is not None:
        answer["speaker"] = utterance.speaker
    if utterance.words[0].sentiment is not None:
        answer |= sentiment_of(mean_sentiment(utterance.words))
    return answer
