"""Over every fault, each frame of each channel comes out once, in order and in its place."""

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callscribe.deepgram.options import StreamEncoding
from callscribe.live.call import Gap, GapReason
from callscribe.redaction import NUMBER, Redaction
from local.speech.engines.frames import FRAME_SAMPLES
from streamer.deepgram.conversation import Patience
from streamer.deepgram.failures import DeepgramRefused, DeepgramUnavailable
from streamer.deepgram.session import MAX_COMMIT, DeepgramSession, SessionLimits
from streamer.redaction import ResultRedactor
from streamer.speech import FinalResult, SessionOver
from tests.simulation.clock import simulate
from tests.streamer.deepgram.calls import (
    KEY,
    Call,
    Keys,
    ListSink,
    Outcome,
    StoreFailed,
    assert_whole,
    everybody,
    give,
    nobody,
    play,
    speaks,
    the_agent_alone,
    transcribe,
)
from tests.streamer.deepgram.fake_deepgram import (
    Behaviour,
    FakeDeepgram,
    Message,
    Sent,
    Stream,
    close,
    go_dead,
    go_mute,
    reset,
)

CALL = Call(24)


@cache
def undisturbed() -> tuple[list[FinalResult], float]:
    outcome = simulate(transcribe(CALL, FakeDeepgram()))
    assert_whole(outcome, CALL)
    assert outcome.session.counts.reconnects == 0
    assert len(outcome.server.streams) == 1
    return outcome.sink.spoken(), outcome.took


def test_an_undisturbed_call_takes_one_connection_and_no_longer_than_it_lasts() -> None:
    spoken, took = undisturbed()
    assert took < CALL.seconds + 1
    assert sum(final.word_count for final in spoken) == sum(len(CALL.frames(channel)) for channel in (0, 1))
    assert any(final.speech_final for final in spoken)


@pytest.mark.parametrize(("encoding", "most"), [("mulaw", 4_000), ("linear16", 8_000)])
@pytest.mark.parametrize("burst", [0.0, 1.0])
@pytest.mark.parametrize("piece", [512, 333, 8000])
def test_pieces_of_any_size_are_sent_at_once_in_messages_of_at_most_a_quarter_of_a_second(
    piece: int, burst: float, encoding: StreamEncoding, most: int
) -> None:
    outcome = simulate(transcribe(CALL, FakeDeepgram(), piece=piece, burst=burst, encoding=encoding))
    assert_whole(outcome, CALL)
    assert outcome.sink.spoken() == undisturbed()[0]
    assert outcome.server.streams[0].largest <= most
    assert outcome.took < CALL.seconds + 1.5


def of_frame(number: int, replacement: Callable[[Message], list[Sent]]) -> Callable[[Message], list[Sent]]:
    """Edit the final result that has a frame in it."""

    def edit(message: Message) -> list[Sent]:
        words = message["channel"]["alternatives"][0]["transcript"].split()
        return replacement(message) if message["is_final"] and f"f{number}" in words else [message]

    return edit


def hold_back(count: int) -> Callable[[Message], list[Sent]]:
    """Send every result twice more: once late, after as many others."""
    held: list[Message] = []

    def edit(message: Message) -> list[Sent]:
        held.append(message)
        return [message, *([held.pop(0)] if len(held) > count else [])]

    return edit


def retyped(message: Message) -> list[Sent]:
    return [{**message, "start": "soon"}]


async def say_a_word(stream: Stream) -> None:
    await stream.say(json.dumps({"type": "SpeechStarted", "channel": [0, 2], "timestamp": 1.0}))


