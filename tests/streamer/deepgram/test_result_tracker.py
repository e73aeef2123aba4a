from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest

from callscribe.conversation.utterances import TimedWord
from callscribe.deepgram.messages import Alternative, Channel, MalformedMessage, Results, Word
from callscribe.live.call import Gap, GapReason
from streamer.deepgram.result_tracker import (
    MAX_TEXT,
    MAX_WORDS,
    Evidence,
    FinalOrGap,
    ResultMissing,
    ResultTracker,
    Shown,
)
from streamer.speech import FinalResult, InterimResult

SENT = 1_000_000


class Noise:
    """Audio that is nowhere silent, except where it is said to be; loud where it is said to be."""

    def __init__(self, *, silent: Sequence[tuple[int, int]] = (), loud: Sequence[tuple[int, int]] = ()) -> None:
        self._silent = silent
        self._loud = loud

    def sound(self, channel: int, start: int, end: int) -> int | None:
        at = start
        for first, last in sorted(self._silent):
            at = last if first <= at < last else at
        return at if at < end else None

    def loud(self, channel: int, start: int, end: int) -> list[int]:
        return [at for first, last in self._loud for at in range(max(first, start), min(last, end), 160)]


def listening(
    *,
    offset: int = 0,
    watermarks: tuple[int, int] = (0, 0),
    evidence: Evidence | None = None,
    audio: Noise | None = None,
    given_up: Callable[[int, int], bool] = lambda *_: False,
) -> ResultTracker:
    return ResultTracker(
        offset=offset,
        watermarks=watermarks,
        evidence=evidence or Evidence(),
        audio=audio or Noise(),
        given_up=given_up,
    )


def given_up(*_: int) -> bool:
    return True


def results(
    start: float,
    end: float,
    *words: tuple[str, float, float],
    channel: int = 0,
    text: str = "",
    confidence: float | None = 0.75,
) -> Results:
    return Results(
        channel_index=[channel, 2],
        start=start,
        duration=end - start,
        channel=Channel(
            [
                Alternative(
                    transcript=text or " ".join(word for word, _, _ in words),
                    confidence=confidence,
                    words=[Word(word, begin, stop, word.capitalize()) for word, begin, stop in words],
                )
            ]
        ),
        is_final=True,
        speech_final=True,
    )


def heard(tracker: ResultTracker, result: Results, *, sent: int = SENT) -> FinalOrGap:
    """Take a final result that adds one piece."""
    (piece,) = tracker.final(result, sent=sent)
    return piece


def interim_of(tracker: ResultTracker, result: Results) -> InterimResult | None:
    return tracker.interim(result, sent=SENT)


def test_seconds_of_a_connection_become_positions_of_the_call() -> None:
    tracker = listening(offset=80_000, watermarks=(80_000, 80_000))
    final, gap = heard(tracker, results(0.0, 1.5, ("yes", 0.25, 0.5), text="Yes."))
    assert gap is None
    assert (final.start, final.end, final.text, final.word_count) == (80_000, 92_000, "Yes.", 1)
    assert (final.words_start, final.words_end, final.confidence, final.speech_final) == (10.25, 10.5, 0.75, True)
    assert tracker.watermarks == [92_000, 80_000]


def test_what_an_earlier_result_covers_comes_once() -> None:
    tracker = listening()
    tracker.final(results(0, 2, ("one", 0.5, 1.0), ("two", 1.2, 1.9)), sent=SENT)
    assert tracker.final(results(0, 2, ("one", 0.5, 1.0)), sent=SENT) == []
    assert tracker.final(results(0.5, 1.5), sent=SENT) == []
    final, _ = heard(tracker, results(1, 4, ("two", 1.2, 1.9), ("three", 2.5, 3.0)))
    assert (final.start, final.end, final.text, final.words_start, final.word_count) == (
        16_000,
        32_000,
        "Three",
        2.5,
        1,
    )


def test_a_word_of_a_replay_counts_although_its_time_is_rounded_into_the_silence() -> None:
    """What comes before the watermark is silence on this connection, so that no word can be from there."""
    tracker = listening(watermarks=(0, 16_000))
    final, _ = heard(tracker, results(0, 3, ("late", 1.9, 2.05), channel=1))
    assert (final.start, final.text) == (16_000, "late")


