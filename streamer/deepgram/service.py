"""Deepgram as a call sees it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from callscribe.deepgram.options import InvalidOptions, live_query_parameters, merged_vocabulary, redaction_of
from callscribe.failures import SafeError
from streamer.deepgram.connection import listen_url
from streamer.deepgram.session import DeepgramSession, SessionLimits
from streamer.redaction import ResultRedactor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from callscribe.deepgram.options import StreamEncoding, TranscriptionOptions
    from callscribe.recognition import OptionsRecord
    from callscribe.redaction import Redaction
    from streamer.deepgram.session import ApiKey
    from streamer.speech import Sink


@dataclass(frozen=True, kw_only=True)
class DeepgramStream:
    """One call's stream, ready to be opened.

    Attributes:
        url: Of the stream, with its query.
        encoding: How the audio is sent, as that says.
        key: Deepgram's API key.
        limits: How much audio may wait, and how long.
        options: What is asked, to be noted with the call.
        vocabulary_terms: How many terms Deepgram is told to expect.
        redaction: What is redacted once more; `None` for nothing.
        clock: Returns seconds since 1970.
    """

    url: str
    encoding: StreamEncoding
    key: ApiKey
    limits: SessionLimits
    options: OptionsRecord
    vocabulary_terms: int
    redaction: Redaction | None = None
    clock: Callable[[], float] = time.time

    def open(self, *, sink: Sink, watermarks: tuple[int, int]) -> DeepgramSession:
        """Begin a session; nothing is sent before it runs."""
        redactor = None if self.redaction is None else ResultRedactor(self.redaction, resumed=any(watermarks))
        return DeepgramSession(
            url=self.url,
            encoding=self.encoding,
            key=self.key,
            sink=sink,
            watermarks=watermarks,
            limits=self.limits,
            redactor=redactor,
            clock=self.clock,
        )


@dataclass(frozen=True, kw_only=True)
class DeepgramStreams:
    """Transcribes calls by Deepgram's streaming API.

    Attributes:
        url: Where the API is, without a path, such as `wss://api.eu.deepgram.com`.
        key: Deepgram's API key.
        options: What is asked for.
        limits: How much audio of a call may wait, and how long.
        clock: Returns seconds since 1970.
    """

    url: str
    key: ApiKey
    options: TranscriptionOptions
    limits: SessionLimits = field(default_factory=SessionLimits)
    clock: Callable[[], float] = time.time

    def prepare(self, *, vocabulary: Sequence[str]) -> DeepgramStream:
        """Make a call's stream, without sending anything.

        Raises:
            SafeError: The options and the vocabulary make no request (`DeepgramOptions.Invalid`).
        """
        try:
            parameters = live_query_parameters(self.options, vocabulary=vocabulary)
        except InvalidOptions as invalid:
            raise SafeError("DeepgramOptions.Invalid", str(invalid)) from None
        return DeepgramStream(
            url=listen_url(self.url, parameters),
            encoding=self.options.stream_encoding,
            key=self.key,
            limits=self.limits,
            options=self.options.record(),
            vocabulary_terms=len(merged_vocabulary(self.options, vocabulary)),
            redaction=redaction_of(self.options),
            clock=self.clock,
        )