BROKEN = {
    "closed with 1011": [Behaviour(after=50000, then=close(1011, "NET-0000"))],
    "closed with 1011 three times": [Behaviour(after=n, then=close(1011, "NET-0001")) for n in (30000, 4000, 500)],
    "closed with 1008": [Behaviour(after=50000, then=close(1008, "DATA-0000"))],
    "closed with 1000 too early": [Behaviour(after=61234, then=close(1000))],
    "reset": [Behaviour(after=70001, then=reset)],
    "reset with the first audio": [Behaviour(after=1, then=reset), Behaviour(after=1, then=reset)],
    "mute": [Behaviour(after=40000, then=go_mute)],
    "dead": [Behaviour(after=40000, then=go_dead)],
    "429": [Behaviour(refuse=(429, {"Retry-After": "7"}))],
    "429 again and again": [Behaviour(refuse=(429, {}))] * 5,
    "503": [Behaviour(refuse=(503, {})), Behaviour(refuse=(500, {})), Behaviour(after=9000, then=close(1011))],
    "no answer to the handshake": [Behaviour(silent_handshake=True)],
    "a text that is no JSON": [Behaviour(edit=of_frame(320, lambda _: ["{"]))],
    "a binary message": [Behaviour(edit=of_frame(320, lambda _: [b"\x00\xff"]))],
    "a result of another form": [Behaviour(edit=of_frame(320, retyped))],
    "the last result of another form": [Behaviour(edit=of_frame(CALL.frames(0)[-1], retyped))],
    "results of a third channel": [Behaviour(edit=of_frame(320, lambda m: [{**m, "channel_index": [2, 3]}]))],
    "results of the future": [Behaviour(edit=of_frame(320, lambda m: [{**m, "start": 3000.0}]))],
    "results without alternatives": [Behaviour(edit=of_frame(320, lambda m: [{**m, "channel": {"alternatives": []}}]))],
    "reset at the end": [Behaviour(at_close=reset)],
    "closed at the end without last results": [Behaviour(at_close=close(1000))],
    "closed with 1011 at the end": [Behaviour(at_close=close(1011, "NET-0000"))] * 3,
    "mute at the end": [Behaviour(at_close=go_mute)],
    "mute after a word at the end": [Behaviour(at_close=say_a_word)],
    "dead at the end": [Behaviour(at_close=go_dead)],
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_connection_that_fails_is_replaced_without_loss_or_repetition(name: str) -> None:
    outcome = simulate(transcribe(CALL, FakeDeepgram(*BROKEN[name])))
    assert_whole(outcome, CALL)
    assert words_of(outcome) == words_of_undisturbed()
    assert len(outcome.server.handshakes) > 1
    refused = sum(behaviour.refuse is not None or behaviour.silent_handshake for behaviour in BROKEN[name])
    assert outcome.session.counts.reconnects == len(outcome.server.handshakes) - 1 - refused


UNBROKEN: dict[str, Callable[[Message], list[Sent]]] = {
    "unknown messages": lambda message: [{"type": "Weather", "channel": "sunny"}, message],
    "messages that say nothing new": lambda message: [
        message,
        {"type": "UtteranceEnd", "channel": [0, 2], "last_word_end": -1},
        {"type": "SpeechStarted", "channel": [0, 2], "timestamp": 0.5},
        *([] if message["is_final"] else [{"type": "Metadata", "duration": 0.0}]),
        {"type": "Error", "variant": "SchemaError", "description": "no", "message": "no"},
    ],
    "malformed messages beside whole results": lambda message: [message, "", {"no": "type"}],
    "duplicate results": lambda message: [message, message],
    "late results": hold_back(7),
    "unknown fields": lambda message: [{**message, "new": {"a": [None]}}],
    "words that overlap the result before": lambda message: [widened(message)],
}


def widened(message: Message) -> Message:
    """Begin a result earlier than the one before it ended, with a word from there."""
    start = message["start"]
    if start < 1 or not message["is_final"]:
        return message
    best = message["channel"]["alternatives"][0]
    repeated = {"word": "again", "start": start - 0.3, "end": start - 0.01}
    return {
        **message,
        "start": start - 0.4,
        "duration": message["duration"] + 0.4,
        "channel": {
            "alternatives": [{**best, "transcript": f"again {best['transcript']}", "words": [repeated, *best["words"]]}]
        },
    }


@pytest.mark.parametrize("name", UNBROKEN)
def test_what_else_deepgram_sends_changes_nothing(name: str) -> None:
    outcome = simulate(transcribe(CALL, FakeDeepgram(Behaviour(edit=UNBROKEN[name]))))
    assert_whole(outcome, CALL)
    assert words_of(outcome) == words_of_undisturbed()
    assert outcome.session.counts.reconnects == 0
    assert (outcome.session.counts.unknown_messages > 0) == (name == "unknown messages")
    assert (outcome.session.counts.malformed_messages > 0) == (name.startswith("malformed"))


def words_of(outcome: Outcome) -> list[tuple[object, ...]]:
    return [told(final) for final in outcome.sink.spoken()]


def words_of_undisturbed() -> list[tuple[object, ...]]:
    return [told(final) for final in undisturbed()[0]]


def told(final: FinalResult) -> tuple[object, ...]:
    """Where a piece begins in the silence before its words depends on the connection, everything else does not."""
    return (
        final.channel,
        final.end,
        final.text,
        round(final.words_start, 6),
        round(final.words_end, 6),
        final.speech_final,
    )


def test_what_is_to_be_redacted_is_so_in_interim_and_final_words_and_keeps_its_times() -> None:
    call = Call(12)
    as_heard = simulate(transcribe(call, FakeDeepgram())).sink
    redactor = ResultRedactor(Redaction(), resumed=True)
    kept = simulate(transcribe(call, FakeDeepgram(), redactor=redactor)).sink
    assert kept.interims
    shown = [*(final.text for final in kept.finals), *(interim.text for interim in kept.interims)]
    assert {word for text in shown for word in text.split()} == {NUMBER}
    assert {word.text for final in kept.finals for word in final.words or ()} == {NUMBER}
    assert [times(final) for final in kept.finals] == [times(final) for final in as_heard.finals]


def times(final: FinalResult) -> object:
    words = [(word.start, word.end, word.confidence) for word in final.words or ()]
    return final.start, final.end, final.words_start, final.words_end, final.word_count, words


def test_a_call_without_audio_takes_no_connection() -> None:
    outcome = simulate(transcribe(Call(0), FakeDeepgram()))
    assert outcome.server.handshakes == []
    assert outcome.sink.finals == []
    assert outcome.session.watermarks == (0, 0)


@pytest.mark.parametrize("spoken", [nobody, the_agent_alone, everybody])
def test_silent_channels_and_speech_without_pause_are_calls_like_others(spoken: Callable[[int, int], bool]) -> None:
    call = Call(12, spoken)
    outcome = simulate(transcribe(call, FakeDeepgram(Behaviour(after=50000, then=reset))))
    assert_whole(outcome, call)


def test_channels_that_stand_at_different_places_are_heard_each_from_its_own() -> None:
    watermarks = (120 * 160, 400 * 160)
    outcome = simulate(transcribe(CALL, FakeDeepgram(), watermarks=watermarks))
    assert_whole(outcome, CALL, watermarks=watermarks)
    heard = outcome.server.streams[0].channels[1].heard
    assert min(number for number, _ in heard) >= 400  # below its watermark the channel is silence


def test_a_replay_goes_out_at_most_a_quarter_faster_than_it_was_said() -> None:
    call = Call(60)
    outcome = simulate(transcribe(call, FakeDeepgram(*[Behaviour(refuse=(503, {}))] * 12)))
    assert_whole(outcome, call)
    arrivals = outcome.server.streams[0].arrivals
    assert arrivals[0][0] - outcome.server.handshakes[0][0] > 20  # so there is something to catch up with
    for index, (begin, _) in enumerate(arrivals):
        samples = 0
        for at, count in arrivals[index:]:
            samples += count
            assert samples / 8000 <= 3.0 + 0.25 + 1.25 * (at - begin)
    assert outcome.took < 60 + 0.25 * 60 + 15


def test_a_pause_in_the_stream_is_bridged_with_keep_alives() -> None:
    async def run() -> FakeDeepgram:
        server, sink = FakeDeepgram(), ListSink()
        pieces = list(CALL.audio())
        async with server.running():
            session = DeepgramSession(encoding="mulaw", url=server.url, key=Keys(), sink=sink)
            running = asyncio.create_task(session.run())
            await play(session, pieces[:100])
            await asyncio.sleep(60)
            await play(session, pieces[100:])
            await session.finish()
            await running
        assert_whole(Outcome(server, sink, session, 0.0), CALL)
        return server

    server = simulate(run())
    (stream,) = server.streams
    events = sorted(at for at, _ in [*stream.texts, *stream.arrivals])
    assert max(after - before for before, after in pairwise(events)) < 6
    assert len([kind for _, kind in stream.texts if kind == "KeepAlive"]) >= 10
    assert stream.texts[-1][1] == "CloseStream"


def test_no_connection_is_opened_before_there_is_audio() -> None:
    async def run() -> None:
        server = FakeDeepgram(Behaviour(after=9000, then=close(1000)))
        async with server.running():
            session = DeepgramSession(encoding="mulaw", url=server.url, key=Keys(), sink=ListSink())
            running = asyncio.create_task(session.run())
            await asyncio.sleep(100)
            assert server.handshakes == []
            await play(session, CALL.audio())
            await session.finish()
            await running
        assert all(
            stream.arrivals[0][0] - at < 1 for stream, (at, _) in zip(server.streams, server.handshakes, strict=True)
        )

    simulate(run())


def test_audio_after_a_jump_gets_a_connection_of_its_own() -> None:
    call = Call(24, missing=range(333, 900))
    outcome = simulate(transcribe(call, FakeDeepgram()))
    assert_whole(outcome, call)
    first, second = outcome.server.streams
    assert [kind for _, kind in first.texts if kind != "KeepAlive"] == ["CloseStream"]
    assert first.received == 333 * 160
    assert second.received == call.end - 900 * 160
    assert outcome.session.counts.reconnects == 0


@pytest.mark.parametrize(
    "behaviours",
    [
        [Behaviour(at_close=reset)],
        [Behaviour(after=20000, then=reset), Behaviour(), Behaviour(after=20000, then=reset)],
        [Behaviour(), Behaviour(refuse=(503, {}))],
    ],
)
def test_a_jump_and_faults_around_it(behaviours: list[Behaviour]) -> None:
    call = Call(24, missing=range(333, 900))
    outcome = simulate(transcribe(call, FakeDeepgram(*behaviours)))
    assert_whole(outcome, call)


def test_a_result_that_stays_unreadable_is_a_gap_in_the_end() -> None:
    outcome = simulate(transcribe(CALL, FakeDeepgram(*[Behaviour(edit=of_frame(330, retyped))] * 9)))
    (gap,) = outcome.sink.gaps
    channel = next(channel for channel in (0, 1) if 330 in CALL.frames(channel))
    lost = range(gap.start // 160, gap.end // 160)
    assert gap.reason == GapReason.UNREADABLE
    assert 330 in lost
    assert gap.seconds <= 1
    assert outcome.sink.words(channel) == [number for number in CALL.frames(channel) if number not in lost]
    assert outcome.sink.words(1 - channel) == CALL.frames(1 - channel)
    assert len(outcome.server.streams) == 3
    assert outcome.session.watermarks == (CALL.end, CALL.end)


@pytest.mark.parametrize("at_close", [None, close(1000)])
def test_a_last_result_that_stays_unreadable_is_a_gap_too(at_close: Callable[[Stream], object] | None) -> None:
    last = CALL.frames(1)[-1]
    behaviour = Behaviour(edit=of_frame(last, retyped), at_close=at_close)
    outcome = simulate(transcribe(CALL, FakeDeepgram(*[behaviour] * 9)))
    assert [gap.reason for gap in outcome.sink.gaps] == [GapReason.UNREADABLE] * len(outcome.sink.gaps)
    assert any(gap.end == CALL.end for gap in outcome.sink.gaps)
    assert outcome.session.watermarks == (CALL.end, CALL.end)


def test_audio_that_deepgram_never_got_is_not_taken_for_silence() -> None:
    """The end of a stream counts only as far as Deepgram says that it has heard."""

    async def forget(stream: Stream) -> None:
        await stream.say(json.dumps({"type": "Metadata", "duration": 3.0}))
        await stream.socket.close(1000)

    outcome = simulate(transcribe(CALL, FakeDeepgram(Behaviour(at_close=forget))))
    assert_whole(outcome, CALL)


def test_silence_without_results_at_the_end_is_taken_for_silence() -> None:
    async def done(stream: Stream) -> None:
        await stream.say(json.dumps({"type": "Metadata", "duration": stream.received / 8000}))
        await stream.socket.close(1000)

    call = Call(10, lambda _, frame: frame < 200)
    outcome = simulate(transcribe(call, FakeDeepgram(Behaviour(at_close=done))))
    assert_whole(outcome, call)
    assert outcome.session.counts.reconnects == 0


def test_unfinalised_speech_is_asked_for_and_then_heard_elsewhere() -> None:
    """A recogniser that only ever sends interim results."""

    def never_final(message: Message) -> list[Sent]:
        return [{**message, "is_final": False}]

    call = Call(60)
    outcome = simulate(transcribe(call, FakeDeepgram(Behaviour(edit=never_final))))
    assert_whole(outcome, call)
    assert [kind for _, kind in outcome.server.streams[0].texts][:2] == ["Finalize", "Finalize"]
    assert outcome.session.counts.stalls == 1


def test_a_mute_connection_is_asked_before_it_is_given_up() -> None:
    outcome = simulate(transcribe(Call(60), FakeDeepgram(Behaviour(after=80000, then=go_mute))))
    muted, _ = outcome.server.streams
    assert [kind for _, kind in muted.texts] == ["Finalize"]
    assert outcome.session.counts.stalls == 1


def test_the_wait_that_deepgram_asks_for_is_kept() -> None:
    outcome = simulate(transcribe(CALL, FakeDeepgram(Behaviour(refuse=(429, {"Retry-After": "7"})))))
    (first, _), (second, _) = outcome.server.handshakes
    assert 7 < second - first < 8
    assert outcome.session.counts.rate_limited == 1


def test_waits_between_attempts_grow_with_jitter() -> None:
    outcome = simulate(transcribe(CALL, FakeDeepgram(*[Behaviour(refuse=(503, {}))] * 8), jitter=lambda: 1.0))
    times = [at for at, _ in outcome.server.handshakes]
    waits = [after - before for before, after in pairwise(times)]
    assert waits == pytest.approx([0.5, 1, 2, 4, 8, 10, 10, 10], abs=0.1)


def test_a_connection_that_lasted_starts_the_waits_anew() -> None:
    behaviours = [*[Behaviour(refuse=(503, {}))] * 4, Behaviour(after=20 * 8000, then=reset)]
    call = Call(60)
    outcome = simulate(transcribe(call, FakeDeepgram(*behaviours), jitter=lambda: 1.0))
    assert_whole(outcome, call)
    lost = outcome.server.streams[0].arrivals[-1][0]
    assert outcome.server.handshakes[-1][0] - lost < 1


def test_a_rotated_key_is_read_again_once() -> None:
    keys = Keys(["old-key-000000000000", KEY])
    outcome = simulate(transcribe(CALL, FakeDeepgram(Behaviour(refuse=(401, {}))), keys=keys))
    assert_whole(outcome, CALL)
    assert keys.refreshed == 1
    assert [headers["Authorization"] for _, headers in outcome.server.handshakes] == [
        "Token old-key-000000000000",
        f"Token {KEY}",
    ]


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404])
def test_a_refusal_for_good_ends_the_session_with_deepgrams_reason(status: int) -> None:
    headers = {"dg-error": f"Bad Request: no such model for {KEY}", "dg-request-id": "6b3f-1"}
    server = FakeDeepgram(*[Behaviour(refuse=(status, headers))] * 9)
    keys = Keys([KEY, "newer-key-0000000000"]) if status == 401 else Keys()
    with pytest.raises(DeepgramRefused) as refused:
        simulate(transcribe(CALL, server, keys=keys))
    assert refused.value.code == f"Deepgram.HTTP{status}"
    assert "no such model" in refused.value.message
    assert "6b3f-1" in refused.value.message
    assert status == 401 or KEY not in str(refused.value)
    assert len(server.handshakes) == (2 if status == 401 else 1)


