"""What the commands print, and what becomes of errors of AWS."""

from __future__ import annotations

import argparse
import functools
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.text import Text

from .environment import UnusableEnvironment
from .exit_status import ExitStatus

JSON_VERSION: Final = 1
"""Version of the shapes that `--json` prints; new members come without a new one."""
# Wider than any line: what is piped into another program is not folded.
_UNFOLDED = 10_000


def output() -> Console:
    """Standard output: folded to a terminal's width, and otherwise not at all."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _UNFOLDED)


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument that asks for JSON."""
    parser.add_argument("--json", action="store_true", help="print JSON (docs/reference/command-line.md), nothing else")


def print_json(document: Mapping[str, Any]) -> None:
    """Print a command's answer as one JSON object, which says which version of its shape it has."""
    sys.stdout.write(json.dumps({"schema_version": JSON_VERSION, **document}, indent=2, ensure_ascii=False) + "\n")


def complain(message: str) -> None:
    """Say on standard error what is wrong."""
    Console(stderr=True, highlight=False).print(Text(message), soft_wrap=True)


def reports_errors(run: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """Have a command say in a sentence why its deployment cannot be used, instead of a traceback."""

    @functools.wraps(run)
    def reporting(arguments: argparse.Namespace) -> int:
        try:
            return run(arguments)
        except (UnusableEnvironment, ClientError, BotoCoreError) as error:
            complain(str(error))
            return ExitStatus.UNUSABLE

    return reporting
