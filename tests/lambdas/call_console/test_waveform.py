"""The waveform of a call's recording: who gets it, who has it drawn, and what of it is shown."""

from __future__ import annotations

import math

import pytest

from tests.callscribe.test_peaks import recording as pcm
from tests.lambdas.call_console.conftest import Console, Functions
from tests.lambdas.call_console.page_module import run_with

WAVEFORM = "/api/clinics/harbour/calls/2026-11-20/call-7/waveform"


def test_a_waveform_that_nobody_has_drawn_yet_is_drawn_when_it_is_asked_for(
    console: Console, functions: Functions
) -> None:
    console.store(content=pcm([0] * 8000, [12_000] * 8000))
    before = console.ask(WAVEFORM).json
    assert before == {"recording": True, "drawn": False, "duration_seconds": None, "channels": None, "reason": None}
    assert console.ask(WAVEFORM, method="POST").json == {"started": True}
    drawn = console.ask(WAVEFORM).json
    assert (drawn["drawn"], drawn["duration_seconds"], len(drawn["channels"])) == (True, 1.0, 2)
    assert console.ask(WAVEFORM, method="POST").json == {"started": False}
    assert len(functions.asked) == 1


def test_a_recording_without_one_says_why(console: Console) -> None:
    console.store(content=b"OggS" + bytes(100))
    console.ask(WAVEFORM, method="POST")
    told = console.ask(WAVEFORM).json
    assert (told["drawn"], told["channels"], told["reason"]) == (True, None, "coding")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_who_is_of_another_clinic_gets_what_there_is_of_no_call(
    console: Console, functions: Functions, method: str
) -> None:
    console.store()
    there, nowhere = (
        console.ask(path, groups="[lakeside]", method=method)
        for path in (WAVEFORM, WAVEFORM.replace("harbour", "nowhere"))
    )
    assert (there.status, there.text) == (404, nowhere.text)
    assert console.ask(WAVEFORM, groups=None, method=method).status == 404
    assert functions.asked == []


def test_it_is_no_transcript_of_the_call(console: Console) -> None:
    console.store()
    console.ask(WAVEFORM, method="POST")
    assert console.cloud.archived("transcripts/")[1].endswith(".waveform.json.gz")
    assert len(console.ask(WAVEFORM.removesuffix("/waveform")).json["versions"]) == 1


_RUN = """
import { columns } from %s
const { waveform, width, length } = JSON.parse(process.argv[1])
console.log(JSON.stringify(columns(waveform, { width, length })))
"""


@pytest.mark.parametrize("width", [7, 100, 333, 1000, 2500])
def test_a_click_is_drawn_where_it_is_heard(width: int) -> None:
    """Also in a window narrower or wider than the waveform has points, and beside a transcript of another length."""
    levels = [0] * 1000
    levels[612] = 80
    waveform = {"channels": [levels, [40] * 1000], "duration_seconds": 60.0}
    for length in (60.0, 75.0):
        clicked, even = run_with("levels.js", _RUN, {"waveform": waveform, "width": width, "length": length})
        assert len(clicked) == len(even) == width
        at = {column for column, level in enumerate(clicked) if level}
        first, after = (60 * point / 1000 / length * width for point in (612, 613))
        assert at
        assert min(at) >= math.floor(first) - 1
        assert max(at) <= math.ceil(after)
        assert {clicked[column] for column in at} == {1}
        assert {level for column, level in enumerate(even) if (column + 1) * length / width <= 60} == {0.5}
        assert not any(level for column, level in enumerate(even) if column * length / width >= 60)
