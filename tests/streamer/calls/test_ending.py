import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscribe.live.call import EndReason
from streamer.calls.ending import EndLimits, Evidence, end_of, never_started

LIMITS = EndLimits(settle=4, idle=120, start_wait=60, call=3600)
OF_THE_STREAM = (EndReason.OTHER_CONTACT, EndReason.STOP_FRAGMENT)

EVIDENCE = st.builds(
    Evidence,
    stream=st.sampled_from((None, *OF_THE_STREAM)),
    disconnected=st.booleans(),
    heard=st.booleans(),
    silence=st.floats(0, 4000),
    silent_bodies=st.integers(0, 5),
    length=st.floats(0, 4000),
)


def evidence(**known: object) -> Evidence:
    nothing: dict[str, object] = {
        "stream": None,
        "disconnected": False,
        "heard": True,
        "silence": 0.0,
        "silent_bodies": 0,
        "length": 100.0,
    }
    return Evidence(**nothing | known)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        ({}, None),
        ({"stream": EndReason.OTHER_CONTACT}, EndReason.OTHER_CONTACT),
        ({"stream": EndReason.STOP_FRAGMENT}, EndReason.STOP_FRAGMENT),
        ({"disconnected": True}, None),
        ({"disconnected": True, "silence": 5.0}, None),
        ({"disconnected": True, "silent_bodies": 1, "silence": 3.0}, None),
        ({"disconnected": True, "silent_bodies": 1, "silence": 5.0}, EndReason.DISCONNECTED),
        ({"disconnected": True, "silent_bodies": 1, "silence": 5.0, "heard": False}, EndReason.DISCONNECTED),
        ({"silent_bodies": 9, "silence": 119.0}, None),
        ({"silent_bodies": 9, "silence": 121.0}, EndReason.IDLE),
        ({"silence": 121.0}, None),
        ({"silent_bodies": 9, "silence": 121.0, "heard": False}, None),
        ({"length": 3600.0}, EndReason.LIMIT),
    ],
)
def test_the_end_follows_from_evidence(known: dict[str, object], reason: EndReason | None) -> None:
    assert end_of(evidence(**known), LIMITS) is reason


@given(EVIDENCE)
def test_a_silent_stream_alone_proves_nothing(seen: Evidence) -> None:
    reason = end_of(seen, LIMITS)
    if reason is not None and reason.proven:
        assert seen.stream is not None or (seen.disconnected and seen.silent_bodies)


@given(EVIDENCE)
def test_what_the_stream_says_counts_before_all(seen: Evidence) -> None:
    assert seen.stream is None or end_of(seen, LIMITS) is seen.stream


@given(EVIDENCE)
def test_every_call_ends(seen: Evidence) -> None:
    assert seen.length < LIMITS.call or end_of(seen, LIMITS) is not None


@given(EVIDENCE)
def test_a_call_that_never_started_has_not_ended(seen: Evidence) -> None:
    if never_started(seen, LIMITS):
        assert not seen.heard
        assert end_of(seen, LIMITS) is None
