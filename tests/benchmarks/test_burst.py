from dataclasses import replace

import pytest

from benchmarks.burst import Outcome, figures

OUTCOME = Outcome(
    recordings=100,
    copies=10,
    requests=120,
    refused=20,
    transcripts=100,
    paid_twice=0,
    seconds=40.0,
    paid_again=0,
)


def test_a_recording_without_a_transcript_is_lost() -> None:
    assert replace(OUTCOME, transcripts=60).lost == 40


def test_the_ideal_keeps_every_slot_of_the_server_busy() -> None:
    assert OUTCOME.ideal_seconds == pytest.approx(100 * 3.0 / 10)


def test_efficiency_counts_only_what_was_transcribed() -> None:
    both = figures({"all": OUTCOME, "some": replace(OUTCOME, transcripts=60)})

    rows = {row[0]: row[1:] for row in both.rows}
    assert both.columns == ("", "all", "some")
    assert rows["lost"] == ("0", "40")
    assert rows["efficiency (ideal / real)"] == ("0.75", "0.45")
