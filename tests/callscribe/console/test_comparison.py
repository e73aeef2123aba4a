"""Two transcripts, word by word."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callscribe.console.comparison import MOST_WORDS, TooManyWords, compare
from callscribe.transcript import Transcript
from tests.callscribe.replies import AGENT, CUSTOMER, mono, silent, stereo, talk, transcript_of

SAID = talk((AGENT, "Eye clinic, this is Karen."), (CUSTOMER, "I need the doctor."), (AGENT, "Of course."))
OTHER = talk((AGENT, "Eye clinic this is Sharon."), (CUSTOMER, "I need a doctor today."), (AGENT, "Of course."))


def differing(before: Transcript, after: Transcript) -> list[tuple[str, str]]:
    return [(one.before, one.after) for one in compare(before, after).passages if not one.same]


def test_words_that_differ_are_told_in_order_of_time_and_capitals_and_points_do_not_count() -> None:
    before, after = transcript_of(stereo(SAID)), transcript_of(stereo(OTHER))
    assert differing(before, after) == [("Karen.", "Sharon."), ("the", "a"), ("", "today.")]
    compared = compare(before, after)
    assert (compared.by_channel, compared.words_before, compared.words_after) == (True, 11, 12)


def test_of_the_same_words_everything_is_the_same() -> None:
    said = transcript_of(stereo(SAID))
    compared = compare(said, said)
    assert (compared.words_same, [one.same for one in compared.passages]) == (11, [True, True])


def test_channels_and_voices_are_compared_in_order_of_time() -> None:
    compared = compare(transcript_of(stereo(SAID)), transcript_of(mono(SAID)))
    assert (compared.by_channel, compared.words_same) == (False, 11)


def test_against_silence_every_word_differs() -> None:
    compared = compare(transcript_of(silent()), transcript_of(stereo(SAID)))
    assert (compared.words_before, compared.words_same) == (0, 0)
    assert all(not one.before for one in compared.passages)


def test_what_cannot_be_compared_in_time_is_refused() -> None:
    said = transcript_of(stereo(SAID))
    with pytest.raises(TooManyWords):
        compare(said, replace(said, word_count=MOST_WORDS + 1))