def test_audio_that_is_refused_again_and_again_ends_the_session() -> None:
    server = FakeDeepgram(*[Behaviour(after=1, then=close(1008, "DATA-0000 bad audio"))] * 9)
    with pytest.raises(DeepgramRefused) as refused:
        simulate(transcribe(CALL, server))
    assert refused.value.code == "Deepgram.DATA-0000"
    assert len(server.streams) == 3


@pytest.mark.parametrize(
    "behaviour", [Behaviour(refuse=(503, {})), Behaviour(after=1, then=reset), Behaviour(after=1, then=go_mute)]
)
def test_an_outage_has_an_end(behaviour: Behaviour) -> None:
    async def run() -> float:
        began = asyncio.get_running_loop().time()
        with pytest.raises(DeepgramUnavailable):
            await transcribe(Call(200), FakeDeepgram(*[behaviour] * 500), limits=SessionLimits(outage=120.0))
        return asyncio.get_running_loop().time() - began

    assert 119 < simulate(run()) < 150


def test_a_connection_lost_in_a_pause_does_not_count_as_an_outage() -> None:
    async def run() -> None:
        server, sink, call = FakeDeepgram(Behaviour(), Behaviour(refuse=(503, {}))), ListSink(), Call(24, nobody)
        pieces = list(call.audio(piece=8000))
        async with server.running():
            session = DeepgramSession(
                encoding="mulaw", url=server.url, key=Keys(), sink=sink, limits=SessionLimits(outage=60.0)
            )
            running = asyncio.create_task(session.run())
            await play(session, pieces[:10])
            await asyncio.sleep(1)
            await server.streams[0].socket.close(1011)
            await asyncio.sleep(100)
            await play(session, pieces[10:])
            await session.finish()
            await running
        assert len(server.handshakes) == 3
        assert_whole(Outcome(server, sink, session, 0.0), call)

    simulate(run())


