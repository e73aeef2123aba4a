"""Times as the clinic's people read their clocks."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from callscribe.contract.outputs import DeploymentOutput
from callscribe.serialization import InvalidData, decode_json
from callscribe.time_zones import time_zone

from .environment import Environment, UnusableEnvironment

OUTPUT: Final = DeploymentOutput.TIME_ZONES
"""Output of a stack: a JSON object of time zones by clinic, `*` for all others; stacks without it know none."""
_OTHERS: Final = "*"


@dataclass(frozen=True, kw_only=True)
class TimeZones:
    """The time zones of clinics; UTC where none is known.

    Attributes:
        by_clinic: By clinic id, `*` for all others.
    """

    by_clinic: Mapping[str, tzinfo] = field(default_factory=dict)

    def of(self, clinic_id: str | None) -> tzinfo:
        """The time zone of a clinic."""
        return self.by_clinic.get(clinic_id or _OTHERS) or self.by_clinic.get(_OTHERS, UTC)

    def written(self, moment: datetime, clinic_id: str | None) -> str:
        """A moment to the minute, with the name of the time zone."""
        return f"{moment.astimezone(self.of(clinic_id)):%Y-%m-%d %H:%M %Z}"


UNKNOWN: Final = TimeZones()
"""No time zone is known: everything is in UTC."""


def time_zone_argument(text: str) -> ZoneInfo:
    """Argument type for a time zone."""
    try:
        return time_zone(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a name like Europe/Berlin or UTC, not {text!r}") from None


def add_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument that names a time zone."""
    parser.add_argument(
        "--time-zone",
        type=time_zone_argument,
        metavar="NAME",
        help="show times so; default: the clinic's, or UTC if not known",
    )


def time_zones(target: Environment, chosen: ZoneInfo | None = None) -> TimeZones:
    """The time zones to show an environment's calls in.

    Args:
        target: The environment.
        chosen: One for all of them. Default: those that were deployed.

    Raises:
        UnusableEnvironment: What was deployed is no time zone on this machine.
    """
    if chosen is not None:
        return TimeZones(by_clinic={_OTHERS: chosen})
    written = target.outputs.get(OUTPUT)
    if written is None:
        return UNKNOWN
    try:
        names = decode_json(dict[str, str], written, OUTPUT)
        return TimeZones(by_clinic={clinic: time_zone(name) for clinic, name in names.items()})
    except (InvalidData, ValueError) as error:
        raise UnusableEnvironment(
            f"the output {OUTPUT} cannot be used here ({error}); choose with --time-zone"
        ) from None
