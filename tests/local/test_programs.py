"""What is run to its end says why it failed; what is made once is made whole."""

import os
import sys
from pathlib import Path

import pytest

from local.programs import ProgramFailed, finished, make_once, run
from tests.patience import PATIENCE_SECONDS

_NO_PID = 2**31 - 1


def python(code: str, *, timeout_seconds: float = PATIENCE_SECONDS) -> list[str]:
    lines: list[str] = []
    run("`program`", [sys.executable, "-c", code], timeout_seconds=timeout_seconds, on_line=lines.append)
    return lines


def test_each_line_is_told_and_success_is_silent() -> None:
    assert python("print('one'); print('two')") == ["one", "two"]


def test_a_failure_ends_with_the_last_lines_of_both_streams() -> None:
    code = "import sys\nfor n in range(50): print(n, flush=True)\nsys.exit('no network')"
    with pytest.raises(ProgramFailed) as failed:
        python(code)

    message = str(failed.value)
    assert message.startswith("`program` failed (exit status 1):\n31\n")
    assert message.endswith("49\nno network")


def test_a_silent_failure_says_so() -> None:
    with pytest.raises(ProgramFailed, match=r"failed \(exit status 3\) and said nothing"):
        python("raise SystemExit(3)")


def test_what_takes_too_long_is_stopped() -> None:
    with pytest.raises(ProgramFailed, match=r"was not done after 0.5 s"):
        python("import time; print('begun', flush=True); time.sleep(3600)", timeout_seconds=0.5)


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProgramFailed, match=r"`program` could not be run: .*nothing-here"):
        run("`program`", [str(tmp_path / "nothing-here")], timeout_seconds=1)


def test_what_is_no_text_is_shown_all_the_same() -> None:
    assert python(r"import sys; sys.stdout.buffer.write(b'caf\xe9\n')") == ["caf�"]


def test_a_folder_is_made_once_and_whole(tmp_path: Path) -> None:
    folder, made = tmp_path / "sub" / "folder", []

    def make(unfinished: Path) -> None:
        made.append(unfinished)
        unfinished.mkdir()
        assert not folder.exists()

    make_once(folder, make)
    make_once(folder, make)

    assert len(made) == 1
    assert finished(folder.parent) == list(folder.parent.iterdir()) == [folder]


def test_a_folder_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail(unfinished: Path) -> None:
        unfinished.mkdir()
        raise ProgramFailed("no network")

    with pytest.raises(ProgramFailed):
        make_once(tmp_path / "folder", fail)

    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_unfinished_goes_and_what_is_being_made_stays(tmp_path: Path) -> None:
    left, being_made = (tmp_path / f"a.unfinished-{pid}" for pid in (_NO_PID, 1))
    left.mkdir()
    being_made.mkdir()

    make_once(tmp_path / "b", Path.mkdir)

    assert {path.name for path in tmp_path.iterdir()} == {being_made.name, "b"}


def test_the_oldest_comes_first(tmp_path: Path) -> None:
    names = ("z", "a", "m")
    for age, name in enumerate(reversed(names)):
        make_once(tmp_path / name, Path.mkdir)
        os.utime(tmp_path / name, (1000 - age, 1000 - age))

    assert [path.name for path in finished(tmp_path)] == list(names)