def test_finishing_ends_even_when_deepgram_is_gone() -> None:
    server = FakeDeepgram(Behaviour(at_close=reset), *[Behaviour(refuse=(503, {}))] * 500)
    with pytest.raises(DeepgramUnavailable):
        simulate(transcribe(CALL, server), limit=CALL.seconds + 320)


def test_a_slow_store_gets_results_in_batches_and_holds_up_nothing_else() -> None:
    sink = ListSink(delay=9.0)
    outcome = simulate(transcribe(CALL, FakeDeepgram(), sink=sink))
    assert_whole(outcome, CALL)
    assert sink.commits <= 5
    assert outcome.server.streams[0].arrivals[-1][0] - outcome.server.handshakes[0][0] < CALL.seconds + 1


def test_no_commit_is_larger_than_a_transaction() -> None:
    sizes: list[int] = []

    class Slow(ListSink):
        async def commit(self, finals: object, gaps: object) -> None:
            sizes.append(len(finals))  # type: ignore[arg-type]
            await super().commit(finals, gaps)  # type: ignore[arg-type]

    outcome = simulate(transcribe(Call(50), FakeDeepgram(), sink=Slow(delay=40.0)))
    assert_whole(outcome, Call(50))
    assert max(sizes) == MAX_COMMIT


def test_what_cannot_be_stored_ends_the_session() -> None:
    sink = ListSink(fail_at=3)
    server = FakeDeepgram()
    with pytest.raises(StoreFailed):
        simulate(transcribe(CALL, server, sink=sink))
    assert sink.commits == 3
    assert sink.words(0) == CALL.frames(0)[: len(sink.words(0))]


