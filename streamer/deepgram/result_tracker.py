"""What one connection has heard: each sample of a channel gets final words once, on the call's clock.

A final result is Deepgram's last word on its stretch, whatever interim results had there. Where final results leave a
hole, or one is empty, words of interim results are evidence that something was said: times count, texts do not. A hole
over sound as loud as speech is evidence too, unless Deepgram leaves holes wherever nothing is said.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field, replace
from itertools import pairwise
from operator import attrgetter
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from callscribe.conversation.utterances import TimedWord
from callscribe.deepgram.messages import Alternative, MalformedMessage
from callscribe.live.call import CHANNEL_ROLES, SAMPLE_RATE, Gap, GapReason
from streamer.speech import FinalResult, InterimResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from callscribe.deepgram.messages import Results, Word

CHANNELS: Final = len(CHANNEL_ROLES)

ROUNDING: Final = SAMPLE_RATE // 100
"""Samples by which positions may differ and still be the same: Deepgram's seconds are rounded, some to a hundredth."""

_BEYOND: Final = SAMPLE_RATE
"""Samples by which a result may reach beyond the audio that was sent, and a word beyond its result: recognisers fill
up their frames, and times are estimates."""

_SHIFT: Final = SAMPLE_RATE // 2
"""Samples by which a word may move from one result to the next."""

_PAUSE: Final = 2 * SAMPLE_RATE
"""Samples without loud sound that Deepgram would not leave out, were it its way to have a result for every stretch."""

_MUCH: Final = 50
"""Places as loud as speech that are about a second together."""

_MAX_PASSED: Final = 16
_MAX_LANGUAGES: Final = 20

# What one result holds at the most, whatever its characters: as an utterance's item, with its words once more by
# themselves, it is far from 400 KB, and fifty of them from the 4 MB of a transaction (Amazon DynamoDB Developer Guide,
# "Quotas"). A minute of the fastest speech has half as many words.
MAX_WORDS: Final = 400
MAX_TEXT: Final = 4_000

FinalOrGap = tuple[FinalResult, Gap | None]
"""A new piece of a channel, and the gap that is given up before it, or in it where nothing is said in it."""


class ResultMissing(Exception):
    """A piece of audio has no final result although it should; another connection is to be asked for it."""

    def __init__(self, channel: int, position: int) -> None:
        super().__init__(f"channel {channel} from sample {position}")
        self.channel = channel
        self.position = position


class Shown(NamedTuple):
    """Where an interim result has a word; `since` is where that result begins."""

    start: int
    end: int
    since: int

    @property
    def middle(self) -> int:
        """By this position a word belongs to one result or another, however its ends were rounded."""
        return (self.start + self.end) // 2


@dataclass(slots=True)
class Evidence:
    """What interim results have shown of a call and no final result has covered; one connection hands it to the next.

    Attributes:
        words: of each channel, where they are, in order.
        leaves_out: whether Deepgram has been seen to have no results for stretches in which nothing is said.
    """

    leaves_out: bool = False
    words: tuple[list[Shown], ...] = field(default_factory=lambda: tuple([] for _ in range(CHANNELS)))


class _Final(NamedTuple):
    start: int
    end: int
    best: Alternative
    speech_final: bool


class Audio(Protocol):
    """The audio that is sent."""

    def sound(self, channel: int, start: int, end: int) -> int | None:
        """Return where a channel's first sample is that is not zero, between two positions; `None` where all are."""

    def loud(self, channel: int, start: int, end: int) -> list[int]:
        """Return where a channel is as loud as speech, between two positions; one place for each 20 ms."""


