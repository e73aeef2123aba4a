"""Redacts the results of a live call before anybody gets them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from callscribe.redaction import LiveRedactor

if TYPE_CHECKING:
    from callscribe.redaction import Redaction
    from streamer.speech import FinalResult, InterimResult


class ResultRedactor:
    """Redacts the results of one session in the order in which they come.

    Args:
        wanted: What is redacted.
        resumed: Whether an earlier session has heard the beginning of the call.
    """

    def __init__(self, wanted: Redaction, *, resumed: bool) -> None:
        self._call = LiveRedactor(wanted, resumed=resumed)

    def interim(self, result: InterimResult) -> InterimResult:
        """Redact an interim result."""
        return replace(result, text=" ".join(self._call.interim(result.channel, result.text.split())))

    def final(self, result: FinalResult, *, late: bool) -> FinalResult:
        """Redact a final result.

        Args:
            result: The result.
            late: Whether it lies before others of its channel that came earlier.
        """
        words = result.words
        if words is not None:
            # By themselves: Deepgram may format a text in another way than its single words.
            redacted = self._call.interim(result.channel, [word.text for word in words], late=late)
            words = tuple(msgspec.structs.replace(word, text=text) for word, text in zip(words, redacted, strict=True))
        text = " ".join(self._call.final(result.channel, result.text.split(), late=late))
        return replace(result, text=text, words=words)
