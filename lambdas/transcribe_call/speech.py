"""What the worker asks of a speech service: to transcribe what is behind a URL, or to say how that failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from lambdas.common.errors import SafeError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from callscribe.recognition import OptionsRecord


@dataclass(frozen=True, kw_only=True)
class RawReply:
    """A reply; nothing is known yet of what it holds.

    Attributes:
        content: The body, byte for byte.
        request_id: The service's name of the request; "" where it gave none.
        encoding: How the body is still packed, where that could not be undone; "" for a body that is plain.
    """

    content: bytes
    request_id: str
    encoding: str = ""


class SpeechFailure(SafeError):
    """The service refused the request, or no whole reply arrived.

    Attributes:
        retriable: Whether the same request may succeed later.
        retry_after: Seconds that the service asked to wait.
        refused: Whether the service answered with an error.
        answered: Whether it did the work, which it bills, and the reply cannot be had.
        rate_limited: Whether there were too many requests.
        key_refused: Whether it does not know the key, which may have been rotated.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retriable: bool = False,
        retry_after: float | None = None,
        refused: bool = False,
        answered: bool = False,
        rate_limited: bool = False,
        key_refused: bool = False,
    ) -> None:
        super().__init__(code, message)
        self.retriable = retriable
        self.retry_after = retry_after
        self.refused = refused
        self.answered = answered
        self.rate_limited = rate_limited
        self.key_refused = key_refused


class SpeechRequest(Protocol):
    """One request, ready to be sent. Two are equal if the service would get the same."""

    @property
    def options(self) -> OptionsRecord:
        """What is asked, to be noted with the reply."""

    @property
    def vocabulary_terms(self) -> int:
        """How many terms the service is told to expect."""

    def send(self, url: str) -> RawReply:
        """Have the recording behind a URL transcribed; the request is sent once.

        Raises:
            SpeechFailure: No reply arrived. The service may have done, and may bill, the work all the same.
        """


class SpeechService(Protocol):
    """Transcribes recordings."""

    @property
    def error_prefix(self) -> str:
        """What the codes of its failures begin with, such as `Deepgram`."""

    @property
    def timeout(self) -> timedelta:
        """How long a request may take."""

    def prepare(self, *, channels: int, vocabulary: Sequence[str], renew_key: bool = False) -> SpeechRequest:
        """Make a request, without sending anything to the service.

        Args:
            channels: Channels of the recording.
            vocabulary: Terms to expect.
            renew_key: Use the key as it is now, whatever was read before.

        Raises:
            SafeError: The options do not allow a request, or there is no key.
        """