@pytest.mark.parametrize("word", [("I", 1.93, 2.01), ("I", 1.99, 1.99)])
def test_a_word_counts_although_its_time_is_rounded_into_the_result_before(word: tuple[str, float, float]) -> None:
    tracker = listening()
    tracker.final(results(0, 2, ("one", 0.5, 1.0)), sent=SENT)
    interim = interim_of(tracker, results(2, 3, word))
    assert interim is not None
    final, _ = heard(tracker, results(2, 3, word))
    assert (final.start, final.text, final.word_count) == (16_000, "I", 1)


def test_interim_words_are_those_after_the_watermark() -> None:
    tracker = listening()
    tracker.final(results(0, 2, ("one", 0.5, 1.0)), sent=SENT)
    interim = interim_of(tracker, results(0, 4, ("one", 0.5, 1.0), ("two", 2.5, 3.0)))
    assert interim is not None
    assert (interim.text, interim.start, interim.end) == ("Two", 2.5, 3.0)
    assert interim_of(tracker, results(0, 4, ("one", 0.5, 1.0))) is None
    assert interim_of(tracker, results(2, 4)) is None
    assert tracker.watermarks == [16_000, 0]


# What a result may be like, and still says what it says.


def test_an_empty_result_needs_only_channel_start_and_duration() -> None:
    tracker = listening()
    final, gap = heard(tracker, Results(channel_index=[1], start=0.0, duration=2.0, is_final=True))
    assert (final.channel, final.start, final.end, final.text, final.word_count, gap) == (1, 0, 16_000, "", 0, None)
    assert final.confidence is None


@pytest.mark.parametrize("start", [-0.02, -0.9])
def test_a_result_that_begins_a_little_before_the_audio_is_none_the_less_one(start: float) -> None:
    tracker = listening(offset=80_000, watermarks=(80_000, 80_000))
    final, _ = heard(tracker, results(start, 1, ("yes", start, 0.3)))
    assert (final.start, final.end, final.text) == (80_000, 88_000, "yes")
    assert final.words_start == pytest.approx(10 + start)


def test_a_result_ends_where_the_audio_does() -> None:
    final, _ = heard(listening(), results(0, 5.2), sent=40_000)
    assert final.end == 40_000


def test_a_result_without_duration_is_as_long_as_its_words() -> None:
    tracker = listening()
    result = results(1, 1 + 1e-9, ("yes", 1.1, 1.4))
    final, _ = heard(tracker, result)
    assert (final.text, final.end) == ("yes", 11_200)
    assert tracker.final(result, sent=SENT) == []


@pytest.mark.parametrize("confidence", [None, 0.0, 1e-200, 1.0])
def test_a_confidence_is_one_or_unknown(confidence: float | None) -> None:
    final, _ = heard(listening(), results(0, 1, ("yes", 0.1, 0.4), confidence=confidence))
    assert final.confidence == (None if confidence is None else round(confidence, 6))


@pytest.mark.parametrize("text", [" ", "\u200b", "\u2060\n"])
def test_words_come_before_a_text_that_is_none(text: str) -> None:
    final, _ = heard(listening(), results(0, 1, ("yes", 0.1, 0.4), text=text))
    assert (final.text, final.word_count) == ("Yes", 1)
    final, _ = heard(listening(), results(0, 1, text=text))
    assert (final.text, final.word_count) == ("", 0)


def test_a_text_without_words_is_kept() -> None:
    final, _ = heard(listening(), results(0, 1, text="Yes, please."))
    assert (final.text, final.word_count, final.words_start, final.words_end) == ("Yes, please.", 2, 0.0, 1.0)


@pytest.mark.parametrize("time", [-1e6, 1e6])
def test_a_word_is_said_near_its_result(time: float) -> None:
    final, _ = heard(listening(), results(5, 6, ("yes", time, time)))
    assert final.text == "yes"
    assert 4 <= final.words_start <= final.words_end <= 7


@pytest.mark.parametrize(
    "wrong",
    [
        results(0, 1, channel=2),
        results(0, 1, channel=-1),
        results(-1.1, 1),
        results(2, 1),
        results(5, 7),
        Results(channel_index=[], start=0, duration=1, channel=Channel([Alternative("")]), is_final=True),
    ],
)
def test_results_that_cannot_be_are_malformed(wrong: Results) -> None:
    tracker = listening()
    with pytest.raises(MalformedMessage):
        tracker.final(wrong, sent=40_000)
    with pytest.raises(MalformedMessage):
        tracker.interim(wrong, sent=40_000)
    assert tracker.watermarks == [0, 0]


# What is too long for one result.


