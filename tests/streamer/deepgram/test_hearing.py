import pytest

from streamer.deepgram.hearing import Hearing, ResultMissing
from streamer.deepgram.messages import Alternative, Channel, MalformedMessage, Results, Word
from transcription.live_call import Gap, GapReason

SENT = 1_000_000


def results(start: float, end: float, *words: tuple[str, float, float], channel: int = 0, text: str = "") -> Results:
    return Results(
        channel_index=[channel, 2],
        start=start,
        duration=end - start,
        channel=Channel(
            [
                Alternative(
                    transcript=text or " ".join(word for word, _, _ in words),
                    confidence=0.75,
                    words=[Word(word, begin, stop, word.capitalize()) for word, begin, stop in words],
                )
            ]
        ),
        is_final=True,
        speech_final=True,
    )


def test_seconds_of_a_connection_become_positions_of_the_call() -> None:
    hearing = Hearing(offset=80_000, watermarks=(80_000, 80_000))
    final, gap = hearing.final(results(0.0, 1.5, ("yes", 0.25, 0.5), text="Yes."), sent=SENT)
    assert gap is None
    assert final is not None
    assert (final.start, final.end, final.text, final.word_count) == (80_000, 92_000, "Yes.", 1)
    assert (final.words_start, final.words_end, final.confidence, final.speech_final) == (10.25, 10.5, 0.75, True)
    assert hearing.watermarks == [92_000, 80_000]


def test_what_an_earlier_result_covers_comes_once() -> None:
    hearing = Hearing(offset=0, watermarks=(0, 0))
    hearing.final(results(0, 2, ("one", 0.5, 1.0), ("two", 1.2, 1.9)), sent=SENT)
    assert hearing.final(results(0, 2, ("one", 0.5, 1.0)), sent=SENT) == (None, None)
    assert hearing.final(results(0.5, 1.5), sent=SENT) == (None, None)
    final, _ = hearing.final(results(1, 4, ("two", 1.2, 1.9), ("three", 2.5, 3.0)), sent=SENT)
    assert final is not None
    assert (final.start, final.end, final.text, final.words_start, final.word_count) == (
        16_000,
        32_000,
        "Three",
        2.5,
        1,
    )


def test_a_word_of_a_replay_counts_although_its_time_is_rounded_into_the_silence() -> None:
    """What comes before the watermark is silence on this connection, so that no word can be from there."""
    hearing = Hearing(offset=0, watermarks=(0, 16_000))
    final, _ = hearing.final(results(0, 3, ("late", 1.9, 2.05), channel=1), sent=SENT)
    assert final is not None
    assert (final.start, final.text) == (16_000, "late")


@pytest.mark.parametrize("word", [("I", 1.93, 2.01), ("I", 1.99, 1.99)])
def test_a_word_counts_although_its_time_is_rounded_into_the_result_before(word: tuple[str, float, float]) -> None:
    hearing = Hearing(offset=0, watermarks=(0, 0))
    hearing.final(results(0, 2, ("one", 0.5, 1.0)), sent=SENT)
    interim = hearing.interim(results(2, 3, word))
    assert interim is not None
    final, _ = hearing.final(results(2, 3, word), sent=SENT)
    assert final is not None
    assert (final.start, final.text, final.word_count) == (16_000, "I", 1)


def test_passing_words_are_those_after_the_watermark() -> None:
    hearing = Hearing(offset=0, watermarks=(0, 0))
    hearing.final(results(0, 2, ("one", 0.5, 1.0)), sent=SENT)
    interim = hearing.interim(results(0, 4, ("one", 0.5, 1.0), ("two", 2.5, 3.0)))
    assert interim is not None
    assert (interim.text, interim.start, interim.end) == ("Two", 2.5, 3.0)
    assert hearing.interim(results(0, 4, ("one", 0.5, 1.0))) is None
    assert hearing.interim(results(2, 4)) is None
    assert hearing.watermarks == [16_000, 0]


def test_a_hole_is_deepgrams_own_when_every_message_was_read() -> None:
    hearing = Hearing(offset=0, watermarks=(0, 0))
    final, gap = hearing.final(results(1, 2, ("a", 1.1, 1.2)), sent=SENT)
    assert final is not None
    assert (final.start, gap) == (8_000, None)


def test_a_hole_after_an_unreadable_message_is_a_result_missing() -> None:
    hearing = Hearing(offset=8_000, watermarks=(8_000, 8_000))
    hearing.final(results(0, 1), sent=SENT)
    hearing.suspect()
    hearing.final(results(0, 2, channel=1), sent=SENT)  # nothing was lost on this channel
    with pytest.raises(ResultMissing) as missing:
        hearing.final(results(3, 4), sent=SENT)
    assert (missing.value.channel, missing.value.position) == (0, 16_000)
    assert hearing.final(results(4, 5, channel=1), sent=SENT)[1] is None
    assert hearing.watermarks == [16_000, 48_000]


def test_a_result_that_is_given_up_leaves_a_gap() -> None:
    hearing = Hearing(offset=0, watermarks=(0, 0), unreadable=lambda channel, position: (channel, position) == (0, 0))
    hearing.suspect()
    final, gap = hearing.final(results(1, 2, ("a", 1.1, 1.2)), sent=SENT)
    assert gap == Gap(start=0, end=8_000, reason=GapReason.UNREADABLE)
    assert final is not None
    assert final.start == 8_000


def test_rounded_times_make_no_hole() -> None:
    hearing = Hearing(offset=0, watermarks=(0, 0))
    hearing.suspect()
    assert hearing.final(results(0.009, 1.0, ("a", 0.5, 0.6)), sent=SENT)[1] is None


@pytest.mark.parametrize("whole", [True, False])
def test_the_rest_counts_as_silence_only_if_all_of_it_was_heard(whole: bool) -> None:
    hearing = Hearing(offset=0, watermarks=(0, 0))
    hearing.final(results(0, 2, channel=1), sent=16_000)
    if not whole:
        with pytest.raises(ResultMissing):
            hearing.rest(16_000, whole=whole)
        return
    ((final, gap),) = hearing.rest(16_000, whole=whole)
    assert (final.channel, final.start, final.end, final.text, gap) == (0, 0, 16_000, "", None)
    assert hearing.rest(16_000, whole=whole) == []


@pytest.mark.parametrize(
    "wrong",
    [
        results(0, 1, channel=2),
        results(0, 1, channel=-1),
        results(-1, 1),
        results(2, 1),
        results(5, 7),
        Results(channel_index=[], start=0, duration=1, channel=Channel([Alternative("")]), is_final=True),
        Results(channel_index=[0, 2], start=0, duration=1, channel=Channel([]), is_final=True),
    ],
)
def test_results_that_cannot_be_are_malformed(wrong: Results) -> None:
    hearing = Hearing(offset=0, watermarks=(0, 0))
    with pytest.raises(MalformedMessage):
        hearing.final(wrong, sent=40_000)
    assert hearing.watermarks == [0, 0]


def test_a_result_ends_where_the_audio_does() -> None:
    hearing = Hearing(offset=0, watermarks=(0, 0))
    final, _ = hearing.final(results(0, 5.2), sent=40_000)
    assert final is not None
    assert final.end == 40_000
