"""Check a deployed environment: ``python -m operations.doctor --environment Dev``.

``--instance ARN`` includes an Amazon Connect instance, ``--expected-calls N`` the quotas.

Looks and changes nothing. Every line says how a part of the environment is and, where something is wrong, what to do;
a part that cannot be looked at, for want of a permission or because an emulator has no such service, is named as such.
Deepgram's key is shown to Deepgram and to nobody else.

Exit status: 0 when nothing is broken, 1 when something is, 2 when the environment or the arguments are wrong.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from operations import environment
from operations.checks import capacity, clinics, connect_instance, deepgram, failures, streamers
from operations.checks.findings import Check, Examined, Finding, State, examine
from operations.environment import UnusableEnvironment
from operations.rendering import table_of

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

_STYLES: Final = {
    State.OK: "green",
    State.WARNING: "yellow",
    State.FAILED: "bold red",
    State.UNKNOWN: "yellow",
    State.SKIPPED: "dim",
}
_MOST_CALLS: Final = 100_000


def diagnose(examined: Examined) -> dict[str, list[Finding]]:
    """Run every check, whatever becomes of the others, and return what each found."""
    return {name: examine(check, examined) for name, check in CHECKS.items()}


def _show(console: Console, findings: Mapping[str, Sequence[Finding]]) -> None:
    table = table_of("Part", "State", "Found", "What to do")
    for name, found in findings.items():
        for finding in found:
            table.add_row(
                Text(name), Text(finding.state, style=_STYLES[finding.state]), Text(finding.what), Text(finding.remedy)
            )
    console.print(table)
    states = [finding.state for found in findings.values() for finding in found]
    console.print(", ".join(f"{states.count(state)} {state}" for state in State if state in states) + ".")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the module says what the exit status means."""
    parser = argparse.ArgumentParser(prog="operations.doctor", description="Check a deployed environment.")
    environment.add_arguments(parser)
    parser.add_argument("--instance", metavar="ARN", help="the Amazon Connect instance; default: the deployed wiring's")
    parser.add_argument(
        "--expected-calls",
        type=environment.count_up_to(_MOST_CALLS),
        metavar="N",
        help="calls that run at the same time, to hold quotas against",
    )
    parser.add_argument(
        "--stream-prefix",
        metavar="PREFIX",
        help="beginning of the names of the instance's Kinesis video streams; default: the deployed wiring's",
    )
    arguments = parser.parse_args(argv)
    console, errors = Console(), Console(stderr=True)
    try:
        target = environment.connect(arguments)
    except UnusableEnvironment as error:
        errors.print(Text(str(error)))
        return 2
    findings = diagnose(
        Examined(
            target,
            target.client,
            instance_arn=arguments.instance or target.outputs.get("ConnectInstanceArn"),
            expected_calls=arguments.expected_calls,
            stream_prefix=arguments.stream_prefix or target.outputs.get("MediaStreamPrefix", "callscribe"),
        )
    )
    _show(console, findings)
    return 1 if any(finding.state is State.FAILED for found in findings.values() for finding in found) else 0


if __name__ == "__main__":
    sys.exit(main())
