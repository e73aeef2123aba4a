import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.calls.attributes import from_attributes, to_attributes
from streamer.calls.state import Checkpoint, EndHints, checkpoint_in, completion, hints_in, without_pause
from transcription.live_call import EndReason, Gap, GapReason

START_MS = 1_795_000_000_000
MISSING = Gap(start=8_000, end=16_000, reason=GapReason.MISSING)
UNREADABLE = Gap(start=20_000, end=24_000, reason=GapReason.UNREADABLE)

POSITIONS = st.integers(0, 2**40)
CHECKPOINTS = st.builds(
    Checkpoint,
    origin_ms=st.none() | st.integers(1, 2**45),
    watermarks=st.tuples(POSITIONS, POSITIONS),
    next_seq=st.integers(1, 10**6),
    published_seq=st.integers(0, 10**6),
    resume_token=st.none() | st.text("0123456789", min_size=1),
    gaps=st.lists(
        st.builds(
            Gap,
            start=POSITIONS,
            end=POSITIONS,
            reason=st.sampled_from(GapReason),
            channel=st.none() | st.sampled_from((0, 1)),
        )
    ).map(tuple),
    word_count=st.integers(0, 10**6),
    reconnects=st.integers(0, 100),
    vocabulary_terms=st.none() | st.integers(0, 100),
    model=st.text(max_size=9),
)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | st.text(max_size=9)
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(max_size=9), SCALARS, max_size=3)


@given(CHECKPOINTS)
def test_a_checkpoint_survives_the_table(checkpoint: Checkpoint) -> None:
    assert checkpoint_in(from_attributes(to_attributes(checkpoint.attributes()))) == checkpoint


@given(st.dictionaries(st.text(max_size=9), VALUES, max_size=3))
def test_values_survive_the_table(values: dict[str, object]) -> None:
    assert from_attributes(to_attributes(values)) == values


def test_a_call_without_a_streamer_yet_has_an_empty_checkpoint() -> None:
    assert checkpoint_in({}) == Checkpoint()


@pytest.mark.parametrize(
    ("end_reason", "gaps", "reasons"),
    [
        (EndReason.DISCONNECTED, (), ()),
        (EndReason.STOP_FRAGMENT, (MISSING,), ("gap-missing",)),
        (EndReason.OTHER_CONTACT, (MISSING, UNREADABLE, MISSING), ("gap-missing", "gap-unreadable")),
        (EndReason.IDLE, (), ("end-not-proven",)),
        (EndReason.LIMIT, (UNREADABLE,), ("gap-unreadable", "over-limit")),
    ],
)
def test_a_call_is_complete_without_gaps_and_with_a_proven_end(
    end_reason: EndReason, gaps: tuple[Gap, ...], reasons: tuple[str, ...]
) -> None:
    ended = completion(
        Checkpoint(origin_ms=START_MS + 500, gaps=gaps), end_reason=end_reason, began_at_ms=START_MS, position=80_000
    )
    assert (ended.complete, ended.incomplete_reasons) == (not reasons, reasons)
    assert (ended.ended_at_ms, ended.duration_seconds) == (START_MS + 10_500, 10.0)


def test_a_call_without_audio_ends_where_it_began() -> None:
    ended = completion(Checkpoint(), end_reason=EndReason.DISCONNECTED, began_at_ms=START_MS, position=0)
    assert (ended.ended_at_ms, ended.duration_seconds) == (START_MS, 0.0)


def test_a_pause_of_the_streaming_is_no_gap() -> None:
    pause = Gap(start=8_000, end=160_800, reason=GapReason.MISSING)
    resumed_at_ms = START_MS + 20_000
    assert without_pause((MISSING, pause), origin_ms=START_MS, resumed_at_ms=resumed_at_ms) == (MISSING,)
    assert without_pause((MISSING, pause), origin_ms=START_MS, resumed_at_ms=None) == (MISSING, pause)


@pytest.mark.parametrize(
    ("item", "hints"),
    [
        ({}, EndHints()),
        ({"disconnected_at": "2026-11-20T10:00:00+00:00"}, EndHints(disconnected=True)),
        ({"started_at_ms": 5, "stop_fragment": "9", "stopped_at_ms": 6}, EndHints(stop_fragment="9")),
        (
            {"started_at_ms": 5, "stop_fragment": "9", "stopped_at_ms": 6, "resumed_at_ms": 7},
            EndHints(resumed_at_ms=7),
        ),
    ],
)
def test_a_stop_counts_until_streaming_is_started_again(item: dict[str, object], hints: EndHints) -> None:
    assert hints_in(item) == hints
