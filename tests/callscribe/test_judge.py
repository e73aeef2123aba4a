"""`callscribe judge`: what goes in, what comes out, and what happens to what cannot be read."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from callscribe.conversation.utterances import Role
from callscribe.written_calls import InvalidCall, WrittenCall, read_call, transcript_of
from operations.command_line import main
from tests.callscribe.replies import APPOINTMENT, body, stereo

SENTENCE = {"role": "customer", "text": "I would like to make an appointment."}
DIALOGUE = {
    "criterion": "answer",
    "lines": [["agent", "We will send the claim again."], ["customer", "Thank you."]],
    "pause": 0.4,
}


def printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def file_of(folder: Path, *lines: object) -> str:
    file = folder / "calls.jsonl"
    file.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return str(file)


def test_every_line_has_its_verdict_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["judge", "--jsonl", file_of(tmp_path, SENTENCE, DIALOGUE)]) == 0
    sentence, dialogue = printed(capsys)
    assert sentence["flags"] == ["appointment_requested"]
    assert sentence["evidence"][0]["for"] == "appointment_requested"
    assert dialogue["criteria"]["answer"] == "15/15"
    assert dialogue["criteria"]["hold"] == "n/a"
    assert dialogue["roles"] == ["agent", "customer"]
    for line in (sentence, dialogue):
        assert list(line) == ["flags", "evidence", "reliability", "roles", "score", "criteria"]


def test_replies_are_judged_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reply = tmp_path / "reply.json"
    reply.write_bytes(body(stereo(APPOINTMENT)))
    assert main(["judge", str(reply), "--language", "en"]) == 0
    (found,) = printed(capsys)
    assert found["score"] > 50
    assert found["criteria"]["identification"] == "12/12"


@pytest.mark.parametrize(
    "line",
    [
        "no JSON",
        {"role": "robot", "text": "Hello."},
        {"role": "customer"},
        {"lines": [["customer", ""]]},
        {"lines": []},
        {"lines": [["customer", "Hello.", 3, 2]]},
    ],
)
def test_a_line_that_cannot_be_read_is_named_and_the_others_are_judged(
    line: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["judge", "--jsonl", file_of(tmp_path, SENTENCE, "", line, SENTENCE)]) == 1
    first, error, last = printed(capsys)
    assert (list(error), error["line"]) == (["line", "error"], 3)
    assert first == last


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.json").write_text("{}")
    assert main(["judge", str(tmp_path / "empty.json"), str(tmp_path / "none.json")]) == 1
    assert [line["file"] for line in printed(capsys)] == [str(tmp_path / "empty.json"), str(tmp_path / "none.json")]
    assert main(["judge", "--jsonl", str(tmp_path / "none.jsonl")]) == 1


@pytest.mark.parametrize("arguments", [[], ["--jsonl", "-", "--rubric", "unheard-of"]])
def test_arguments_that_make_no_sense_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["judge", *arguments])
    assert refused.value.code == 2
    assert capsys.readouterr().err


def test_it_runs_from_a_checkout_and_reads_standard_input() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "callscribe", "judge", "--jsonl", "-"],
        input=json.dumps(DIALOGUE).encode(),
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert json.loads(ran.stdout)["criteria"]["answer"] == "15/15"


@pytest.mark.parametrize("role", ["customer", "agent"])
def test_a_sentence_is_heard_in_a_call_of_two_parties(role: str) -> None:
    transcript = transcript_of(read_call(json.dumps({"role": role, "text": "Right."})))
    assert {said.role for said in transcript.utterances} == {Role.AGENT, Role.CUSTOMER}
    assert [said.text for said in transcript.utterances if said.role == role] == ["Right."]


def test_lines_follow_each_other_unless_they_have_times() -> None:
    call = read_call('{"lines": [["agent", "One two three."], ["customer", "Four.", 9, 9.5]], "pause": 2}')
    first, second = transcript_of(call).utterances
    assert (first.start, first.end, second.start, second.end) == (0.5, 1.5, 9, 9.5)


def test_voices_on_one_channel_are_told_apart_by_their_words() -> None:
    lines = [["agent", "Thank you for calling, how can I help you?"], ["customer", "I am calling about my bill."]]
    transcript = transcript_of(read_call(json.dumps({"lines": lines, "channels": 1})))
    assert [said.role for said in transcript.utterances] == [Role.AGENT, Role.CUSTOMER]


def test_neither_sentence_nor_dialogue_is_no_call() -> None:
    with pytest.raises(InvalidCall):
        transcript_of(WrittenCall())