class ResultTracker:
    """The results of one connection.

    Deepgram counts seconds from the first audio of a connection, so `offset` turns them into positions of the call. On
    a connection that repeats audio, the part of a channel that has its words already is sent as silence; results for it
    are passed over, and so is anything else that an earlier result has covered.

    Args:
        offset: position of the connection's first audio.
        watermarks: position of each channel before which it has its final words.
        evidence: of earlier connections; kept up to date.
        audio: what the connection gets, but for the silence in place of what has its words.
        given_up: whether a missing result is given up, rather than asked for by another connection.

    Attributes:
        watermarks: the same, as of now.
        silent_until: position of each channel before which this connection gets silence.
        reached: position up to which results of each channel, interim ones too, have come without a hole.
        heard_to: position after the last audio that any result is about.
    """

    def __init__(
        self,
        *,
        offset: int,
        watermarks: Sequence[int],
        evidence: Evidence,
        audio: Audio,
        given_up: Callable[[int, int], bool],
    ) -> None:
        self._offset = offset
        self._evidence = evidence
        self._audio = audio
        self._given_up = given_up
        self._suspect = [False] * CHANNELS
        self._held: tuple[list[_Final], ...] = tuple([] for _ in range(CHANNELS))
        self._passed: tuple[list[tuple[int, int]], ...] = tuple([] for _ in range(CHANNELS))
        self.watermarks = [max(watermark, offset) for watermark in watermarks]
        self.silent_until = tuple(self.watermarks)
        self.reached = list(self.watermarks)
        self.heard_to = offset
        self._final_until = list(self.watermarks)

    def suspect(self) -> None:
        """Note that a message was lost, which may have been a result of any channel."""
        self._suspect = [True] * CHANNELS

    def interim(self, results: Results, *, sent: int) -> InterimResult | None:
        """Return the interim words after the watermark; `None` where there are none.

        Args:
            results: the message.
            sent: position after the audio sent so far.

        Raises:
            MalformedMessage: it speaks of a channel or of audio that there is not.
        """
        channel, best = self._channel(results), _best(results)
        start, end = self._stretch(results, sent)
        words = self._new_words(channel, best.words, since=start)
        text = _text(best, words)
        self._note(channel, start, end, words, text)
        if not words:
            return None
        return InterimResult(
            channel=channel,
            text=text[-MAX_TEXT:],
            start=self._time(words[0].start, start, end),
            end=self._time(words[-1].end, start, end),
        )

    def final(self, results: Results, *, sent: int) -> list[FinalOrGap]:
        """Return what a final result adds.

        One that comes before the result in front of it is held back until that comes too, or `settle` judges that it
        does not.

        Args:
            results: the message.
            sent: position after the audio sent so far.

        Returns:
            The new pieces; empty where there is nothing new.

        Raises:
            MalformedMessage: it speaks of a channel or of audio that there is not.
            ResultMissing: it is empty although there were words.
        """
        channel, best = self._channel(results), _best(results)
        start, end = self._stretch(results, sent)
        if end - start < ROUNDING and best.words:
            # It says how long it is by its words alone.
            end = max(end, min(self._position(best.words[-1].end), sent))
        final = _Final(start, end, best, results.speech_final)
        self.heard_to = max(self.heard_to, final.end)
        held = self._held[channel]
        if (held and final.start >= held[0].start) or self._missing(channel, final.start) is not None:
            insort(held, final, key=attrgetter("start"))
            if best.words or _says_something(best.transcript):
                self._note(channel, final.start, final.end, best.words, best.transcript)
            return []
        return [*self._take(channel, final, None), *self._released(channel)]

    def holds(self, channel: int) -> bool:
        """Whether final results of a channel wait for one before them."""
        return bool(self._held[channel])

    def settle(self, channel: int) -> Iterator[FinalOrGap]:
        """Return what is held back, once what is missing before it has had its time to come.

        Raises:
            ResultMissing: it is to be asked for again.
        """
        while held := self._held[channel]:
            gap = self._judge(channel, held[0].start)
            yield from self._take(channel, held.pop(0), gap)

    def rest(self, end: int, *, whole: bool) -> Iterator[FinalOrGap]:
        """Return what brings every channel to the end of the audio, after Deepgram has said that it is done.

        Args:
            end: position after the audio of this connection.
            whole: whether Deepgram has heard all of it.

        Raises:
            ResultMissing: the last result of a channel is missing.
        """
        for channel in range(CHANNELS):
            self._suspect[channel] |= not whole
            yield from self.settle(channel)
            if self.watermarks[channel] < end:
                yield self._pass(channel, end, self._judge(channel, end, at_end=True))

    def pass_over(self, channel: int, end: int) -> FinalOrGap:
        """Take it that nothing is said on a channel until a position, though no final result says so."""
        return self._pass(channel, end, None)

    def give_up(self, channel: int, end: int) -> FinalOrGap:
        """Go on behind a position although there is no final result up to there.

        Raises:
            ResultMissing: it is to be asked for again first.
        """
        self._ask_again(channel)
        return self._pass(channel, end, self._gap(channel, self.watermarks[channel], end, GapReason.UNHEARD))

    def quiet_to(self, channel: int) -> int:
        """Return up to where nothing seems to be said on a channel, though no final result speaks of it.

        That is as far as interim results say so, or as results of the other channel have come while this one is not as
        loud as speech; less a second, in which a word may have begun.
        """
        watermark = self.watermarks[channel]
        loud = self._audio.loud(channel, watermark, self.heard_to)
        end = max(self.reached[channel], loud[0] if loud else self.heard_to) - SAMPLE_RATE
        heard = self._unread(channel, end) or self._unheard(channel, watermark, end)
        return watermark if heard else max(end, watermark)

    def _take(self, channel: int, final: _Final, gap: Gap | None) -> Iterator[FinalOrGap]:
        """Count a final result as heard."""
        start, end, best, speech_final = final
        watermark = self.watermarks[channel]
        words = self._new_words(channel, best.words, since=start)
        text = _text(best, words)
        if end <= watermark and not words:
            return
        if not text and self._unheard(channel, max(start, watermark), end):
            self._ask_again(channel)
            gap = self._gap(channel, watermark if gap else max(start, watermark), end, GapReason.UNHEARD)
        if start > watermark + ROUNDING:
            self._note_passed(channel, watermark, start)
        else:
            passed = self._passed[channel]
            passed[:] = [
                part for first, last in passed for part in ((first, min(last, start)), (max(first, end), last))
            ]
            passed[:] = [part for part in passed if part[0] < part[1]]
        self._suspect[channel] = False
        self._final_until[channel] = max(self._final_until[channel], end)
        self._account(channel, start, end, len(words) or len(text.split()))
        self._move(channel, end)
        whole = FinalResult(
            channel=channel,
            start=max(start, watermark) if end > watermark else start,
            end=end,
            text=text,
            words_start=self._time(words[0].start, start, end) if words else _seconds(max(start, watermark)),
            words_end=self._time(words[-1].end, start, end) if words else _seconds(end),
            confidence=None if best.confidence is None or not text else round(best.confidence, 6),
            word_count=len(words) or len(text.split()),
            speech_final=speech_final,
            words=self._timed(words, start, end),
            languages=tuple(best.languages[:_MAX_LANGUAGES]),
        )
        for part in self._parts(whole, words):
            yield part, gap
            gap = None

    def _released(self, channel: int) -> Iterator[FinalOrGap]:
        """Return what was held back and need not wait any more."""
        held = self._held[channel]
        while held and self._missing(channel, held[0].start) is None:
            yield from self._take(channel, held.pop(0), None)

    def _pass(self, channel: int, end: int, gap: Gap | None) -> FinalOrGap:
        watermark = self.watermarks[channel]
        self._note_passed(channel, watermark, end)
        self._suspect[channel] &= gap is None
        self._move(channel, end)
        return _nothing_said(channel, watermark, end), gap

    def _move(self, channel: int, end: int) -> None:
        """Set the watermark, and forget the evidence before it."""
        if end <= self.watermarks[channel]:
            return
        self.watermarks[channel] = end
        self.reached[channel] = max(self.reached[channel], end)
        words = self._evidence.words[channel]
        words[:] = [word for word in words if word.middle >= end]

    def _account(self, channel: int, start: int, end: int, spoken: int) -> None:
        """Forget words that a final result has drawn to its side of its end, where interim ones had them behind it."""
        words = self._evidence.words[channel]
        spoken -= sum(start <= word.middle < end for word in words)
        kept: list[Shown] = []
        for word in words:
            drawn = word.middle >= end and word.start < end + _SHIFT and word.since < end - ROUNDING
            if drawn and spoken > 0:
                spoken -= 1
            else:
                kept.append(word)
        words[:] = kept

    def _note(self, channel: int, start: int, end: int, words: list[Word], text: str) -> None:
        """Take the words of a result for evidence, in place of what was shown of its stretch before."""
        if start <= self.reached[channel] + ROUNDING:
            self.reached[channel] = max(self.reached[channel], end)
        self.heard_to = max(self.heard_to, end)
        # A word is said within its result, however its time was estimated.
        found = [
            Shown(
                min(max(self._position(word.start), start), end - 1),
                min(max(self._position(word.end), start), end),
                start,
            )
            for word in words[:MAX_WORDS]
        ]
        if text and not found:
            found = [Shown(start, end, start)]
        known = self._evidence.words[channel]
        others = [word for word in known if word.start >= end or word.middle < start]
        known[:] = sorted((*others, *found))

    def _missing(self, channel: int, end: int, *, at_end: bool = False) -> GapReason | None:
        """Say why a stretch without a final result, from the watermark on, is not just silence; `None` if it is."""
        start = self.watermarks[channel]
        if end <= start + ROUNDING:
            return None
        if self._unread(channel, end):
            return GapReason.UNREADABLE
        if self._unheard(channel, start, end) or self._left_out(channel, start, end, at_end=at_end):
            return GapReason.UNHEARD
        return None

    def _unread(self, channel: int, end: int) -> bool:
        """Whether the result of a stretch from the watermark on, where there is any sound, may have been lost."""
        return self._suspect[channel] and self._audio.sound(channel, self.watermarks[channel], end) is not None

    def _left_out(self, channel: int, start: int, end: int, *, at_end: bool) -> bool:
        """Whether a stretch without a final result is as loud as speech, and no pause was ever left out."""
        if self._evidence.leaves_out:
            return False
        loud = self._audio.loud(channel, start, end)
        if at_end:
            # That the rest of a connection's audio gets a result is nowhere said: a click, a cough prove nothing.
            return len(loud) >= _MUCH
        if max(later - earlier for earlier, later in pairwise((start, *loud, end))) >= _PAUSE:
            self._evidence.leaves_out = True
            return False
        return bool(loud)

    def _unheard(self, channel: int, start: int, end: int) -> bool:
        """Whether words are known in a stretch, and there is sound where they are."""
        return any(
            start <= word.middle < end
            and self._audio.sound(channel, max(start, word.start - _SHIFT), min(end, word.end + _SHIFT)) is not None
            for word in self._evidence.words[channel]
        )

    def _judge(self, channel: int, end: int, *, at_end: bool = False) -> Gap | None:
        """Return the gap in a stretch without a final result, from the watermark on.

        Raises:
            ResultMissing: it is to be asked for again.
        """
        reason = self._missing(channel, end, at_end=at_end)
        if reason is None:
            return None
        self._ask_again(channel)
        return self._gap(channel, self.watermarks[channel], end, reason)

    def _ask_again(self, channel: int) -> None:
        watermark = self.watermarks[channel]
        if not self._given_up(channel, watermark):
            raise ResultMissing(channel, watermark)

    def _gap(self, channel: int, start: int, end: int, reason: GapReason) -> Gap:
        return Gap(start=start, end=end, reason=reason, channel=channel)

    def _note_passed(self, channel: int, start: int, end: int) -> None:
        """Remember where no final result has been, should one come late."""
        self._passed[channel].append((start, end))
        del self._passed[channel][:-_MAX_PASSED]

    def _new_words(self, channel: int, words: list[Word], *, since: int) -> list[Word]:
        """Return the words that no earlier result has, of a result that begins at *since*."""
        until = self._final_until[channel]
        # What came before was silence here, or is not in this result: every word is new however its time was rounded.
        if until == self.silent_until[channel] or since >= until - ROUNDING:
            return words
        middles = ((word, self._position((word.start + word.end) / 2)) for word in words)
        return [
            word
            for word, middle in middles
            if middle >= until or any(start <= middle < end for start, end in self._passed[channel])
        ]

    def _parts(self, whole: FinalResult, words: list[Word]) -> Iterator[FinalResult]:
        """Cut a result that is too long for one: between words, or its text alone where that says more than they do."""
        written = sum(len(word.written) + 1 for word in words)
        if len(words) <= MAX_WORDS and max(len(whole.text), written - 1) <= MAX_TEXT:
            yield whole
            return
        pieces = list(_groups(words))
        if written < len(whole.text):
            yield from _text_parts(whole)
            return
        start = whole.start
        for number, piece in enumerate(pieces, 1):
            last = number == len(pieces)
            words_end = self._time(piece[-1].end, whole.start, whole.end)
            end = whole.end if last else min(max(round(words_end * SAMPLE_RATE), start), whole.end)
            yield replace(
                whole,
                start=start,
                end=end,
                text=_written(piece),
                words_start=self._time(piece[0].start, whole.start, whole.end),
                words_end=words_end,
                word_count=len(piece),
                speech_final=whole.speech_final and last,
                words=self._timed(piece, whole.start, whole.end),
            )
            start = end

    def _channel(self, results: Results) -> int:
        channel = results.channel_index[0] if results.channel_index else -1
        if not 0 <= channel < CHANNELS:
            raise MalformedMessage("a result is about a channel that there is not")
        return channel

    def _stretch(self, results: Results, sent: int) -> tuple[int, int]:
        """Return what a result is about, within the audio that was sent."""
        start = self._position(results.start)
        end = self._position(results.start + results.duration)
        if not self._offset - _BEYOND <= start <= end <= sent + _BEYOND:
            raise MalformedMessage("a result is about audio that was not sent")
        return min(max(start, self._offset), sent), min(max(end, self._offset), sent)

    def _position(self, seconds: float) -> int:
        return self._offset + round(seconds * SAMPLE_RATE)

    def _time(self, seconds: float, start: int, end: int) -> float:
        """Return a word's time on the call's clock, near the result from *start* to *end* that it stands in."""
        time = self._offset / SAMPLE_RATE + seconds
        return round(min(max(time, _seconds(max(start - _BEYOND, 0))), _seconds(end + _BEYOND)), 6)

    def _timed(self, words: list[Word], start: int, end: int) -> tuple[TimedWord, ...] | None:
        """Return words on the call's clock, to the millisecond."""
        return (
            tuple(
                TimedWord(
                    word.written,
                    round(self._time(word.start, start, end), 3),
                    round(self._time(word.end, start, end), 3),
                    None if word.confidence is None else round(word.confidence, 4),
                )
                for word in words
            )
            or None
        )


