"""Which utterances a topic, intent or mood of a piece of the call speaks of."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from callscribe.conversation.phrases import spoken
from callscribe.recognition import Recognition

_RUN: Final = 4

MOST_WORDS: Final = 1_000
"""Most words of a segment that are looked up: what is longer is about the call, and no place of it."""


class SegmentMap:
    """Maps segments of topics, intents and sentiments, which know words but neither time nor channel, to utterances.

    With one channel the segment's word indexes lead to the times of its words. With several it is not known what the
    indexes count, so the text decides: an utterance belongs to a segment by the runs of four words that only it has in
    the whole call, a shorter one by being the segment's whole text and said once.
    """

    def __init__(self, recognition: Recognition) -> None:
        self._turn_of_word = list(_turns_of_words(recognition))
        self._turn_of_run = (
            {} if self._turn_of_word else _distinctive_runs([turn.text for turn in recognition.utterances])
        )
        # A segment has many labels, and each asks.
        self._found: dict[tuple[int, int, str], Counter[int]] = {}

    def turns(self, start_word: int, end_word: int, text: str) -> Counter[int]:
        """Indexes of the utterances a segment covers, weighted by how much of it they hold.

        Args:
            start_word: first word of the segment.
            end_word: last word of the segment, inclusive.
            text: text of the segment.
        """
        segment = start_word, end_word, text
        if segment not in self._found:
            self._found[segment] = Counter(turn for turn in self._covered(*segment) if turn is not None)
        return self._found[segment]

    def _covered(self, start_word: int, end_word: int, text: str) -> Iterator[int | None]:
        """The utterance of each word, or run of words, as far as that is known."""
        if self._turn_of_word:
            yield from self._turn_of_word[start_word : min(end_word + 1, start_word + MOST_WORDS)]
        else:
            runs = _runs(" ".join(text.split(maxsplit=MOST_WORDS)[:MOST_WORDS]))
            yield from (self._turn_of_run.get(run) for run in runs)


def _turns_of_words(recognition: Recognition) -> Iterator[int | None]:
    """For each word of the only channel, the utterance it was said in."""
    turn = 0
    for word in recognition.words:
        while turn + 1 < len(recognition.utterances) and recognition.utterances[turn + 1].start <= word.start:
            turn += 1
        said_in = turn < len(recognition.utterances) and recognition.utterances[turn].start <= word.start
        yield turn if said_in and word.start <= recognition.utterances[turn].end else None


def _distinctive_runs(texts: Sequence[str]) -> dict[tuple[str, ...], int]:
    owner: dict[tuple[str, ...], int] = {}
    shared: set[tuple[str, ...]] = set()
    for index, text in enumerate(texts):
        for run in _runs(text):
            if owner.setdefault(run, index) != index:
                shared.add(run)
    return {run: index for run, index in owner.items() if run not in shared}


def _runs(text: str) -> Iterator[tuple[str, ...]]:
    words = spoken(text).words
    if 0 < len(words) < _RUN:
        yield tuple(words)
    for start in range(len(words) - _RUN + 1):
        yield tuple(words[start : start + _RUN])
