"""The command line as a whole: its help, its exit statuses, and what it does without its extra or its reader."""

import subprocess
import sys
from pathlib import Path

import pytest

from operations.command_line import COMMANDS, main
from operations.exit_status import MEANINGS
from tests.patience import PATIENCE_SECONDS

ROOT = Path(__file__).parents[2]
# Stands for an environment that has the package and not its extra.
WITHOUT_THE_EXTRA = """
import sys
for name in ("boto3", "botocore", "httpx", "rich", "shtab", "websockets"):
    sys.modules[name] = None
from operations.command_line import main
sys.exit(main(sys.argv[1:]))
"""


def python(*arguments: str, standard_input: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        input=standard_input,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def test_the_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert all(f"    {name}" in printed for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_has_its_options_and_every_exit_status(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if name == "completion":
        pytest.importorskip("shtab")
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    if name not in ("judge", "completion", "mcp"):
        assert all(f"--{option}" in printed for option in ("environment", "stack", "json"))
    assert all(f"  {status:<5}{meaning}" in printed for status, meaning in MEANINGS.items())


@pytest.mark.parametrize("argv", [[], ["no-such-command"], ["--no-such-option"], ["calls", "--no-such-option"]])
def test_arguments_that_make_no_sense_end_with_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2
    assert "usage: callscribe" in capsys.readouterr().err


@pytest.mark.parametrize("module", ["callscribe", "operations"])
def test_it_runs_as_a_module(module: str) -> None:
    assert "usage: callscribe" in python("-m", module, "--help").stdout


def test_judge_needs_no_extra() -> None:
    line = '{"role": "customer", "text": "I would like to make an appointment."}'
    judged = python("-c", WITHOUT_THE_EXTRA, "judge", "--jsonl", "-", standard_input=line)
    assert judged.returncode == 0, judged.stderr
    assert '"flags":["appointment_requested"]' in judged.stdout


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "judge"])
def test_a_command_without_its_extra_says_how_to_install_it(name: str) -> None:
    refused = python("-c", WITHOUT_THE_EXTRA, name, *(("bash",) if name == "completion" else ("--environment", "Dev")))
    assert refused.returncode == 3
    assert refused.stdout == ""
    [sentence] = refused.stderr.splitlines()
    assert sentence.endswith("pip install 'callscribe[operations]'")


def test_a_reader_that_goes_away_is_no_error() -> None:
    lines = '{"role": "customer", "text": "Hello."}\n' * 50
    process = subprocess.Popen(
        [sys.executable, "-m", "callscribe", "judge", "--jsonl", "-"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    _, complaints = process.communicate(lines, timeout=PATIENCE_SECONDS)
    assert complaints == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion_knows_every_command_and_its_options(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("shtab")
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(name in script for name in COMMANDS)
    assert "stack-outputs" in script
