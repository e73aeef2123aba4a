"""Programs that are run to their end: what they say is shown where they fail, and they do not run for ever."""

import os
import shutil
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_REPORTED_LINES = 20
_UNFINISHED = ".unfinished-"


class ProgramFailed(RuntimeError):
    """A program failed, could not be run or took too long; the message says which, and ends with its last lines."""


def run(
    name: str,
    command: Sequence[str],
    *,
    timeout_seconds: float,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    on_line: Callable[[str], None] = lambda _: None,
) -> None:
    """Run a program to its end.

    Args:
        name: How messages call it.
        command: The program and its arguments.
        timeout_seconds: After that it is stopped.
        environment: Its environment variables. Default: those of this process.
        directory: Where it runs. Default: the current folder.
        on_line: Told each line that it says, as it says it.

    Raises:
        ProgramFailed: It failed.
    """
    last, late = deque[str](maxlen=_REPORTED_LINES), threading.Event()
    try:
        process = subprocess.Popen(
            command,
            cwd=directory,
            env=None if environment is None else dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise ProgramFailed(f"{name} could not be run: {error}") from error

    def stop() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(timeout_seconds, stop)
    timer.start()
    try:
        with process:
            for line in process.stdout or ():
                last.append(line.rstrip())
                on_line(last[-1])
    except BaseException:
        process.kill()
        raise
    finally:
        timer.cancel()
    if late.is_set():
        raise ProgramFailed(f"{name} was not done after {timeout_seconds:g} s{_end_of(last)}")
    if process.returncode:
        raise ProgramFailed(f"{name} failed (exit status {process.returncode}){_end_of(last)}")


def _end_of(last: Iterable[str]) -> str:
    lines = [line for line in last if line]
    return "\n".join((":", *lines)) if lines else " and said nothing"


def make_once(folder: Path, make: Callable[[Path], None]) -> None:
    """Make a folder unless it is there: whole or not at all, whoever else makes the same at this time.

    What processes that were killed have left unfinished beside it goes.

    Args:
        folder: The folder.
        make: Fills the folder that it is given, which may not exist yet.
    """
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    _remove_unfinished(folder.parent)
    unfinished = folder.with_name(f"{folder.name}{_UNFINISHED}{os.getpid()}")
    try:
        make(unfinished)
        with suppress(OSError):  # another process was faster with the same
            unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def finished(directory: Path) -> list[Path]:
    """What :func:`make_once` has made in a directory, the oldest first."""
    found = (path for path in directory.iterdir() if _UNFINISHED not in path.name)
    return sorted(found, key=lambda path: path.stat().st_mtime)


def _remove_unfinished(directory: Path) -> None:
    for path in directory.glob(f"*{_UNFINISHED}*"):
        maker = path.name.rpartition(_UNFINISHED)[2]
        if not (maker.isdecimal() and _runs(int(maker))):
            shutil.rmtree(path, ignore_errors=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
