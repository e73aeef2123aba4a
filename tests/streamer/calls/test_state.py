from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscribe.conversation.utterances import Role, TimedWord
from callscribe.documents import item_size
from callscribe.live.call import EndReason, Gap, GapReason, LiveUtterance
from callscribe.live.coverage import Bound, Interval, Streaming
from callscribe.serialization import encode
from callscribe.table_values import attribute
from streamer.calls.attributes import from_attributes, to_attributes
from streamer.calls.state import Checkpoint, Completion, EndHints, checkpoint_in, completion, hints_in
from streamer.deepgram.result_tracker import MAX_TEXT, MAX_WORDS
from streamer.deepgram.session import MAX_COMMIT

START_MS = 1_795_000_000_000
MISSING = Gap(start=8_000, end=16_000, reason=GapReason.MISSING)
UNREADABLE = Gap(start=20_000, end=24_000, reason=GapReason.UNREADABLE)

POSITIONS = st.integers(0, 2**40)
GAPS = st.lists(
    st.builds(
        Gap,
        start=POSITIONS,
        end=POSITIONS,
        reason=st.sampled_from(GapReason),
        channel=st.none() | st.sampled_from((0, 1)),
    )
).map(tuple)
CHECKPOINTS = st.builds(
    Checkpoint,
    origin_ms=st.none() | st.integers(1, 2**45),
    first_fragment=st.text("0123456789"),
    watermarks=st.tuples(POSITIONS, POSITIONS),
    next_seq=st.integers(1, 10**6),
    published_seq=st.integers(0, 10**6),
    resume_token=st.none() | st.text("0123456789", min_size=1),
    gaps=GAPS,
    paused=GAPS,
    word_count=st.integers(0, 10**6),
    reconnects=st.integers(0, 100),
    vocabulary_terms=st.none() | st.integers(0, 100),
    model=st.text(max_size=9),
)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | st.text(max_size=9)
NUMBERS = st.frozensets(st.integers(-(2**53), 2**53), min_size=1, max_size=3)
VALUES = SCALARS | NUMBERS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(max_size=9), SCALARS, max_size=3)


@given(CHECKPOINTS)
def test_a_checkpoint_survives_the_table(checkpoint: Checkpoint) -> None:
    assert checkpoint_in(from_attributes(to_attributes(checkpoint.attributes()))) == checkpoint


@given(st.dictionaries(st.text(max_size=9), VALUES, max_size=3))
def test_values_survive_the_table(values: dict[str, object]) -> None:
    assert from_attributes(to_attributes(values)) == values


def test_a_call_without_a_streamer_yet_has_an_empty_checkpoint() -> None:
    assert checkpoint_in({}) == Checkpoint()


TOLD = Streaming(starts_ms=(START_MS,), disconnected_at_ms=START_MS + 10_000)


def completed(
    *gaps: Gap, end_reason: EndReason = EndReason.DISCONNECTED, streaming: Streaming = TOLD, **checkpoint: Any
) -> Completion:
    """Judge a call that was heard from half a second after its start, for ten seconds."""
    return completion(
        Checkpoint(**{"origin_ms": START_MS + 500, "gaps": gaps, **checkpoint}),
        end_reason=end_reason,
        began_at_ms=START_MS,
        position=80_000,
        streaming=streaming,
    )


@pytest.mark.parametrize(
    ("end_reason", "gaps", "reasons"),
    [
        (EndReason.DISCONNECTED, (), ()),
        (EndReason.STOP_FRAGMENT, (MISSING,), ("gap-missing",)),
        (EndReason.OTHER_CONTACT, (MISSING, UNREADABLE, MISSING), ("gap-missing", "gap-unreadable")),
        (EndReason.LIMIT, (UNREADABLE,), ("gap-unreadable", "over-limit")),
    ],
)
def test_a_call_is_complete_without_gaps_and_with_proven_ends(
    end_reason: EndReason, gaps: tuple[Gap, ...], reasons: tuple[str, ...]
) -> None:
    ended = completed(*gaps, end_reason=end_reason)
    assert (ended.complete, ended.incomplete_reasons) == (not reasons, reasons)
    assert (ended.ended_at_ms, ended.duration_seconds) == (START_MS + 10_500, 10.0)


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({"streaming": replace(TOLD, starts_ms=(START_MS - 6_000,))}, ("beginning-missing",)),
        ({"streaming": replace(TOLD, start_fragment="7"), "first_fragment": "9"}, ()),
        (
            {"streaming": replace(TOLD, start_fragment="7"), "first_fragment": "9", "origin_ms": START_MS + 1_500},
            ("beginning-missing",),
        ),
        ({"streaming": replace(TOLD, starts_ms=())}, ("beginning-not-proven",)),
        ({"streaming": replace(TOLD, disconnected_at_ms=START_MS + 15_000)}, ("end-missing",)),
        ({"streaming": replace(TOLD, disconnected_at_ms=None)}, ("end-not-proven",)),
        ({"streaming": Streaming()}, ("beginning-not-proven", "end-not-proven")),
        # Nothing more came for minutes, and then Connect said that there would not.
        ({"end_reason": EndReason.IDLE}, ()),
        ({"end_reason": EndReason.LIMIT, "streaming": replace(TOLD, disconnected_at_ms=None)}, ("over-limit",)),
    ],
)
def test_an_end_that_is_not_proven_is_named(changes: dict[str, Any], reasons: tuple[str, ...]) -> None:
    assert completed(**changes).incomplete_reasons == reasons