def _nothing_said(channel: int, start: int, end: int) -> FinalResult:
    """Return the final result of a stretch without words."""
    return FinalResult(
        channel=channel,
        start=start,
        end=end,
        text="",
        words_start=_seconds(start),
        words_end=_seconds(end),
        confidence=None,
        word_count=0,
        speech_final=False,
    )


def _best(results: Results) -> Alternative:
    return results.channel.alternatives[0] if results.channel.alternatives else Alternative()


def _text(best: Alternative, words: list[Word]) -> str:
    """Return the text of a result's new words; as Deepgram formatted it where they are all new."""
    whole = len(words) == len(best.words)
    return best.transcript if whole and _says_something(best.transcript) else _written(words)


def _says_something(text: str) -> bool:
    """Whether there is anything in a text that can be seen."""
    return any(character.isprintable() for character in text if not character.isspace())


def _written(words: list[Word]) -> str:
    return " ".join(word.written for word in words)


def _groups(words: list[Word]) -> Iterator[list[Word]]:
    """Cut words into groups that fit into one result."""
    group: list[Word] = []
    length = 0
    for word in words:
        length += len(word.written) + 1
        if group and (len(group) == MAX_WORDS or length > MAX_TEXT):
            yield group
            group, length = [], len(word.written) + 1
        group.append(word)
    if group:
        yield group


def _text_parts(whole: FinalResult) -> Iterator[FinalResult]:
    """Cut a result by its text, at a space where there is one; nobody knows when the words of a part were said."""
    text, parts = whole.text, []
    while text:
        cut = len(text) if len(text) <= MAX_TEXT else text.rfind(" ", 1, MAX_TEXT + 1)
        cut = cut if cut > 0 else MAX_TEXT
        parts.append(text[:cut])
        text = text[cut:].lstrip(" ")
    length = whole.end - whole.start
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        yield replace(
            whole,
            start=whole.start + length * number // len(parts),
            end=whole.start + length * (number + 1) // len(parts),
            text=part,
            word_count=len(part.split()),
            speech_final=whole.speech_final and last,
            words=None,
        )


def _seconds(position: int) -> float:
    return position / SAMPLE_RATE