def test_results_that_came_before_a_refusal_are_stored() -> None:
    sink = ListSink(delay=3.0)
    server = FakeDeepgram(Behaviour(after=80000, then=reset), Behaviour(refuse=(403, {})))
    with pytest.raises(DeepgramRefused):
        simulate(transcribe(CALL, server, sink=sink))
    heard = [number for stream in server.streams for number, _ in stream.channels[0].heard]
    assert len(sink.words(0)) > len(heard) - 60


def test_a_full_buffer_holds_the_sender_up_and_drops_nothing() -> None:
    async def run() -> None:
        server, sink = FakeDeepgram(*[Behaviour(refuse=(503, {}))] * 20), ListSink()
        call = Call(120)
        most = 0.0
        async with server.running():
            session = DeepgramSession(
                encoding="mulaw",
                url=server.url,
                key=Keys(),
                sink=sink,
                limits=SessionLimits(buffer=10.0),
                jitter=lambda: 0.5,
            )
            running = asyncio.create_task(session.run())
            for piece in call.audio():
                await give(session, piece)  # as fast as it is taken
                most = max(most, session.buffered_seconds)
            await session.finish()
            await running
        assert_whole(Outcome(server, sink, session, 0.0), call)
        assert 9.9 < most < 10.1

    simulate(run())


