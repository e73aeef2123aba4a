"""The call that a verification plays, and how what was understood of it is held against it."""

import io
import wave

import pytest

from operations.checks.findings import State
from operations.verification.batch import compared
from operations.verification.sample import SaidTurn, Sample

TURNS = (
    SaidTurn(channel=1, start=0, end=1, text="Good morning, how can I help?"),
    SaidTurn(channel=0, start=1, end=2, text="I got a bill, and I think it is wrong."),
)


def recording(*, channels: int = 2, rate: int = 8_000) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(channels)
        written.setsampwidth(2)
        written.setframerate(rate)
        written.writeframes(bytes(2 * channels * rate * 2))
    return file.getvalue()


SAMPLE = Sample.of(recording(), TURNS)


def utterance(channel: int, text: str, role: str | None = None) -> dict[str, object]:
    return {"channel": channel, "text": text, "role": role or ("customer", "agent")[channel]}


def test_the_shipped_sample_is_a_call_of_two_parties() -> None:
    sample = Sample.shipped()
    assert {turn.channel for turn in sample.turns} == {0, 1}
    assert all(0 <= turn.start < turn.end <= sample.seconds for turn in sample.turns)
    assert all(any(channel) for channel in sample.channels)
    assert sample.seconds < 30


@pytest.mark.parametrize("wrong", [{"channels": 1}, {"rate": 16_000}])
def test_another_kind_of_recording_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="two channels of 16 bits and 8000 samples"):
        Sample.of(recording(**wrong), TURNS)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("i got a bill and i think it is wrong", 10),
        ("I got a pill. And I think, it's wrong!", 7),
        ("", 0),
    ],
)
def test_words_count_in_their_order_and_however_they_are_written(text: str, found: int) -> None:
    assert SAMPLE.heard(0, text) == (found, 10)


def states(*utterances: dict[str, object]) -> list[tuple[State, str]]:
    return [(finding.state, finding.what) for finding in compared(SAMPLE, utterances)]


def test_what_was_said_by_whom_it_was_said_is_all_right() -> None:
    found = states(utterance(1, "good morning how can I help"), utterance(0, "I got a bill and I think it is wrong"))
    assert [state for state, _ in found] == [State.OK, State.OK]


def test_swapped_channels_and_another_language_are_failures() -> None:
    swapped = states(utterance(0, "good morning how can I help"), utterance(1, "I got a bill and I think it is wrong"))
    assert [state for state, _ in swapped] == [State.FAILED, State.FAILED]


def test_another_role_is_told_apart_from_other_words() -> None:
    found = states(
        utterance(1, "good morning how can I help", "announcement"),
        utterance(0, "I got a bill and I think it is wrong"),
    )
    assert (State.WARNING, "who is on channel 1 is called announcement") in found


def test_no_finding_has_a_word_of_the_call() -> None:
    for _, what in states(utterance(1, "glaucoma"), utterance(0, "latanoprost")):
        assert "glaucoma" not in what
        assert "latanoprost" not in what
