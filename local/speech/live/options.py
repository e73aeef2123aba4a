"""Query parameters of a stream, ``/v1/listen`` over WebSocket, checked as those of a recording are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from local.speech.errors import bad_request, invalid_parameter
from local.speech.parameters import ListenOptions, last_value, published, read_query

# Deepgram's pages "Encoding", "Sample Rate" and "Endpointing".
STREAM_ENCODINGS = ("linear16", "mulaw", "alaw")
SAMPLE_RATES = range(8_000, 48_001)
DEFAULT_ENDPOINTING = 0.01
# The page "Utterance End" has the lower bound; beyond either the service answers 400.
UTTERANCE_END_MS = range(1_000, 5_001)


def streaming_parameters() -> dict[str, dict[str, Any]]:
    """Return every parameter of a stream, in the same way."""
    return {**published()["streaming"], **published()["streaming_later"]}


@dataclass(frozen=True, kw_only=True)
class StreamOptions:
    """One stream's options, with Deepgram's defaults.

    Attributes:
        listen: Those that a recording has too.
        encoding: Of the samples, one of `STREAM_ENCODINGS`.
        sample_rate: Samples per second and channel.
        channels: In the audio; without `ListenOptions.multichannel` they are mixed down to one.
        interim_results: Whether words are sent before they are final.
        endpointing: Seconds of silence that end an utterance; `None` without.
        utterance_end: Seconds without a word after which ``UtteranceEnd`` is sent; `None` without.
        vad_events: Whether ``SpeechStarted`` is sent.
    """

    listen: ListenOptions
    encoding: str
    sample_rate: int
    channels: int = 1
    interim_results: bool = False
    endpointing: float | None = DEFAULT_ENDPOINTING
    utterance_end: float | None = None
    vad_events: bool = False


def parse_stream_options(
    query: Iterable[tuple[str, str]], engine_languages: frozenset[str] | None = None
) -> StreamOptions:
    """Check a stream's query string and return its options.

    Args:
        query: Names and values in order, repeated names included.
        engine_languages: Languages that the engine recognises; `None` for every published one.

    Raises:
        ListenError: 400, for what Deepgram refuses and for audio that this server cannot decode.
    """
    listen, values = read_query(query, streaming_parameters(), engine_languages)
    if listen.encoding not in STREAM_ENCODINGS:
        raise bad_request(f"The local server needs an `encoding` of {', '.join(STREAM_ENCODINGS)}.")
    if listen.sample_rate is None or listen.sample_rate not in SAMPLE_RATES:
        raise bad_request(
            f"The local server needs a `sample_rate` of {SAMPLE_RATES.start} to {SAMPLE_RATES.stop - 1} Hz."
        )
    if listen.callback is not None:
        raise bad_request("The local server delivers streams over the WebSocket only.")
    interim = last_value(values, "interim_results") == "true"
    return StreamOptions(
        listen=listen,
        encoding=listen.encoding,
        sample_rate=listen.sample_rate,
        channels=listen.channels,
        interim_results=interim,
        endpointing=_endpointing(last_value(values, "endpointing") or "true"),
        utterance_end=_utterance_end(last_value(values, "utterance_end_ms"), interim),
        vad_events=last_value(values, "vad_events") == "true",
    )


def _endpointing(value: str) -> float | None:
    if value in {"true", "false"}:
        return DEFAULT_ENDPOINTING if value == "true" else None
    return int(value) / 1000


def _utterance_end(value: str | None, interim: bool) -> float | None:
    if value is None:
        return None
    if int(value) not in UTTERANCE_END_MS:
        raise invalid_parameter(f"Invalid 'utterance_end_ms' value of '{value}'.")
    if not interim:
        raise invalid_parameter("`utterance_end_ms` needs `interim_results=true`.")
    return int(value) / 1000
