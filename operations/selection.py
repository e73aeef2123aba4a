"""Which calls a command takes up: those of a clinic, of one day, or one call."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Container

from . import environment
from .exit_status import ExitStatus
from .terminal import complain


def add_arguments(parser: argparse.ArgumentParser, *, of_clinic: str, of_call: str, of_all: str | None = None) -> None:
    """Add the arguments that say which.

    Args:
        parser: The command's.
        of_clinic: What ``--clinic`` takes up.
        of_call: What ``--call`` does.
        of_all: What ``--all`` does. Default: there is no such argument.
    """
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--clinic", metavar="ID", help=of_clinic)
    which.add_argument("--call", metavar="ID", help=of_call)
    if of_all is not None:
        which.add_argument("--all", action="store_true", help=of_all)
    parser.add_argument("--day", type=environment.day, metavar="yyyy-mm-dd", help="with --clinic: only this day (UTC)")


def check(arguments: argparse.Namespace) -> None:
    """Check that they go together.

    Raises:
        ArgumentError: They do not.
    """
    if arguments.day and not arguments.clinic:
        raise argparse.ArgumentError(None, "--day goes with --clinic")


def ended(arguments: argparse.Namespace, counts: Counter[str], *, what: str, done: Container[str]) -> ExitStatus:
    """Return how a command ended, and complain where what was named is not there; a day may be empty, and the whole.

    Args:
        arguments: Which calls it took up.
        counts: How many came out how.
        what: What it looked for.
        done: Outcomes that leave nothing to be done.
    """
    if not counts and not arguments.day and (arguments.call or arguments.clinic):
        complain(f"there is no {what} of {'such a call' if arguments.call else f'clinic {arguments.clinic}'}")
        return ExitStatus.NOT_FOUND
    return ExitStatus.INCOMPLETE if any(outcome not in done for outcome in counts) else ExitStatus.DONE