def test_a_full_buffer_that_waits_for_a_pause_gets_out_of_it() -> None:
    """No final result comes before 25 frames are heard, and the buffer holds fewer."""

    async def run() -> None:
        server, sink = FakeDeepgram(), ListSink()
        call = Call(10, everybody)
        limits = SessionLimits(buffer=0.3, patience=Patience(unfinalised=0.25, answer=1.0))
        async with server.running():
            session = DeepgramSession(encoding="mulaw", url=server.url, key=Keys(), sink=sink, limits=limits)
            running = asyncio.create_task(session.run())
            for piece in call.audio():
                await give(session, piece)
            await session.finish()
            await running
        assert_whole(Outcome(server, sink, session, 0.0), call)

    simulate(run())


def test_a_call_that_is_handed_over_goes_on_elsewhere_word_for_word() -> None:
    async def run() -> None:
        server, sink = FakeDeepgram(), ListSink()
        loop = asyncio.get_running_loop()
        async with server.running():
            session = DeepgramSession(encoding="mulaw", url=server.url, key=Keys(), sink=sink)
            running = asyncio.create_task(session.run())
            await play(session, (piece for piece in CALL.audio() if piece.end < 11 * 8000))
            began = loop.time()
            await session.abandon()
            assert loop.time() - began < 1
            await running
            with pytest.raises(SessionOver):
                session.send(next(CALL.audio(start=11 * 8000)))
            successor = DeepgramSession(
                encoding="mulaw", url=server.url, key=Keys(), sink=sink, watermarks=session.watermarks
            )
            running = asyncio.create_task(successor.run())
            await play(successor, CALL.audio(start=min(session.watermarks)))
            await successor.finish()
            await running
        outcome = Outcome(server, sink, successor, 0.0)
        assert_whole(outcome, CALL)
        assert words_of(outcome) == words_of_undisturbed()

    simulate(run())