def test_what_was_heard_and_told_is_kept() -> None:
    streaming = Streaming(
        starts_ms=(START_MS, START_MS + 6_000), stops_ms=(START_MS + 4_000,), disconnected_at_ms=START_MS + 10_000
    )
    ended = completed(UNREADABLE, streaming=streaming)
    pieces = ((500, 3_000), (3_500, 4_000), (6_000, 10_500))
    assert ended.intervals == tuple(Interval(start_ms=START_MS + a, end_ms=START_MS + b) for a, b in pieces)
    assert ended.beginning == Bound(
        heard_at_ms=START_MS + 500, told_at_ms=START_MS, source="start-timestamp", missing=False
    )
    assert ended.end == Bound(
        heard_at_ms=START_MS + 10_500, told_at_ms=START_MS + 10_000, source="disconnect-timestamp", missing=False
    )


def test_what_was_not_heard_beside_a_pause_is_not_told_to_be_transcribed() -> None:
    # By its own clock the stream has nothing from 3.9 to 6.4 s; Connect tells of a pause from 4 to 6 s.
    streaming = Streaming(
        starts_ms=(START_MS, START_MS + 6_000), stops_ms=(START_MS + 4_000,), disconnected_at_ms=START_MS + 10_000
    )
    hole = Gap(start=8 * 3_400, end=8 * 5_900, reason=GapReason.MISSING)
    ended = completed(streaming=streaming, paused=(hole,))
    assert ended.complete
    pieces = ((500, 3_900), (6_400, 10_500))
    assert ended.intervals == tuple(Interval(start_ms=START_MS + a, end_ms=START_MS + b) for a, b in pieces)


def test_a_call_without_audio_ends_where_it_began() -> None:
    ended = completion(
        Checkpoint(),
        end_reason=EndReason.DISCONNECTED,
        began_at_ms=START_MS,
        position=0,
        streaming=replace(TOLD, disconnected_at_ms=START_MS + 900),
    )
    assert (ended.ended_at_ms, ended.duration_seconds, ended.intervals) == (START_MS, 0.0, ())
    assert ended.complete


def test_a_call_of_which_nothing_was_heard_is_not_complete() -> None:
    ended = completion(
        Checkpoint(), end_reason=EndReason.DISCONNECTED, began_at_ms=START_MS, position=0, streaming=TOLD
    )
    assert ended.incomplete_reasons == ("beginning-missing", "end-missing")


@pytest.mark.parametrize(
    ("item", "hints"),
    [
        ({}, EndHints()),
        (
            {"disconnected_at": "2026-11-20T10:00:00+00:00"},
            EndHints(disconnected=True, streaming=Streaming(disconnected_at_ms=1_795_168_800_000)),
        ),
        (
            {"started_at_ms": 5, "start_fragment": "8", "stop_fragment": "9", "stopped_at_ms": 6},
            EndHints(stop_fragment="9", streaming=Streaming(starts_ms=(5,), stops_ms=(6,), start_fragment="8")),
        ),
        (
            {"started_at_ms": 5, "stop_fragment": "9", "stopped_at_ms": 6, "resumed_at_ms": 7},
            EndHints(resumed_at_ms=7, streaming=Streaming(starts_ms=(5, 7), stops_ms=(6,))),
        ),
        (
            {"started_at_ms": 5, "starts_ms": frozenset({5, 7, 9}), "stops_ms": frozenset({8, 6})},
            EndHints(streaming=Streaming(starts_ms=(5, 7, 9), stops_ms=(6, 8))),
        ),
    ],
)
def test_a_stop_counts_until_streaming_is_started_again(item: dict[str, object], hints: EndHints) -> None:
    assert hints_in(item) == hints


def test_the_largest_results_fit_into_one_transaction() -> None:
    """With their words; DynamoDB takes 400 KB of an item and 4 MB of a transaction (Developer Guide, "Quotas")."""
    # As long as a text may be, of characters that take four bytes.
    text = " ".join(["😀" * (MAX_TEXT // MAX_WORDS - 1)] * MAX_WORDS)[:MAX_TEXT]
    said = LiveUtterance(
        seq=99_999_999,
        channel=1,
        role=Role.CUSTOMER,
        text=text,
        start=12_345.678901,
        end=12_399.678901,
        confidence=0.987654,
        word_count=MAX_WORDS,
        speech_final=False,
        words=tuple(TimedWord(word, 12_345.678, 12_345.999, 0.9876) for word in text.split()),
        languages=("en-GB",) * 20,
    )
    size = item_size(attribute(encode(said)))
    assert len(said.words or ()) == MAX_WORDS
    assert size < 100_000
    assert size * MAX_COMMIT < 4 * 1024 * 1024
