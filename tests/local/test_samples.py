"""The sample calls are what their scripts and turn times say."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from tests.local.speech.calls import SAMPLES

UNSCRIPTED = SAMPLES / "unscripted"
CALLS = sorted(SAMPLES.rglob("*.wav"))
SPEAKERS = ["PATIENT", "AGENT"]  # by channel

every_call = pytest.mark.parametrize("call", CALLS, ids=lambda call: call.stem)
every_unscripted_call = pytest.mark.parametrize("call", sorted(UNSCRIPTED.glob("*.wav")), ids=lambda call: call.stem)


def turns(call: Path) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(call.with_suffix(".json").read_text("utf-8"))
    return listed


def audio(call: Path) -> npt.NDArray[np.float64]:
    """The samples of a call, frames by channels."""
    return np.asarray(soundfile.read(call)[0], np.float64)


def level(samples: npt.NDArray[np.float64]) -> float:
    """Decibels of full scale, as root mean square."""
    return float(10 * np.log10(np.mean(samples**2) + 1e-12))


def test_both_sets_are_there() -> None:
    assert {call.parent for call in CALLS} == {SAMPLES, UNSCRIPTED}


@every_call
def test_a_call_is_in_the_layout_of_amazon_connect(call: Path) -> None:
    info = soundfile.info(call)
    assert (info.samplerate, info.channels, info.format, info.subtype) == (8000, 2, "WAV", "PCM_16")
    assert 40 <= info.duration <= 65
    assert np.abs(audio(call)).max() < 1  # nothing is clipped


@every_call
def test_script_and_turn_times_say_the_same(call: Path) -> None:
    script = call.with_suffix(".txt").read_text("utf-8")
    assert script == "".join(f"{turn['speaker']}: {turn['text']}\n" for turn in turns(call))


@every_call
def test_turns_are_in_order_inside_the_recording_and_apart_on_each_channel(call: Path) -> None:
    listed = turns(call)
    assert all(turn["speaker"] == SPEAKERS[turn["channel"]] for turn in listed)
    assert [turn["start"] for turn in listed] == sorted(turn["start"] for turn in listed)
    assert all(0 <= turn["start"] < turn["end"] <= soundfile.info(call).duration for turn in listed)
    for channel in (0, 1):
        own = [turn for turn in listed if turn["channel"] == channel]
        assert all(one["end"] < other["start"] for one, other in itertools.pairwise(own))


@every_call
def test_a_speaker_is_heard_during_turns_and_hardly_between_them(call: Path) -> None:
    samples, rate = audio(call), soundfile.info(call).samplerate
    for channel in (0, 1):
        rest = samples[:, channel].copy()
        spoken = []
        for turn in (turn for turn in turns(call) if turn["channel"] == channel):
            begin, end = round(turn["start"] * rate), round(turn["end"] * rate)
            spoken.append(level(samples[begin:end, channel]))
            rest[max(0, begin - rate // 20) : end + rate // 20] = 0
        pieces = rest[: len(rest) // (rate // 10) * (rate // 10)].reshape(-1, rate // 10)
        assert min(spoken) > max(map(level, pieces)) + 5  # hold music is 6 dB below the voices at its loudest


@every_unscripted_call
def test_in_an_unscripted_call_people_hesitate_restart_and_speak_at_once(call: Path) -> None:
    listed = turns(call)
    said = " ".join(turn["text"] for turn in listed)
    assert re.search(r"\b[Uu]h\b", said)
    assert re.search(r"\b[Uu]m\b", said)
    assert re.search(r"\b(\w+), \1\b", said)
    inside = [
        one["text"]
        for one, other in itertools.product(listed, listed)
        if one["channel"] != other["channel"] and other["start"] < one["start"] and one["end"] < other["end"]
    ]
    assert len(inside) >= 2  # backchannels
    cut = next(index for index, turn in enumerate(listed) if turn["text"].endswith("..."))
    assert listed[cut]["start"] < listed[cut + 1]["start"] < listed[cut]["end"] < listed[cut + 1]["end"]


@every_unscripted_call
def test_in_an_unscripted_call_the_customer_holds(call: Path) -> None:
    listed = turns(call)
    pauses = [
        later["start"] - max(turn["end"] for turn in listed[: index + 1]) for index, later in enumerate(listed[1:])
    ]
    assert max(pauses) > 4