def assert_parts(pieces: list[FinalOrGap], *, end: int) -> list[FinalResult]:
    parts = [part for part, _ in pieces]
    assert all(len(part.text) <= MAX_TEXT for part in parts)
    assert all(earlier.end == later.start for earlier, later in pairwise(parts))
    assert (parts[0].start, parts[-1].end) == (0, end)
    assert [part.speech_final for part in parts] == [False] * (len(parts) - 1) + [True]
    return parts


def test_a_result_of_very_many_words_comes_in_parts() -> None:
    said = [(f"w{number}", number / 10_000, (number + 1) / 10_000) for number in range(100_000)]
    parts = assert_parts(listening().final(results(0, 10, *said), sent=SENT), end=80_000)
    assert " ".join(part.text for part in parts).lower() == " ".join(word for word, _, _ in said)
    assert max(part.word_count for part in parts) <= MAX_WORDS
    assert sum(part.word_count for part in parts) == 100_000
    assert [part.words_start for part in parts] == sorted(part.words_start for part in parts)


def test_words_that_are_longer_than_their_text_come_in_parts() -> None:
    said = [("w" * 200, number / 100, (number + 1) / 100) for number in range(300)]
    parts = assert_parts(listening().final(results(0, 10, *said, text="w"), sent=SENT), end=80_000)
    assert sum(part.word_count for part in parts) == 300


@pytest.mark.parametrize("text", ["x" * 450_000, "word " * 90_000, "\u20ac" * 450_000], ids=lambda text: text[:6])
def test_a_text_that_is_longer_than_its_words_comes_in_parts(text: str) -> None:
    pieces = listening().final(results(0, 10, ("hi", 0.1, 0.4), text=text), sent=SENT)
    parts = assert_parts(pieces, end=80_000)
    assert "".join(part.text for part in parts).replace(" ", "") == text.replace(" ", "")


def test_the_gap_before_a_result_in_parts_comes_once() -> None:
    tracker = listening(given_up=given_up)
    tracker.suspect()
    said = [(f"w{number}", 1 + number / 1000, 1 + number / 1000) for number in range(1000)]
    assert tracker.final(results(1, 3, *said), sent=SENT) == []
    pieces = list(tracker.settle(0))
    assert len(pieces) == 3
    assert [gap is not None for _, gap in pieces] == [True, False, False]


def test_an_interim_text_is_cut_to_its_end() -> None:
    interim = interim_of(listening(), results(0, 1, ("hi", 0.1, 0.4), text="x" * 500_000 + "y"))
    assert interim is not None
    assert (len(interim.text), interim.text[-1]) == (MAX_TEXT, "y")


# What final results leave out.


def test_a_hole_is_deepgrams_own_when_every_message_was_read_and_no_words_were_shown() -> None:
    final, gap = heard(listening(), results(1, 2, ("a", 1.1, 1.2)))
    assert (final.start, gap) == (8_000, None)


def test_a_hole_after_an_unreadable_message_is_a_result_missing() -> None:
    tracker = listening(offset=8_000, watermarks=(8_000, 8_000))
    tracker.final(results(0, 1), sent=SENT)
    tracker.suspect()
    tracker.final(results(0, 2, channel=1), sent=SENT)  # nothing was lost on this channel
    assert tracker.final(results(3, 4), sent=SENT) == []
    with pytest.raises(ResultMissing) as missing:
        list(tracker.settle(0))
    assert (missing.value.channel, missing.value.position) == (0, 16_000)
    assert heard(tracker, results(4, 5, channel=1))[1] is None
    assert tracker.watermarks == [16_000, 48_000]


def test_a_result_that_is_given_up_leaves_a_gap() -> None:
    tracker = listening(given_up=lambda channel, position: (channel, position) == (0, 0))
    tracker.suspect()
    assert tracker.final(results(1, 2, ("a", 1.1, 1.2)), sent=SENT) == []
    ((final, gap),) = tracker.settle(0)
    assert gap == Gap(start=0, end=8_000, reason=GapReason.UNREADABLE, channel=0)
    assert final.start == 8_000


def test_a_result_that_comes_late_fills_its_hole() -> None:
    tracker = listening()
    interim_of(tracker, results(0, 1, ("one", 0.2, 0.6)))
    assert tracker.final(results(2, 3, ("three", 2.2, 2.6)), sent=SENT) == []
    assert tracker.final(results(1, 2, ("two", 1.2, 1.6)), sent=SENT) == []
    assert tracker.holds(0)
    pieces = tracker.final(results(0, 1, ("one", 0.2, 0.6)), sent=SENT)
    assert [final.text for final, _ in pieces] == ["one", "two", "three"]
    assert [gap for _, gap in pieces] == [None] * 3
    assert not tracker.holds(0)


