"""Deepgram as the worker sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from callscribe.deepgram.errors import ERROR_PREFIX
from callscribe.deepgram.options import InvalidOptions, merged_vocabulary, query_parameters
from lambdas.common.errors import SafeError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from callscribe.deepgram.options import QueryParameters, TranscriptionOptions
    from callscribe.recognition import OptionsRecord
    from lambdas.transcribe_call.deepgram.api import DeepgramApi
    from lambdas.transcribe_call.deepgram.key import DeepgramKey
    from lambdas.transcribe_call.speech import RawReply


@dataclass(frozen=True, kw_only=True)
class DeepgramRequest:
    """One request.

    Attributes:
        api: Where it goes.
        key: Deepgram's API key.
        parameters: Query parameters, by Deepgram's names.
        options: What is asked, to be noted with the reply.
        vocabulary_terms: How many terms Deepgram is told to expect.
    """

    api: DeepgramApi
    key: str = field(repr=False)
    parameters: QueryParameters
    options: OptionsRecord
    vocabulary_terms: int

    def send(self, url: str) -> RawReply:
        """Have the recording behind a URL transcribed; the request is sent once.

        Raises:
            DeepgramFailure: No reply with a status of success arrived.
        """
        return self.api.transcribe(url, parameters=self.parameters, api_key=self.key)


class DeepgramService:
    """Transcribes recordings by Deepgram's API.

    Args:
        api: The API.
        key: The API key.
        options: What is asked for.
    """

    error_prefix = ERROR_PREFIX

    def __init__(self, *, api: DeepgramApi, key: DeepgramKey, options: TranscriptionOptions) -> None:
        self._api = api
        self._key = key
        self._options = options

    @property
    def timeout(self) -> timedelta:
        """How long a request may take."""
        return self._api.timeout

    def prepare(self, *, channels: int, vocabulary: Sequence[str], renew_key: bool = False) -> DeepgramRequest:
        """Make a request, without sending anything to Deepgram.

        Raises:
            KeyUnusable: There is no usable key.
            SafeError: The options and the vocabulary make no request (`DeepgramOptions.Invalid`).
        """
        try:
            parameters = query_parameters(self._options, channels=channels, vocabulary=vocabulary)
        except InvalidOptions as invalid:
            raise SafeError("DeepgramOptions.Invalid", str(invalid)) from None
        return DeepgramRequest(
            api=self._api,
            key=self._key.read(refresh=renew_key),
            parameters=parameters,
            options=self._options.record(),
            vocabulary_terms=len(merged_vocabulary(self._options, vocabulary)),
        )
