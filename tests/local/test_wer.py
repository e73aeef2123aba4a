"""How words are compared, and how a script is laid over the channels of a recording."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from local.speech.engines.frames import encode_frame
from local.wer import Score, UnusableScript, compare, main, normal, read_script, score, script_of, word_errors


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I got a bill for two hundred dollars.", "i got a bill for $200"),
        ("It is four seven one, five six two!", "It is 471.562"),
        ("At nine thirty", "at 9:30"),
        ("March the tenth, nineteen fifty two", "March the 10th, 1952"),
        ("the twenty first and the thirtieth", "the 21st and the 30th"),
        ("A follow-up", "a follow up"),
        ("fifty percent, OK", "50% okay"),
        ("Dr. Miller\u2019s", "doctor miller's"),
    ],
)
def test_the_same_words_in_two_spellings_are_the_same(one: str, other: str) -> None:
    assert normal(one) == normal(other)


@pytest.mark.parametrize(
    ("one", "other"), [("two", "three"), ("glaucoma", "glock home"), ("$200", "200"), ("don't", "do")]
)
def test_other_words_are_not(one: str, other: str) -> None:
    assert normal(one) != normal(other)


@pytest.mark.parametrize(
    ("said", "heard", "errors"),
    [
        ("a b c", "a b c", 0),
        ("a b c", "a c", 1),
        ("a b c", "a x b c", 1),
        ("a b c", "a x c", 1),
        ("a b", "", 2),
        ("", "a", 1),
    ],
)
def test_words_left_out_put_in_and_mistaken_are_errors(said: str, heard: str, errors: int) -> None:
    assert word_errors(said.split(), heard.split()) == errors


def test_a_rate_is_errors_by_words_said_and_silence_is_right_when_nothing_was_said() -> None:
    assert score("one moment please", "one moment") == Score(3, 1)
    assert Score(3, 1).rate == pytest.approx(1 / 3)
    assert Score(0, 0).rate == 0
    assert Score(0, 1).rate == float("inf")


def test_turns_of_a_json_script_are_on_their_channels(tmp_path: Path) -> None:
    (script := tmp_path / "call.json").write_text(
        json.dumps([{"channel": 1, "text": "Hello."}, {"channel": 0, "text": "Hi."}, {"channel": 1, "text": "Bye."}])
    )
    assert read_script(script, 2) == [["Hi.", "Hello. Bye."]]
    assert read_script(script, 1) == [["Hello. Hi. Bye."]]
    assert read_script(script, 3) == [["Hi.", "Hello. Bye.", ""]]
    script.write_text(json.dumps([{"channel": 2, "text": "Hello."}]))
    with pytest.raises(UnusableScript, match="channel 2, and the recording has 2 from 0"):
        read_script(script, 2)


def test_speakers_of_a_text_script_are_on_the_channels_that_fit_best(tmp_path: Path) -> None:
    (script := tmp_path / "call.txt").write_text("AGENT: Thank you for calling.\n\nCALLER: Hello there.\nAGENT: Good.")
    assert compare(script, ["hello there", "thank you for calling good"]) == [Score(2, 0), Score(5, 0)]
    assert compare(script, ["thank you for calling good", "hello bear"]) == [Score(5, 0), Score(2, 1)]
    assert compare(script, ["thank you for calling hello there good"]) == [Score(7, 0)]
    with pytest.raises(UnusableScript, match="2 speakers, and the recording has 3 channels"):
        compare(script, ["", "", ""])


def test_a_text_without_speakers_fits_one_channel(tmp_path: Path) -> None:
    (script := tmp_path / "note.txt").write_text("It is 9:30 now.\n")
    assert compare(script, ["it is nine thirty now"]) == [Score(4, 0)]


@pytest.mark.parametrize("text", ['{"turns": []}', "[1]", '[{"channel": 0}]', "[]"])
def test_a_script_that_says_nothing_is_refused(tmp_path: Path, text: str) -> None:
    (script := tmp_path / "call.json").write_text(text)
    with pytest.raises(UnusableScript):
        read_script(script, 2)


def test_a_recording_without_a_script_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UnusableScript, match="no script"):
        script_of(tmp_path / "call.wav")
    assert main([str(tmp_path / "call.wav")]) == 1
    assert "no script" in capsys.readouterr().err


def test_the_command_measures_every_recording_of_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two"):
        soundfile.write(tmp_path / f"{name}.wav", np.full((8000, 2), 0.1), 8000)
        (tmp_path / f"{name}.json").write_text(
            json.dumps([{"channel": channel, "start": 0.1, "end": 0.9, "text": "Hello there"} for channel in (0, 1)])
        )
    assert main([str(tmp_path), "--engine", "scripted", "--scripts", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "one.wav" in shown
    assert "two.wav" in shown
    assert "0.0 %" in shown
    assert "local-scripted" in shown


def test_a_recording_is_played_as_a_live_call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    numbers = range(60)
    frames = b"".join(map(encode_frame, numbers))
    sound = np.frombuffer(frames, "<i2")
    soundfile.write(tmp_path / "call.wav", np.stack([sound, np.zeros_like(sound)], axis=1), 8000, subtype="PCM_16")
    said = {"channel": 0, "start": 0.0, "end": 1.2, "text": " ".join(f"f{number}" for number in numbers)}
    (tmp_path / "call.json").write_text(json.dumps([said]))
    assert main(["--live", str(tmp_path / "call.wav"), "--engine", "frames"]) == 0
    shown = capsys.readouterr().out
    assert "0.0 %" in shown
    assert "interim words" in shown
    assert "local-frames" in shown