def test_words_of_a_hole_that_was_taken_for_silence_are_taken_once_when_they_come() -> None:
    tracker = listening()
    tracker.final(results(2, 3, ("three", 2.2, 2.6)), sent=SENT)
    final, _ = heard(tracker, results(0, 2, ("one", 0.2, 0.6), ("two", 1.2, 1.6)))
    assert (final.text, final.start, final.end) == ("one two", 0, 16_000)
    assert tracker.final(results(0, 2, ("one", 0.2, 0.6), ("two", 1.2, 1.6)), sent=SENT) == []
    assert tracker.watermarks[0] == 24_000


def test_a_hole_in_which_words_were_shown_is_asked_for_again() -> None:
    evidence = Evidence()
    tracker = listening(evidence=evidence)
    interim_of(tracker, results(0, 1, ("one", 0.2, 0.6)))
    assert tracker.final(results(1, 2, ("two", 1.2, 1.6)), sent=SENT) == []
    with pytest.raises(ResultMissing):
        list(tracker.settle(0))
    # The next connection shows nothing, and passes over it again.
    tracker = listening(evidence=evidence, given_up=given_up)
    assert tracker.final(results(1, 2, ("two", 1.2, 1.6)), sent=SENT) == []
    ((final, gap),) = tracker.settle(0)
    assert (final.text, gap) == ("two", Gap(start=0, end=8_000, reason=GapReason.UNHEARD, channel=0))


def test_an_empty_result_does_not_take_back_what_was_shown() -> None:
    tracker = listening()
    interim_of(tracker, results(0, 1, ("yes", 0.2, 0.6)))
    with pytest.raises(ResultMissing) as missing:
        tracker.final(results(0, 2), sent=SENT)
    assert (missing.value.channel, missing.value.position) == (0, 0)
    tracker = listening(given_up=given_up)
    interim_of(tracker, results(0, 1, ("yes", 0.2, 0.6)))
    final, gap = heard(tracker, results(0, 2))
    assert (final.text, gap) == ("", Gap(start=0, end=16_000, reason=GapReason.UNHEARD, channel=0))


@pytest.mark.parametrize("whole", [True, False])
def test_the_rest_counts_as_silence_only_if_all_of_it_was_heard(whole: bool) -> None:
    tracker = listening()
    tracker.final(results(0, 2, channel=1), sent=16_000)
    if not whole:
        with pytest.raises(ResultMissing):
            list(tracker.rest(16_000, whole=whole))
        return
    ((final, gap),) = tracker.rest(16_000, whole=whole)
    assert (final.channel, final.start, final.end, final.text, gap) == (0, 0, 16_000, "", None)
    assert list(tracker.rest(16_000, whole=whole)) == []


def test_the_rest_is_asked_for_again_where_words_were_shown() -> None:
    tracker = listening()
    interim_of(tracker, results(0, 1, ("bye", 0.2, 0.6)))
    with pytest.raises(ResultMissing):
        list(tracker.rest(16_000, whole=True))
    tracker = listening(given_up=given_up)
    interim_of(tracker, results(0, 1, ("bye", 0.2, 0.6)))
    ((_, gap), (_, no_gap)) = tracker.rest(16_000, whole=True)
    assert (gap, no_gap) == (Gap(start=0, end=16_000, reason=GapReason.UNHEARD, channel=0), None)


def test_a_loud_hole_is_asked_for_again_though_no_words_were_shown() -> None:
    tracker = listening(audio=Noise(loud=[(2_000, 4_000)]))
    assert tracker.final(results(1, 2, ("two", 1.2, 1.6)), sent=SENT) == []
    with pytest.raises(ResultMissing):
        list(tracker.settle(0))


def test_what_is_held_back_is_no_part_of_the_hole_before_it() -> None:
    evidence = Evidence()
    tracker = listening(evidence=evidence, audio=Noise(loud=[(2_000, 4_000)]))
    for start, end in ((1, 2), (2, 5), (5, 6)):
        assert tracker.final(results(start, end), sent=SENT) == []
    assert not evidence.leaves_out
    with pytest.raises(ResultMissing):
        list(tracker.settle(0))


