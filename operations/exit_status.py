"""What the exit status of a command says."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class ExitStatus(IntEnum):
    """How a command ended."""

    DONE = 0
    INCOMPLETE = 1
    MISUSED = 2
    UNUSABLE = 3
    NOT_FOUND = 4
    INTERRUPTED = 130


MEANINGS: Final = {
    ExitStatus.DONE: "done, also where there was nothing to do",
    ExitStatus.INCOMPLETE: "something failed, is broken, or was left as it was; the output says what",
    ExitStatus.MISUSED: "the arguments make no sense",
    ExitStatus.UNUSABLE: "the deployment cannot be found, reached or used as asked",
    ExitStatus.NOT_FOUND: "there is no such call or clinic",
    ExitStatus.INTERRUPTED: "interrupted",
}
"""Each status as the help prints it."""
