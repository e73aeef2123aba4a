"""Two transcripts of a call, word by word: what both heard, and where they differ."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from callscribe.conversation.turns import Turn
from callscribe.conversation.utterances import TimedWord
from callscribe.transcript import Transcript

MOST_WORDS: Final = 20_000
"""Most words of a transcript that is compared: some two hours of talk."""

_NO_LETTERS: Final = re.compile(r"[\W_]+")


class TooManyWords(ValueError):
    """A transcript is too long to be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """Words that follow each other on one channel, or in the call where the channels are not the same.

    Attributes:
        start: seconds from the beginning of the call to its first word.
        same: whether both transcripts have it.
        before: words of the one; "" where it has none.
        after: words of the other, the same but for capitals and punctuation where `same`.
    """

    start: float
    same: bool
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How two transcripts differ.

    Attributes:
        by_channel: whether words were compared channel by channel.
        words_before: words of the one.
        words_after: words of the other.
        words_same: words that both have, in the same order.
        passages: all words, in order of time.
    """

    by_channel: bool
    words_before: int
    words_after: int
    words_same: int
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    start: float
    key: str


def compare(before: Transcript, after: Transcript) -> Comparison:
    """Compare two transcripts, without regard to capitals and punctuation.

    Raises:
        TooManyWords: one has more words than can be compared in time.
    """
    if max(before.word_count, after.word_count) > MOST_WORDS:
        raise TooManyWords
    one, other = _by_channel(before), _by_channel(after)
    by_channel = len(one) > 1 and len(other) > 1
    if not by_channel:
        one, other = {0: _in_order(one)}, {0: _in_order(other)}
    passages: list[Passage] = []
    same = 0
    for channel in sorted({*one, *other}):
        found, agreed = _passages(one.get(channel, []), other.get(channel, []))
        passages += found
        same += agreed
    return Comparison(
        by_channel=by_channel,
        words_before=sum(map(len, one.values())),
        words_after=sum(map(len, other.values())),
        words_same=same,
        passages=tuple(sorted(passages, key=lambda passage: passage.start)),
    )


def _by_channel(transcript: Transcript) -> dict[int, list[_Word]]:
    words: dict[int, list[_Word]] = {}
    for turn in transcript.turns_spoken():
        words.setdefault(turn.channel, []).extend(
            _Word(text, start, _NO_LETTERS.sub("", text).casefold()) for text, start in _said(turn.words, turn)
        )
    return words


def _said(words: Sequence[TimedWord] | None, turn: Turn) -> Iterator[tuple[str, float]]:
    if words is None:
        yield from ((text, turn.start) for text in turn.text.split())
    else:
        yield from ((word.text, word.start) for word in words)


def _in_order(channels: dict[int, list[_Word]]) -> list[_Word]:
    return sorted((word for words in channels.values() for word in words), key=lambda word: word.start)


def _passages(one: Sequence[_Word], other: Sequence[_Word]) -> tuple[list[Passage], int]:
    # What is frequent in a long text is no junk here: "the" is a word as any other.
    matcher = SequenceMatcher(None, [word.key for word in one], [word.key for word in other], autojunk=False)
    passages: list[Passage] = []
    agreed = 0
    for kind, begin, end, first, after in matcher.get_opcodes():
        left, right = one[begin:end], other[first:after]
        agreed += len(left) if kind == "equal" else 0
        passages.append(
            Passage(
                start=min(words[0].start for words in (left, right) if words),
                same=kind == "equal",
                before=" ".join(word.text for word in left),
                after=" ".join(word.text for word in right),
            )
        )
    return passages, agreed