def test_a_loud_hole_is_none_of_its_own_where_deepgram_leaves_pauses_out() -> None:
    tracker = listening(audio=Noise(loud=[(0, 8_000), (32_000, 34_000)]))
    tracker.final(results(0, 1, ("one", 0.2, 0.6)), sent=SENT)
    tracker.final(results(3.5, 4, ("two", 3.6, 3.8)), sent=SENT)
    assert heard(tracker, results(5, 6, ("three", 5.2, 5.6)))[1] is None


# What interim results may get wrong.


def test_rounded_times_make_no_hole() -> None:
    tracker = listening(audio=Noise(loud=[(0, 80)]))
    tracker.suspect()
    assert heard(tracker, results(0.009, 1.0, ("a", 0.5, 0.6)))[1] is None


def test_a_word_that_a_later_interim_takes_back_is_no_evidence() -> None:
    tracker = listening()
    interim_of(tracker, results(0, 1, ("hm", 0.2, 0.6)))
    interim_of(tracker, results(0, 2, ("yes", 1.2, 1.6)))
    assert heard(tracker, results(1, 2, ("yes", 1.2, 1.6)))[1] is None


def test_an_empty_interim_takes_words_back() -> None:
    tracker = listening()
    interim_of(tracker, results(0, 1, ("hm", 0.2, 0.6)))
    assert interim_of(tracker, results(0, 2)) is None
    assert heard(tracker, results(0, 2))[1] is None


def test_a_final_result_with_other_words_is_the_last_word() -> None:
    tracker = listening()
    interim_of(tracker, results(0, 2, ("I", 0.1, 0.2), ("scream", 0.3, 0.7), ("uh", 1.5, 1.7)))
    assert heard(tracker, results(0, 2, ("ice-cream", 0.1, 0.8)))[1] is None
    assert heard(tracker, results(2, 3))[1] is None


@pytest.mark.parametrize("shift", [-0.15, 0.0, 0.15, 0.3])
def test_a_word_that_moves_over_the_end_of_a_result_is_no_evidence(shift: float) -> None:
    tracker = listening()
    interim_of(tracker, results(0, 2.3, ("one", 1.2, 1.6), ("two", 1.75 + shift, 2.0 + shift)))
    tracker.final(results(0, 2, ("one", 1.2, 1.6), ("two", 1.75, 2.0)), sent=SENT)
    assert heard(tracker, results(2, 3))[1] is None


def test_a_word_that_was_shown_behind_a_result_is_evidence_of_what_comes_after_it() -> None:
    tracker = listening()
    interim_of(tracker, results(0, 2.3, ("one", 1.2, 1.6), ("two", 2.05, 2.25)))
    tracker.final(results(0, 2, ("one", 1.2, 1.6)), sent=SENT)
    with pytest.raises(ResultMissing):
        tracker.final(results(2, 3), sent=SENT)


def test_words_that_are_shown_in_digital_silence_are_none() -> None:
    tracker = listening(audio=Noise(silent=[(0, 24_000)]))
    interim_of(tracker, results(0, 2, ("ghost", 0.5, 1.5)))
    assert heard(tracker, results(0, 2))[1] is None
    interim_of(tracker, results(2, 2.5, ("ghost", 2.1, 2.4)))
    assert heard(tracker, results(3, 4, ("yes", 3.1, 3.5)))[1] is None


def test_a_word_is_shown_within_its_result_whenever_it_is_said_to_be() -> None:
    evidence = Evidence()
    tracker = listening(evidence=evidence)
    interim_of(tracker, results(0, 1, ("yes", -1e6, -1e6), ("no", 1e6, 1e6), ("so", 0.2, 0.6)))
    assert evidence.words[0] == [Shown(0, 0, 0), Shown(1_600, 4_800, 0), Shown(7_999, 8_000, 0)]
    tracker.final(results(0, 1, ("so", 0.2, 0.6)), sent=SENT)
    assert evidence.words[0] == []


def test_a_final_result_that_is_held_back_is_evidence_for_the_next_connection() -> None:
    evidence = Evidence()
    tracker = listening(evidence=evidence)
    interim_of(tracker, results(0, 1, ("one", 0.2, 0.6)))
    tracker.final(results(1, 2, ("two", 1.2, 1.6)), sent=SENT)
    tracker = listening(evidence=evidence)
    assert heard(tracker, results(0, 1, ("one", 0.2, 0.6)))[0].text == "one"
    with pytest.raises(ResultMissing):
        tracker.final(results(1, 2), sent=SENT)


# Going on without a result.