@pytest.mark.parametrize("spoken", [speaks, everybody, the_agent_alone, nobody])
@pytest.mark.parametrize("at", [100, 70_000, 81_001, 93_333])
def test_a_word_that_is_cut_in_two_where_the_audio_breaks_off_is_heard_whole_later(
    spoken: Callable[[int, int], bool], at: int
) -> None:
    call = Call(20, spoken)

    async def run() -> None:
        server, sink = FakeDeepgram(), ListSink()
        async with server.running():
            watermarks = (0, 0)
            for audio, cut in ((call.audio(piece=at), True), (None, False)):
                session = DeepgramSession(
                    encoding="mulaw", url=server.url, key=Keys(), sink=sink, watermarks=watermarks
                )
                running = asyncio.create_task(session.run())
                await play(session, islice(audio, 1) if audio else call.audio(start=min(watermarks)))
                await session.finish(cut=cut)
                await running
                watermarks = session.watermarks
                for channel in (0, 1) if cut else ():
                    certain = [frame for frame in call.frames(channel) if (frame + 1) * FRAME_SAMPLES <= at - 4_000]
                    assert sink.words(channel) == certain
        for channel in (0, 1):
            assert sink.words(channel) == call.frames(channel)
        assert watermarks == (call.end, call.end)

    simulate(run())


@pytest.mark.parametrize("behaviour", [Behaviour(after=8000, then=go_dead), Behaviour(silent_handshake=True)])
@pytest.mark.parametrize("delay", [0.5, 100.0])
def test_abandoning_takes_seconds_whoever_hangs(behaviour: Behaviour, delay: float) -> None:
    async def run() -> None:
        server, sink = FakeDeepgram(behaviour), ListSink(delay=delay)
        loop = asyncio.get_running_loop()
        async with server.running():
            session = DeepgramSession(encoding="mulaw", url=server.url, key=Keys(), sink=sink)
            running = asyncio.create_task(session.run())
            await play(session, (piece for piece in CALL.audio() if piece.end < 6 * 8000))
            began = loop.time()
            await session.abandon()
            assert loop.time() - began <= 5.1
            await running
            await session.abandon()  # once more changes nothing

    simulate(run())


def test_a_session_abandoned_before_it_runs_ends_at_once() -> None:
    async def run() -> None:
        session = DeepgramSession(encoding="mulaw", url="ws://127.0.0.1:9/", key=Keys(), sink=ListSink())
        await session.abandon()
        await session.run()

    simulate(run())


@pytest.mark.parametrize(
    "behaviour",
    [Behaviour(), Behaviour(after=8000, then=go_dead), Behaviour(refuse=(503, {})), Behaviour(at_close=go_dead)],
)
def test_cancelling_hangs_nowhere(behaviour: Behaviour) -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = FakeDeepgram(behaviour)
        async with server.running():
            session = DeepgramSession(encoding="mulaw", url=server.url, key=Keys(), sink=ListSink(delay=50.0))
            running = asyncio.create_task(session.run())
            await play(session, (piece for piece in CALL.audio() if piece.end < 6 * 8000))
            finishing = asyncio.create_task(session.finish())
            await asyncio.sleep(0.5)
            began = loop.time()
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            assert loop.time() == began
            await finishing
            with pytest.raises(SessionOver):
                session.send(next(CALL.audio(start=6 * 8000)))

    simulate(run())


def test_a_sender_that_waits_learns_of_the_end() -> None:
    async def run() -> None:
        server = FakeDeepgram(*[Behaviour(refuse=(503, {}))] * 100)
        async with server.running():
            limits = SessionLimits(buffer=2.0, outage=30.0)
            session = DeepgramSession(encoding="mulaw", url=server.url, key=Keys(), sink=ListSink(), limits=limits)
            running = asyncio.create_task(session.run())
            with pytest.raises(DeepgramUnavailable):
                await play(session, CALL.audio())
            with pytest.raises(DeepgramUnavailable):
                await running

    simulate(run())


