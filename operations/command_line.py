"""`callscribe`: the commands of an operator, and `judge`, which needs neither AWS nor a network.

Only the module of the command that is run is imported, so that `judge` works without the AWS SDK.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Final, Protocol, cast

from .exit_status import MEANINGS, ExitStatus

_EXTRA: Final = "callscribe[operations]"
_FROM_THE_EXTRA: Final = frozenset({"boto3", "botocore", "httpx", "rich", "shtab", "websockets"})


class _Module(Protocol):
    """What the module of a command has."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's own arguments."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the command; return its exit status.

        Raises:
            argparse.ArgumentError: Arguments do not go together.
        """


@dataclass(frozen=True)
class Command:
    """A command of the command line.

    Attributes:
        module: Where it is, relative to this package if it begins with a dot.
        purpose: What it does, in a few words.
    """

    module: str
    purpose: str


COMMANDS: Final[Mapping[str, Command]] = {
    "calls": Command(".calls", "look calls up"),
    "watch": Command(".watch", "follow live calls on a terminal"),
    "redrive": Command(".redrive", "repeat failed calls"),
    "doctor": Command(".doctor", "check a deployment and say what to do"),
    "verify": Command(".verify", "verify a deployment with a recorded and a live call"),
    "erase": Command(".erase", "erase everything of a call"),
    "rebuild": Command(".rebuild", "write documents of older versions anew"),
    "analyse": Command(".analyse", "have stored calls read by the analyst"),
    "backfill": Command(".backfill", "list calls that were stored before there was a list"),
    "index": Command(".index", "bring what is searched to what is stored"),
    "mcp": Command(".mcp", "let a language model read calls, as a user of the console"),
    "completion": Command(".completion", "print what completes commands and options in your shell"),
    "judge": Command("callscribe.judge", "say what is concluded from replies or written calls, without AWS"),
}
"""The commands, in the order of the help."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: The arguments. Default: those of the process.

    Returns:
        The exit status, one of :class:`ExitStatus`.

    Raises:
        SystemExit: The arguments make no sense, or the help was asked for.
    """
    words = sys.argv[1:] if argv is None else list(argv)
    name = words[0] if words and words[0] in COMMANDS else None
    parser, by_name = _parsers()
    if name is None:
        parser.parse_args(words)  # shows the help, or says what is wrong
        return ExitStatus.MISUSED
    try:
        module = _module(name)
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in _FROM_THE_EXTRA:
            raise
        sys.stderr.write(f"callscribe {name} needs more packages: pip install '{_EXTRA}'\n")
        return ExitStatus.UNUSABLE
    module.add_arguments(by_name[name])
    return _run(module, by_name[name], parser.parse_args(words))


def whole_parser() -> argparse.ArgumentParser:
    """The parser of the command line with the arguments of every command, whose modules are imported for it."""
    parser, by_name = _parsers()
    for name, command in by_name.items():
        _module(name).add_arguments(command)
    return parser


def _module(name: str) -> _Module:
    return cast(_Module, import_module(COMMANDS[name].module, __package__))


def _parsers() -> tuple[argparse.ArgumentParser, Mapping[str, argparse.ArgumentParser]]:
    """The parser, and those of the commands, without the commands' own arguments."""
    parser = argparse.ArgumentParser(
        prog="callscribe",
        description="Operate a deployment of CallScribe.",
        epilog=_epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    by_name = {
        known: commands.add_parser(
            known,
            help=command.purpose,
            description=f"{command.purpose[0].upper()}{command.purpose[1:]}.",
            epilog=_epilog(),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        for known, command in COMMANDS.items()
    }
    return parser, by_name


def _run(module: _Module, parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    try:
        return module.run(arguments)
    except argparse.ArgumentError as misuse:
        parser.error(str(misuse))
    except KeyboardInterrupt:
        return ExitStatus.INTERRUPTED
    except BrokenPipeError:
        # As the library reference has it (`signal`, "Note on SIGPIPE"): the flush at exit must find somewhere to write.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitStatus.INCOMPLETE


def _epilog() -> str:
    return "exit status:\n" + "\n".join(f"  {status:<5}{meaning}" for status, meaning in MEANINGS.items())
