"""Query parameters of a stream, ``/v1/listen`` over WebSocket, checked as those of a recording are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from local.speech.errors import bad_request, invalid_parameter
from local.speech.parameters import ListenOptions, last_value, published, read_query

# Deepgram's page "Encoding" has more; these are the ones that CallScribe sends.
ENCODINGS = ("linear16", "mulaw")
# Deepgram's pages "Sample Rate", "Channels" and "Endpointing".
SAMPLE_RATES = range(8_000, 48_001)
CHANNELS = range(1, 21)
DEFAULT_ENDPOINTING = 0.01

SUPPORTED = frozenset(
    {
        *("model", "language", "language_hint", "encoding", "sample_rate", "channels", "multichannel"),
        *("interim_results", "endpointing", "punctuate", "smart_format", "redact", "keyterm", "keywords"),
        *("tag", "mip_opt_out"),
    }
)
"""Parameters of a stream that this server supports."""


def streaming_parameters() -> dict[str, dict[str, Any]]:
    """Return every parameter of a stream, in the same way."""
    return {**published()["streaming"], **published()["streaming_later"]}


@dataclass(frozen=True, kw_only=True)
class StreamOptions:
    """One stream's options, with Deepgram's defaults.

    Attributes:
        listen: Those that a recording has too.
        encoding: How the samples are written.
        sample_rate: Samples per second and channel.
        channels: In the audio; without `ListenOptions.multichannel` they are mixed down to one.
        interim_results: Whether words are sent before they are final.
        endpointing: Seconds of silence that end an utterance; `None` without.
    """

    listen: ListenOptions
    encoding: str
    sample_rate: int
    channels: int = 1
    interim_results: bool = False
    endpointing: float | None = DEFAULT_ENDPOINTING


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
    listen, values = read_query(query, streaming_parameters(), SUPPORTED, engine_languages)
    encoding = last_value(values, "encoding")
    if encoding not in ENCODINGS:
        raise bad_request(f"The local server needs an `encoding` of {' or '.join(ENCODINGS)}.")
    sample_rate = int(last_value(values, "sample_rate") or 0)
    if sample_rate not in SAMPLE_RATES:
        raise bad_request(
            f"The local server needs a `sample_rate` of {SAMPLE_RATES.start} to {SAMPLE_RATES.stop - 1} Hz."
        )
    channels = int(last_value(values, "channels") or 1)
    if channels not in CHANNELS:
        raise invalid_parameter("Failed to deserialize query parameters: channels: expected 1 to 20")
    return StreamOptions(
        listen=listen,
        encoding=encoding,
        sample_rate=sample_rate,
        channels=channels,
        interim_results=last_value(values, "interim_results") == "true",
        endpointing=_endpointing(last_value(values, "endpointing") or "true"),
    )


def _endpointing(value: str) -> float | None:
    if value in {"true", "false"}:
        return DEFAULT_ENDPOINTING if value == "true" else None
    return int(value) / 1000
