"""What Deepgram has once shown is stored or a gap, however it behaves; and every session ends."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callscribe.live.call import GapReason
from streamer.deepgram.failures import DeepgramUnavailable
from streamer.deepgram.session import SessionLimits
from tests.simulation.clock import simulate
from tests.streamer.deepgram.calls import Call, assert_whole, everybody, nobody, transcribe
from tests.streamer.deepgram.fake_deepgram import Behaviour, FakeDeepgram, Message, Sent, go_mute
from tests.streamer.deepgram.vendors import (
    Edit,
    Moods,
    Shown,
    assert_accounted,
    assert_once,
    audio_sent,
    emptied,
    interim_about_silence,
    never_final,
    no_last_words,
    nothing,
    of_channel,
    silent_about_silence,
    unaccounted,
    with_words,
    words,
)


def the_customer_alone(channel: int, frame: int) -> bool:
    return channel == 0 and frame % 90 < 70


def with_long_pauses(channel: int, frame: int) -> bool:
    """Both are silent for 16 seconds at a time, and then speak for as long, the agent three seconds later."""
    return frame // 50 % 33 >= 16 + 3 * channel and frame % 90 < 70


def always(edit: Edit) -> FakeDeepgram:
    return FakeDeepgram(*[Behaviour(edit=edit) for _ in range(100)])


# A channel of which nothing is said.


@pytest.mark.parametrize("noise", [0, 8, 60])
@pytest.mark.parametrize("seconds", [40, 300])
@pytest.mark.parametrize("edit", [silent_about_silence, interim_about_silence])
def test_a_silent_channel_holds_nothing_up(edit: Edit, seconds: int, noise: int) -> None:
    call = Call(seconds, the_customer_alone, noise=noise)
    outcome = simulate(transcribe(call, always(edit)))
    assert_whole(outcome, call)
    assert len(outcome.server.streams) == 1
    assert audio_sent(outcome) == pytest.approx(seconds, abs=0.2)


@pytest.mark.parametrize("edit", [silent_about_silence, nothing])
def test_a_call_in_which_nobody_speaks_needs_no_answer(edit: Edit) -> None:
    call = Call(200, nobody)
    outcome = simulate(transcribe(call, always(edit)))
    assert_whole(outcome, call)
    assert len(outcome.server.streams) == 1


@pytest.mark.parametrize("noise", [0, 8])
def test_a_small_buffer_is_never_full_of_silence(noise: int) -> None:
    call = Call(60, the_customer_alone, noise=noise)
    outcome = simulate(transcribe(call, always(silent_about_silence), limits=SessionLimits(buffer=8.0)), limit=180)
    assert_whole(outcome, call)


def test_speech_after_a_long_silence_has_its_own_time_for_an_answer() -> None:
    call = Call(120, with_long_pauses)
    outcome = simulate(transcribe(call, always(silent_about_silence)))
    assert_accounted(outcome, call)
    assert outcome.sink.gaps == []
    assert len(outcome.server.streams) == 1


def test_digital_silence_is_passed_over_without_asking_for_it() -> None:
    outcome = simulate(transcribe(Call(60, the_customer_alone), always(silent_about_silence)))
    assert "Finalize" not in [kind for _, kind in outcome.server.streams[0].texts]


def test_noise_is_passed_over_after_asking_for_its_own_channel() -> None:
    call = Call(60, the_customer_alone, noise=8)
    outcome = simulate(transcribe(call, always(silent_about_silence)))
    (stream,) = outcome.server.streams
    assert [kind for _, kind in stream.texts if kind != "KeepAlive"] == ["Finalize", "Finalize", "CloseStream"]
    assert stream.finalized == [1, 1]


@pytest.mark.parametrize("edit", [nothing, never_final], ids=["nothing", "interim results only"])
def test_a_channel_that_is_never_heard_is_a_gap_and_the_other_is_whole(edit: Edit) -> None:
    call = Call(300)
    outcome = simulate(transcribe(call, always(of_channel(1, edit))))
    assert_accounted(outcome, call)
    assert outcome.sink.words(0) == call.frames(0)
    assert {(gap.channel, gap.reason) for gap in outcome.sink.gaps} == {(1, GapReason.UNHEARD)}
    assert len(outcome.server.streams) == 3
    assert audio_sent(outcome) < 300 + 3 * 60


def test_patience_with_one_channel_is_none_with_a_connection_that_falls_silent() -> None:
    deaf, limit = of_channel(1, nothing), 150 * 8000
    behaviours = [Behaviour(edit=deaf), Behaviour(edit=deaf), Behaviour(edit=deaf, after=limit, then=go_mute)]
    outcome = simulate(transcribe(Call(300), FakeDeepgram(*behaviours)))
    muted, received = 0.0, 0
    for at, samples in outcome.server.streams[2].arrivals:
        received += samples
        muted = muted or (at if received >= limit else 0.0)
    assert muted
    assert outcome.server.handshakes[3][0] - muted < 20


def test_a_channel_that_is_not_heard_at_first_is_heard_on_another_connection() -> None:
    call = Call(120)
    outcome = simulate(transcribe(call, FakeDeepgram(Behaviour(edit=of_channel(1, nothing)))))
    assert_whole(outcome, call)
    assert len(outcome.server.streams) == 2


# Final results that do not come.


@pytest.mark.parametrize("piece", [512, 8000])
def test_last_words_that_never_come_are_gaps(piece: int) -> None:
    call = Call(120)
    outcome = simulate(transcribe(call, always(no_last_words), piece=piece))
    assert_accounted(outcome, call)
    assert {gap.reason for gap in outcome.sink.gaps} == {GapReason.UNHEARD}
    assert len(outcome.server.streams) <= 1 + (60 + 120 / 4) / 5
    assert audio_sent(outcome) < 2 * 120


@pytest.mark.parametrize("edit", [no_last_words, never_final, Moods(withheld=1.0).edit(1), Moods(emptied=1.0).edit(1)])
def test_what_one_connection_withholds_another_says(edit: Edit) -> None:
    call = Call(40)
    outcome = simulate(transcribe(call, FakeDeepgram(Behaviour(edit=edit))))
    assert_whole(outcome, call)
    assert 2 <= len(outcome.server.streams) <= 4


def test_words_shown_and_never_said_are_gaps_also_at_the_end() -> None:
    call = Call(10, everybody)
    outcome = simulate(transcribe(call, always(never_final)))
    assert_accounted(outcome, call)
    assert len(outcome.server.streams) == 1 + 2 * 2
    assert [final for final in outcome.sink.finals if final.text] == []


@pytest.mark.parametrize("spoken", [Call(0).spoken, the_customer_alone])
def test_deepgram_that_never_says_anything_is_unavailable(spoken: Callable[[int, int], bool]) -> None:
    # Silence that is passed over meanwhile is no sign of life.
    with pytest.raises(DeepgramUnavailable):
        simulate(transcribe(Call(400, spoken), always(nothing)), limit=330)


def test_what_is_left_out_is_asked_for_without_delay() -> None:
    outcome = simulate(transcribe(Call(60), always(no_last_words), jitter=lambda: 1.0))
    ends = [stream.arrivals[-1][0] for stream in outcome.server.streams]
    begins = [at for at, _ in outcome.server.handshakes]
    assert len(begins) > 5
    assert all(begin - end < 1 for end, begin in zip(ends, begins[1:], strict=False))


# A slow Deepgram.


@pytest.mark.parametrize(
    "behaviour",
    [
        *[Behaviour(delay=delay) for delay in (12.0, 25.0, 50.0, 110.0)],
        *[Behaviour(pace=pace) for pace in (0.9, 0.5, 0.3)],
        *[Behaviour(pace=0.5, finalizes=False), Behaviour(pace=0.7, delay=30.0)],
    ],
    ids=lambda behaviour: f"{behaviour.pace:g}x, {behaviour.delay:g} s",
)
@pytest.mark.parametrize("spoken", [Call(0).spoken, with_long_pauses])
def test_a_slow_deepgram_gets_to_the_end(behaviour: Behaviour, spoken: Callable[[int, int], bool]) -> None:
    call = Call(120, spoken)
    outcome = simulate(transcribe(call, FakeDeepgram(*[behaviour] * 100)))
    assert_whole(outcome, call)
    assert len(outcome.server.streams) <= (5 if behaviour.delay else 1)
    assert audio_sent(outcome) <= 2.3 * 120
    assert outcome.took < 120 / min(behaviour.pace, 1.0) + 3 * behaviour.delay + 120


# Interim results are not to be taken too seriously.


def ghost_at_the_end(message: Message) -> list[Sent]:
    if message["is_final"] or not words(message):
        return [message]
    end = words(message)[-1]["end"]
    return [with_words(message, [*words(message), {"word": "ghost", "start": end, "end": end + 0.4}])]


def other_words(message: Message) -> list[Sent]:
    """Half as many words, each as long as two, of other texts."""
    if message["is_final"]:
        return [message]
    pairs = zip(words(message)[::2], words(message)[1::2], strict=False)
    return [with_words(message, [{"word": "mm", "start": one["start"], "end": other["end"]} for one, other in pairs])]


def moved(by: float) -> Edit:
    def edit(message: Message) -> list[Sent]:
        if message["is_final"]:
            return [message]
        return [
            with_words(
                message, [{**word, "start": word["start"] + by, "end": word["end"] + by} for word in words(message)]
            )
        ]

    return edit


def overlapping(message: Message) -> list[Sent]:
    """Interim results that begin a second earlier, with a word from there."""
    if message["is_final"] or message["start"] < 1:
        return [message]
    start = message["start"] - 1
    ghost = {"word": "ghost", "start": start + 0.2, "end": start + 0.5}
    return [with_words(message, [ghost, *words(message)], start=start, duration=message["duration"] + 1)]


REVISED = {
    "a word too many": ghost_at_the_end,
    "other words": other_words,
    "a bit late": moved(0.1),
    "a bit early": moved(-0.1),
    "much too late": moved(0.3),
    "again from before": overlapping,
    "every second one empty": lambda message: [message] if message["is_final"] else [message, emptied(message)],
}


@pytest.mark.parametrize("name", REVISED)
def test_interim_results_that_are_revised_change_nothing(name: str) -> None:
    call = Call(60)
    outcome = simulate(transcribe(call, always(REVISED[name])))
    assert_whole(outcome, call)
    assert len(outcome.server.streams) == 1


def test_final_results_of_a_channel_that_change_places_are_put_in_order() -> None:
    waiting: list[Message] = []

    def edit(message: Message) -> list[Sent]:
        """Every fourth final result with words comes after the next one of any channel."""
        if message["is_final"] and words(message):
            number = int(words(message)[0]["word"][1:])
            if number // 25 % 4 == 0 and not waiting:
                waiting.append(message)
                return []
            return [message, *([waiting.pop()] if waiting else [])]
        return [message]

    call = Call(60, everybody)
    outcome = simulate(transcribe(call, always(edit)))
    for channel in (0, 1):
        assert_once(outcome, call, channel)
        assert sorted(outcome.sink.words(channel)) == call.frames(channel)
    assert outcome.sink.gaps == []
    assert len(outcome.server.streams) <= 2


# All of it at once.

SHARES = st.sampled_from([0.0, 0.0, 0.0, 0.1, 0.5, 1.0])
MOODS = st.builds(
    Moods,
    withheld=SHARES,
    emptied=SHARES,
    split=SHARES,
    late=SHARES,
    twice=SHARES,
    moved=SHARES,
    ghosts=SHARES,
    dropped=SHARES,
)
SPOKEN: list[Callable[[int, int], bool]] = [Call(0).spoken, everybody, the_customer_alone]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(MOODS, min_size=1, max_size=3),
    st.integers(0, 2**32),
    st.sampled_from(SPOKEN),
    st.sampled_from([0, 8]),
    st.booleans(),
    st.floats(0, 3),
)
def test_however_deepgram_behaves_every_word_that_it_showed_is_stored_once_or_in_a_gap(
    moods: list[Moods], seed: int, spoken: Callable[[int, int], bool], noise: int, silent: bool, store_delay: float
) -> None:
    call, shown = Call(30, spoken, noise=noise), Shown()
    behaviours = []
    for number in range(40):
        edit = moods[number % len(moods)].edit(seed + number)
        behaviours.append(Behaviour(edit=shown.watch(both(edit, silent_about_silence) if silent else edit)))
    outcome = simulate(transcribe(call, FakeDeepgram(*behaviours)))
    for channel in (0, 1):
        assert_once(outcome, call, channel)
        lost = unaccounted(outcome, call, channel)
        assert not set(lost) & shown.frames[channel]
        if not silent:
            # Of what was never shown, only what comes last, and is short, can go unnoticed.
            assert len(lost) < 50
            assert not lost or lost[0] > max([*outcome.sink.words(channel), -1])
    assert outcome.session.watermarks == (call.end, call.end)
    # What is sent again is 60 seconds and a quarter of the call, the last time whatever is under way; each time counts
    # for 5 seconds. A connection on which nothing at all comes is no asking again.
    stalls = outcome.session.counts.stalls
    assert len(outcome.server.streams) <= 1 + (60 + 30 / 4) / 5 + 1 + stalls
    assert audio_sent(outcome) <= 30 + (60 + 30 / 4) + 30 * (1 + stalls)


def both(first: Edit, then: Edit) -> Edit:
    def edit(message: Message) -> list[Sent]:
        return [item for sent in first(message) if isinstance(sent, dict) for item in then(sent)]

    return edit


# What cannot be stored as it is.


def poisoned(message: Message) -> list[Sent]:
    """Every final result with words is of another kind of poison, and holds all its words."""
    if not message["is_final"] or not words(message):
        return [message]
    first = int(words(message)[0]["word"][1:])
    best = message["channel"]["alternatives"][0]
    match first // 25 % 6:
        case 0:
            best = {**best, "confidence": 1e200, "words": [{**word, "confidence": -1} for word in words(message)]}
        case 1:
            best = {**best, "confidence": None, "transcript": None}
        case 2:
            best = {**best, "transcript": best["transcript"] + " \ud800", "confidence": "0.9"}
        case 3:
            best = {**best, "confidence": float("nan"), "paragraphs": "odd"}
        case 4:
            last = words(message)[-1]
            best = {**best, "words": [*words(message)[:-1], {**last, "end": 1e308}], "languages": 7}
        case _:
            return [{**message, "metadata": {"model_info": {"name": "m" * 300_000}}, "speech_final": None}]
    return [{**message, "channel": {"alternatives": [best]}, "metadata": ["odd"]}]


def test_poison_beside_the_words_costs_only_itself() -> None:
    call = Call(60)
    outcome = simulate(transcribe(call, always(poisoned)))
    assert len(outcome.server.streams) == 1
    assert outcome.session.counts.odd_messages > 20
    assert outcome.session.counts.malformed_messages == 0
    for channel in (0, 1):
        said = " ".join(final.text for final in outcome.sink.of(channel)).replace(" \ufffd", "")
        assert said.split() == [f"f{number}" for number in call.frames(channel)]
    for final in outcome.sink.finals:
        assert final.confidence is None or 0 <= final.confidence <= 1
        assert 0 <= final.words_start <= final.words_end <= 61
        final.text.encode()
    assert len(outcome.session.model) <= 100


def test_a_result_of_a_hundred_thousand_words_comes_in_parts_that_can_be_stored() -> None:
    def wordy(message: Message) -> list[Sent]:
        if not message["is_final"] or "f320" not in message["channel"]["alternatives"][0]["transcript"].split():
            return [message]
        last = words(message)[-1]
        return [with_words(message, [*words(message), *[{**last, "word": "f0", "punctuated_word": "f0"}] * 100_000])]

    call = Call(12)
    outcome = simulate(transcribe(call, FakeDeepgram(Behaviour(edit=wordy))))
    assert len(outcome.server.streams) == 1
    parts = [final for final in outcome.sink.finals if "f0 f0" in final.text]
    assert len(parts) >= 200
    assert max(len(final.text) for final in parts) <= 4_000
    assert sum(final.text.split().count("f0") for final in parts) >= 100_000
    assert outcome.session.watermarks == (call.end, call.end)