def test_interim_words_are_handed_on_for_new_audio_only() -> None:
    outcome = simulate(transcribe(CALL, FakeDeepgram(Behaviour(after=70000, then=reset))))
    interims = outcome.sink.interims
    assert interims
    for interim in interims:
        numbers = [int(word[1:]) for word in interim.text.split()]
        assert interim.start == pytest.approx(numbers[0] / 50)
        assert interim.end == pytest.approx((numbers[-1] + 1) / 50)


def test_words_of_both_channels_that_come_together_are_stored_together() -> None:
    outcome = simulate(transcribe(CALL, FakeDeepgram()))
    spoken = [final for final in outcome.sink.finals if final.text]
    assert outcome.sink.commits < len(spoken) < len(outcome.sink.finals)


def test_words_are_stored_within_a_fifth_of_a_second() -> None:
    """After a result that comes with them, which the server sends at the end of a stretch of 20 ms to 0.3 s."""

    class Timed(ListSink):
        async def commit(self, finals: Sequence[FinalResult], gaps: Sequence[Gap]) -> None:
            await super().commit(finals, gaps)
            now = asyncio.get_running_loop().time() - began
            late.extend(now - final.end / 8000 for final in finals if final.text)

    late: list[float] = []
    began = 0.0

    async def play_it() -> Outcome:
        nonlocal began
        began = asyncio.get_running_loop().time()
        return await transcribe(CALL, FakeDeepgram(), sink=Timed())

    simulate(play_it())
    assert late
    assert max(late) < 0.5


def test_no_word_and_no_key_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    behaviours = [*BROKEN["a result of another form"], Behaviour(after=20000, then=close(1011, "NET-0000 f320"))]
    simulate(transcribe(CALL, FakeDeepgram(*behaviours, Behaviour(refuse=(429, {})))))
    ours = [record for record in caplog.records if record.name.startswith("streamer")]
    assert any(record.getMessage() == "connecting to Deepgram again" for record in ours)
    written = " ".join(f"{record.getMessage()} {record.__dict__}" for record in ours)
    assert KEY not in written
    assert "f320" not in written
    assert not [record for record in caplog.records if record.name.startswith("picows")]


ACTIONS = {
    "1011": close(1011, "NET-0000"),
    "1008": close(1008, "DATA-0000"),
    "1000": close(1000),
    "reset": reset,
    "mute": go_mute,
    "dead": go_dead,
}
FAULTS = st.one_of(
    st.builds(Behaviour, refuse=st.sampled_from([(429, {"Retry-After": "2"}), (503, {}), (500, {})])),
    st.builds(Behaviour, after=st.integers(0, 10 * 8000), then=st.sampled_from(list(ACTIONS)).map(ACTIONS.__getitem__)),
    st.builds(Behaviour, at_close=st.sampled_from(list(ACTIONS)).map(ACTIONS.__getitem__)),
    st.builds(lambda frame: Behaviour(edit=of_frame(frame, retyped)), st.integers(0, 540)),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(FAULTS, max_size=6), st.sampled_from([512, 1000, 8000]), st.floats(0, 4), st.booleans())
def test_no_schedule_of_faults_loses_or_repeats_a_word(
    faults: list[Behaviour], piece: int, store_delay: float, jumps: bool
) -> None:
    call = Call(11, missing=range(300, 380) if jumps else range(0))
    # A third message lost at the same place would be given up, and a third 1008 refused.
    outcome = None
    with suppress(DeepgramRefused):
        outcome = simulate(transcribe(call, FakeDeepgram(*faults), sink=ListSink(delay=store_delay), piece=piece))
    if outcome is not None and not outcome.sink.gaps:
        assert_whole(outcome, call)
    else:
        assert len(faults) >= 3


def test_gaps_are_told_with_their_results() -> None:
    stored: list[tuple[list[FinalResult], list[Gap]]] = []

    class Recording(ListSink):
        async def commit(self, finals: object, gaps: object) -> None:
            stored.append((list(finals), list(gaps)))  # type: ignore[call-overload]

    simulate(transcribe(CALL, FakeDeepgram(*[Behaviour(edit=of_frame(330, retyped))] * 9), sink=Recording()))
    (finals, (gap,)) = next(pair for pair in stored if pair[1])
    assert gap.end in {final.start for final in finals} | {final.end for final in finals}