def test_what_is_passed_over_is_silence_until_words_of_it_come() -> None:
    tracker = listening(audio=Noise(silent=[(0, 80_000)]))
    final, gap = tracker.pass_over(0, 78_000)
    assert (final.start, final.end, final.text, gap) == (0, 78_000, "", None)
    late, _ = heard(tracker, results(0, 10.5, ("yes", 9.9, 10.3)))
    assert (late.text, late.start, late.end) == ("yes", 78_000, 84_000)
    # The first word after silence may be dated back into it.
    tracker = listening(audio=Noise(silent=[(0, 80_000)]))
    tracker.pass_over(0, 78_000)
    early, _ = heard(tracker, results(0, 10.5, ("yes", 9.2, 10.1)))
    assert early.text == "yes"


def test_a_result_that_may_be_lost_is_still_missed_behind_silence() -> None:
    tracker = listening(audio=Noise(silent=[(0, 80_000)]))
    tracker.suspect()
    tracker.pass_over(0, 78_000)
    assert tracker.final(results(12, 13, ("two", 12.1, 12.5)), sent=SENT) == []
    with pytest.raises(ResultMissing):
        list(tracker.settle(0))


def test_what_is_given_up_is_asked_for_first() -> None:
    with pytest.raises(ResultMissing):
        listening().give_up(1, 80_000)
    final, gap = listening(given_up=given_up).give_up(1, 80_000)
    assert (final.channel, final.end, final.text) == (1, 80_000, "")
    assert gap == Gap(start=0, end=80_000, reason=GapReason.UNHEARD, channel=1)


def test_results_are_known_to_reach_as_far_as_they_follow_one_another() -> None:
    tracker = listening()
    interim_of(tracker, results(0, 2))
    interim_of(tracker, results(3, 4, channel=1))
    assert tracker.reached == [16_000, 0]
    assert tracker.heard_to == 32_000


def test_a_channel_is_quiet_as_far_as_interim_results_say_so() -> None:
    tracker = listening(audio=Noise(loud=[(0, 800_000)]))
    interim_of(tracker, results(0, 4))
    assert tracker.quiet_to(0) == 24_000
    interim_of(tracker, results(0, 5, ("yes", 2.2, 2.6)))
    assert tracker.quiet_to(0) == 0
    assert tracker.quiet_to(1) == 0


def test_a_channel_is_quiet_where_it_is_not_loud_and_deepgram_speaks_of_the_other() -> None:
    tracker = listening(audio=Noise(loud=[(48_000, 50_000)]))
    interim_of(tracker, results(0, 5, channel=1))
    assert tracker.quiet_to(0) == 32_000
    interim_of(tracker, results(0, 9, channel=1))
    assert tracker.quiet_to(0) == 40_000
    tracker.suspect()
    assert tracker.quiet_to(0) == 0


def test_words_have_their_times_on_the_calls_clock() -> None:
    tracker = listening(offset=80_000, watermarks=(80_000, 80_000))
    said = results(0.0, 1.5, ("good", 0.1234, 0.5), ("morning", 0.55, 1.0), text="Good morning.")
    said.channel.alternatives[0].words[0].confidence = 0.98765
    said.channel.alternatives[0].languages = ["en", "es"]
    final, _ = heard(tracker, said)
    assert final.words == (TimedWord("Good", 10.123, 10.5, 0.9877), TimedWord("Morning", 10.55, 11.0))
    assert final.languages == ("en", "es")


def test_only_new_words_are_told_with_their_times() -> None:
    tracker = listening()
    tracker.final(results(0, 2, ("one", 0.5, 1.0), ("two", 1.2, 1.9)), sent=SENT)
    final, _ = heard(tracker, results(1, 4, ("two", 1.2, 1.9), ("three", 2.5, 3.0)))
    assert [word.text for word in final.words or ()] == ["Three"]


def test_the_words_of_a_long_result_go_with_its_parts() -> None:
    words = [(f"w{number}", number / 10, number / 10 + 0.05) for number in range(MAX_WORDS + 7)]
    parts = [part for part, _ in listening().final(results(0, 60, *words), sent=SENT)]
    assert [len(part.words or ()) for part in parts] == [MAX_WORDS, 7]
    assert [word.text for part in parts for word in part.words or ()] == [word.capitalize() for word, _, _ in words]


def test_nobody_knows_when_a_text_without_words_was_said() -> None:
    final, _ = heard(listening(), results(0, 2, text="Something was said."))
    assert (final.words, final.word_count) == (None, 3)
