"""What one connection has heard: each sample of a channel gets final words once, on the call's clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamer.deepgram.messages import MalformedMessage
from streamer.deepgram.results import FinalResult, InterimResult
from transcription.live_call import CHANNEL_ROLES, SAMPLE_RATE, Gap, GapReason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streamer.deepgram.messages import Alternative, Results, Word

CHANNELS: Final = len(CHANNEL_ROLES)

ROUNDING: Final = SAMPLE_RATE // 100
"""Samples by which positions may differ and still be the same: Deepgram's seconds are rounded, some to a hundredth."""

_BEYOND: Final = SAMPLE_RATE
"""Samples by which a result may end after the audio that was sent, as where a recogniser fills up its last frame."""


class ResultMissing(Exception):
    """A piece of audio has no final result although later audio has; it lay in a message that could not be read."""

    def __init__(self, channel: int, position: int) -> None:
        super().__init__(f"channel {channel} from sample {position}")
        self.channel = channel
        self.position = position


class Hearing:
    """The results of one connection.

    Deepgram counts seconds from the first audio of a connection, so `offset` turns them into positions of the call. On
    a connection that repeats audio, the part of a channel that has its words already is sent as silence; results for it
    are passed over, and so is anything else that an earlier result has covered.

    Args:
        offset: position of the connection's first audio.
        watermarks: position of each channel before which it has its final words.
        unreadable: whether a missing result is to be given up, rather than asked for by another connection.

    Attributes:
        watermarks: the same, as of now.
        silent_until: position of each channel before which this connection gets silence.
    """

    def __init__(
        self, *, offset: int, watermarks: Sequence[int], unreadable: Callable[[int, int], bool] = lambda *_: False
    ) -> None:
        self._offset = offset
        self._unreadable = unreadable
        self._suspect = [False] * CHANNELS
        self.watermarks = [max(watermark, offset) for watermark in watermarks]
        self.silent_until = tuple(self.watermarks)

    def suspect(self) -> None:
        """Note that a message was lost, which may have been a result of any channel."""
        self._suspect = [True] * CHANNELS

    def interim(self, results: Results) -> InterimResult | None:
        """Return the passing words after the watermark; `None` where there are none."""
        channel, best = self._channel(results), _best(results)
        words = self._new_words(channel, best.words, since=self._position(results.start))
        if not words:
            return None
        return InterimResult(
            channel=channel,
            text=best.transcript if len(words) == len(best.words) else _written(words),
            start=self._seconds(words[0].start),
            end=self._seconds(words[-1].end),
        )

    def final(self, results: Results, *, sent: int) -> tuple[FinalResult | None, Gap | None]:
        """Return what a final result adds.

        Args:
            results: the message.
            sent: position after the audio sent so far.

        Returns:
            The new part of the result, `None` where there is none, and the gap before it that is given up.

        Raises:
            MalformedMessage: it speaks of a channel or of audio that there is not.
            ResultMissing: the result before it is missing.
        """
        channel, best = self._channel(results), _best(results)
        start = self._position(results.start)
        end = self._position(results.start + results.duration)
        if not self._offset <= start <= end <= sent + _BEYOND:
            raise MalformedMessage("a result is about audio that was not sent")
        end = min(end, sent)
        watermark = self.watermarks[channel]
        if end <= watermark:
            return None, None
        gap = self._gap(channel, start) if start > watermark + ROUNDING else None
        words = self._new_words(channel, best.words, since=start)
        self._suspect[channel] = False
        self.watermarks[channel] = end
        start = max(start, watermark)
        final = FinalResult(
            channel=channel,
            start=start,
            end=end,
            text=best.transcript if len(words) == len(best.words) else _written(words),
            words_start=self._seconds(words[0].start) if words else start / SAMPLE_RATE,
            words_end=self._seconds(words[-1].end) if words else end / SAMPLE_RATE,
            confidence=best.confidence,
            word_count=len(words),
            speech_final=results.speech_final,
        )
        return final, gap

    def rest(self, end: int, *, whole: bool) -> list[tuple[FinalResult, Gap | None]]:
        """Return what brings every channel to the end of the audio, after Deepgram has said that it is done.

        Each result comes with the gap that is given up in it.

        Args:
            end: position after the audio of this connection.
            whole: whether Deepgram has heard all of it.

        Raises:
            ResultMissing: the last result of a channel is missing.
        """
        results: list[tuple[FinalResult, Gap | None]] = []
        for channel, watermark in enumerate(self.watermarks):
            if watermark >= end:
                continue
            self._suspect[channel] |= not whole
            gap = self._gap(channel, end) if end > watermark + ROUNDING else None
            self.watermarks[channel] = end
            results.append((_nothing_said(channel, watermark, end), gap))
        return results

    def _gap(self, channel: int, end: int) -> Gap | None:
        """Say what to make of a stretch without a result, from the watermark on."""
        if not self._suspect[channel]:
            return None  # Deepgram passed over it: every message could be read
        watermark = self.watermarks[channel]
        if not self._unreadable(channel, watermark):
            raise ResultMissing(channel, watermark)
        return Gap(start=watermark, end=end, reason=GapReason.UNREADABLE)

    def _new_words(self, channel: int, words: list[Word], *, since: int) -> list[Word]:
        """Return the words that no earlier result has, of a result that begins at *since*."""
        watermark = self.watermarks[channel]
        # What came before was silence here, or is not in this result: every word is new however its time was rounded.
        if watermark == self.silent_until[channel] or since >= watermark - ROUNDING:
            return words
        begin = (watermark - self._offset) / SAMPLE_RATE
        return [word for word in words if (word.start + word.end) / 2 >= begin]

    def _channel(self, results: Results) -> int:
        channel = results.channel_index[0] if results.channel_index else -1
        if not 0 <= channel < CHANNELS:
            raise MalformedMessage("a result is about a channel that there is not")
        return channel

    def _position(self, seconds: float) -> int:
        return self._offset + round(seconds * SAMPLE_RATE)

    def _seconds(self, seconds: float) -> float:
        return self._offset / SAMPLE_RATE + seconds


def _nothing_said(channel: int, start: int, end: int) -> FinalResult:
    """Return the final result of a stretch without words."""
    return FinalResult(
        channel=channel,
        start=start,
        end=end,
        text="",
        words_start=start / SAMPLE_RATE,
        words_end=end / SAMPLE_RATE,
        confidence=0.0,
        word_count=0,
        speech_final=False,
    )


def _best(results: Results) -> Alternative:
    if not results.channel.alternatives:
        raise MalformedMessage("a result has no alternative")
    return results.channel.alternatives[0]


def _written(words: list[Word]) -> str:
    return " ".join(word.written for word in words)
