"""What a call says while it runs: the feed's events and the table's utterances as one transcript."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Utterance = Mapping[str, Any]


class LiveTranscript:
    """The words of one call in order, each once, whatever the feed repeats, loses or brings late.

    Args:
        stored: Reads the stored utterances behind this number, in order.
    """

    def __init__(self, stored: Callable[[int], Sequence[Utterance]]) -> None:
        self._stored = stored
        self._last = 0
        self._final_until: dict[int, float] = {}
        self._interims: dict[int, Utterance] = {}

    @property
    def interims(self) -> list[Utterance]:
        """What is being said and may still change: at most one for each channel."""
        return [self._interims[channel] for channel in sorted(self._interims)]

    def take(self, event: Mapping[str, Any]) -> Sequence[Utterance]:
        """Take an event of the feed; returns the utterances that are new by it."""
        if event["type"] == "interim":
            channel = int(event["channel"])
            if event["end"] > self._final_until.get(channel, 0):
                self._interims[channel] = event
        elif event["type"] == "final" and event["seq"] == self._last + 1:
            return self._accept([event])
        elif event["type"] == "final" and event["seq"] > self._last:
            return self.catch_up()
        return []

    def catch_up(self) -> Sequence[Utterance]:
        """Read what the feed has not brought; returns the utterances that are new by it."""
        return self._accept(self._stored(self._last))

    def _accept(self, utterances: Sequence[Utterance]) -> Sequence[Utterance]:
        for utterance in utterances:
            channel, end = int(utterance["channel"]), float(utterance["end"])
            self._last = int(utterance["seq"])
            self._final_until[channel] = end
            if channel in self._interims and self._interims[channel]["start"] < end:
                del self._interims[channel]
        return utterances
