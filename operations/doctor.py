"""Check a deployed environment: ``callscribe doctor --environment Dev``.

``--instance ARN`` includes an Amazon Connect instance, ``--expected-calls N`` the quotas.

Looks and changes nothing. Every line says how a part of the environment is and, where something is wrong, what to do;
a part that cannot be looked at, for want of a permission or because an emulator has no such service, is named as such.
Deepgram's key is shown to Deepgram and to nobody else.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from . import environment
from .checks import capacity, clinics, connect_instance, deepgram, failures, streamers
from .checks.findings import (
    STATE_STYLES,
    Check,
    Examined,
    Finding,
    State,
    add_target_arguments,
    examine,
    examined,
    skipped,
)
from .exit_status import ExitStatus
from .rendering import table_of
from .terminal import add_json_argument, output, print_json, reports_errors

CHECKS: Final[Mapping[str, Check]] = {
    "Deepgram's key": deepgram.check_key,
    "Image": streamers.check_image,
    "Streamers": streamers.check_tasks,
    "Streams": connect_instance.check_streams,
    "Storage": connect_instance.check_storage,
    "Functions": connect_instance.check_functions,
    "Flow modules": connect_instance.check_modules,
    "Clinics": clinics.check_settings,
    "Quotas": capacity.check_quotas,
    "Capacity": capacity.check_streamers,
    "Failed calls": failures.check_failed_calls,
    "Disputed calls": clinics.check_disputes,
    "Alarms": failures.check_alarms,
}
"""What is looked at, in this order."""

_NO_INSTANCE: Final = ("no Amazon Connect on this machine", "play a call with: python -m local.ring FILE")
_NO_QUOTAS: Final = ("no quotas on this machine",)
_ON_THIS_MACHINE: Final[Mapping[str, tuple[str, ...]]] = {
    "Image": ("streamers are processes of this machine, without an image",),
    "Streamers": ("streamers are processes of this machine", "`make local` runs one, and starts it again if it dies"),
    # Those that `local.ring` plays keep five minutes, as they would on an instance without a retention.
    "Streams": ("the simulator on this machine plays into its own streams",),
    "Storage": _NO_INSTANCE,
    "Functions": _NO_INSTANCE,
    "Flow modules": _NO_INSTANCE,
    "Clinics": _NO_INSTANCE,
    "Quotas": _NO_QUOTAS,
    "Capacity": _NO_QUOTAS,
}
"""What the environment on this machine does not have, and what to do instead."""
_MOST_CALLS: Final = 100_000


def diagnose(examined: Examined) -> dict[str, list[Finding]]:
    """Run every check, whatever becomes of the others, and return what each found."""
    return {
        name: [skipped(*_ON_THIS_MACHINE[name])]
        if examined.is_local and name in _ON_THIS_MACHINE
        else examine(check, examined)
        for name, check in CHECKS.items()
    }


def _show(console: Console, findings: Mapping[str, Sequence[Finding]]) -> None:
    table = table_of("Part", "State", "Found", "What to do")
    for name, found in findings.items():
        for finding in found:
            table.add_row(
                Text(name),
                Text(finding.state, style=STATE_STYLES[finding.state]),
                Text(finding.what),
                Text(finding.remedy),
            )
    console.print(table)
    states = [finding.state for found in findings.values() for finding in found]
    console.print(", ".join(f"{states.count(state)} {state}" for state in State if state in states) + ".")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_target_arguments(parser)
    parser.add_argument(
        "--expected-calls",
        type=environment.count_up_to(_MOST_CALLS),
        metavar="N",
        help="calls that run at the same time, to hold quotas against",
    )
    add_json_argument(parser)


@reports_errors
def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    diagnosis = diagnose(examined(arguments, expected_calls=arguments.expected_calls))
    if arguments.json:
        print_json({"findings": [finding.to_json(part) for part, found in diagnosis.items() for finding in found]})
    else:
        _show(output(), diagnosis)
    broken = any(finding.state is State.FAILED for found in diagnosis.values() for finding in found)
    return ExitStatus.INCOMPLETE if broken else ExitStatus.DONE
