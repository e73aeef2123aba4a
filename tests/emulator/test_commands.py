"""The commands for people work on the running environment."""

import io

import pytest
from rich.console import Console

from local import drop
from local.calls import STEPS
from local.follow import follow
from operations.command_line import main
from tests.emulator.deployment import Deployment, new_call, recording

pytestmark = pytest.mark.emulator


@pytest.fixture(autouse=True)
def _at_this_emulator(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLSCRIBE_EMULATOR_PORT", str(deployment.session.emulator.port))
    monkeypatch.setenv("COLUMNS", "160")


def test_a_dropped_recording_is_followed_to_its_transcript(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path_factory.mktemp("drop") / "mine.flac"
    file.write_bytes(recording(seconds=4, encoding="FLAC/PCM_16"))
    call = new_call("drop")

    assert drop.main([str(file), "--clinic", "west", "--call", call.call_id, "--day", "2026-11-19"]) == 0

    printed = capsys.readouterr().out
    steps = [line.rpartition(": ")[2] for line in printed.splitlines() if "mine.flac: " in line]
    assert steps == ["recorded", "admitted", "transcribing", "stored", "scored", "announced"]
    assert "Thank you for calling" in printed
    assert "after the upload" in printed
    assert main(["calls", "--environment", "Local", "--clinic", "west", "--day", "2026-11-19"]) == 0
    assert call.call_id in capsys.readouterr().out


def test_a_dropped_file_that_is_no_recording_is_explained(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path_factory.mktemp("drop") / "notes.wav"
    file.write_text("not a recording " * 100)

    assert drop.main([str(file)]) == 1

    assert "NotAudio" in capsys.readouterr().err


def test_on_a_terminal_the_steps_fill_a_table(deployment: Deployment) -> None:
    call = new_call()
    deployment.put(call, recording(seconds=4))
    terminal = io.StringIO()

    follow(Console(file=terminal, force_terminal=True, width=160), deployment.environment, {"mine": call})

    shown = terminal.getvalue()
    assert "mine: recorded" not in shown
    assert all(step in shown for step in STEPS)
    assert "Thank you for calling" in shown
