"""Which alarms there are, and when they go off."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from constructs_lib import _checks


@dataclass(frozen=True, kw_only=True)
class AlarmSettings:
    """Which alarms of a construct there are, and when they go off.

    Their names are those in ``alarms`` of the construct; docs/reference/alarms.md explains each. Its metrics
    (``metric_failed_calls()`` and its like) are there without them, for alarms of your own.

    Raises:
        ValueError: If an option cannot be what it is meant to be. The construct that takes the settings refuses a name
            that none of its alarms has.
    """

    enabled: bool = True
    """Whether there are alarms at all. Default: there are."""
    without: Sequence[str] = ()
    """Names of alarms to leave out. Default: none."""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """By name, the value above which an alarm goes off, in the unit of its metric. Default: each its own."""

    def __post_init__(self) -> None:
        """Check each option."""
        _checks.flag("enabled of alarms", self.enabled)
        _checks.texts("without of alarms", self.without)
        if not isinstance(self.thresholds, Mapping):
            raise ValueError(
                f"thresholds of {self.thresholds!r} are not a mapping of names and values: pass {{'FailedCalls': 5}}"
            )
        for name, value in self.thresholds.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
                raise ValueError(f"threshold {value!r} of alarm {name!r} is no value: pass a number, 0 or more")
            if name in self.without:
                raise ValueError(f"alarm {name!r} has a threshold and is left out: drop one of them")
