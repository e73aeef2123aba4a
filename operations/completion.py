"""Completion of commands and options in a shell: what ``callscribe completion SHELL`` prints.

For bash, write it to `~/.local/share/bash-completion/completions/callscribe`; for zsh, to a file
`_callscribe` in a folder of ``$fpath``; for tcsh, to one that ``~/.cshrc`` sources.
"""

from __future__ import annotations

import argparse
import sys

import shtab

from .command_line import whole_parser
from .exit_status import ExitStatus


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("shell", choices=shtab.SUPPORTED_SHELLS, help="the shell")


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    sys.stdout.write(shtab.complete(whole_parser(), shell=arguments.shell) + "\n")
    return ExitStatus.DONE
