"""Which utterances a topic, intent or mood speaks of."""

from callscribe.conversation.alignment import MOST_WORDS, SegmentMap
from callscribe.recognition import RecognisedUtterance, Recognition, Word


def long_call(words: int) -> Recognition:
    said = tuple(Word(text=f"word{number % 9}", start=float(number), end=number + 0.5) for number in range(words))
    utterances = tuple(
        RecognisedUtterance(channel=0, text=word.text, start=word.start, end=word.end, words=(word,)) for word in said
    )
    return Recognition(duration_seconds=float(words), channel_count=1, utterances=utterances, words=said)


def test_a_segment_speaks_of_the_utterances_that_hold_its_words() -> None:
    assert dict(SegmentMap(long_call(9)).turns(2, 4, "")) == {2: 1, 3: 1, 4: 1}


def test_a_segment_without_end_is_looked_up_as_far_as_it_is_a_place() -> None:
    segments = SegmentMap(long_call(3 * MOST_WORDS))
    assert segments.turns(0, 10**6, "").total() == MOST_WORDS
    assert segments.turns(10**6, 10**7, "").total() == 0
