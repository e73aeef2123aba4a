"""Whether one channel of a call repeats the other."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final

from callscribe.conversation.turns import Turn

_FEWEST_WORDS: Final = 10
_LEAST_SHARE: Final = 0.5
# An echo comes a few hundred milliseconds after the voice; people do not say the same words at the same time.
_LATEST_SECONDS: Final = 0.7


def same_words_on_both_channels(turns: Sequence[Turn]) -> bool:
    """Whether one channel has most of the other's words at the same time, as with an echo, or the same mix on both.

    Only recordings of two channels can have it.
    """
    channels: dict[int, dict[str, list[float]]] = {}
    for turn in turns:
        said = channels.setdefault(turn.channel, {})
        for word, start in _timed(turn):
            said.setdefault(word, []).append(start)
    if len(channels) != 2:
        return False
    one, other = channels.values()
    for starts in other.values():
        starts.sort()
    shared = sum(_near(other[word], start) for word in one.keys() & other for start in one[word])
    fewer = min(sum(map(len, said.values())) for said in (one, other))
    return shared >= _FEWEST_WORDS and shared >= _LEAST_SHARE * fewer


def _timed(turn: Turn) -> Iterator[tuple[str, float]]:
    """Each word and when it begins; by its place in the turn where its time is not known."""
    if turn.words is not None:
        yield from ((_bare(word.text), word.start) for word in turn.words)
        return
    words = turn.text.split()
    step = (turn.end - turn.start) / max(1, len(words))
    yield from ((_bare(word), turn.start + index * step) for index, word in enumerate(words))


def _bare(word: str) -> str:
    return word.strip(".,;:?!").casefold()


def _near(starts: Sequence[float], start: float) -> bool:
    index = bisect_left(starts, start - _LATEST_SECONDS)
    return index < len(starts) and starts[index] <= start + _LATEST_SECONDS
