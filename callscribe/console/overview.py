"""A clinic's calls over time, counted day by day. What is not known of a call is counted as that, never as none."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from callscribe.console.listing import CallRow
from callscribe.conversation.reliability import ReliabilityLevel


@dataclass(slots=True, kw_only=True)
class DayFigures:
    """What is known of the calls of a day.

    Attributes:
        day: The day in the zone that was asked for, as yyyy-mm-dd.
        calls: How many calls.
        flags_known: How many of them have flags that are known.
        flags: How many of those raise each flag.
        alerted: How many of those raise a flag that cannot wait, be it one or several.
        scored: How many have a score.
        score_sum: Their scores together.
        reliability: How many have each level; `unknown` where nobody asked.
        cost_known: Of how many all of the cost is known.
        cost_usd: What they cost together, at least.
    """

    day: str
    calls: int = 0
    flags_known: int = 0
    flags: dict[str, int] = field(default_factory=dict)
    alerted: int = 0
    scored: int = 0
    score_sum: int = 0
    reliability: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*ReliabilityLevel, "unknown"), 0))
    cost_known: int = 0
    cost_usd: float = 0.0

    def count(self, row: CallRow, *, alerts: Collection[str]) -> None:
        """Count a call.

        Args:
            row: The call.
            alerts: Flags that cannot wait, by name.
        """
        self.calls += 1
        if row.flags is not None:
            self.flags_known += 1
            for name, raised in row.flags.items():
                self.flags[name] = self.flags.get(name, 0) + bool(raised)
            self.alerted += any(row.flags.get(name) for name in alerts)
        if row.score is not None:
            self.scored += 1
            self.score_sum += row.score
        self.reliability["unknown" if row.reliability is None else row.reliability.level.value] += 1
        self.cost_known += row.cost.total_usd is not None
        self.cost_usd = round(self.cost_usd + (row.cost.at_least_usd or 0.0), 6)


def by_day(rows: Iterable[CallRow], *, zone: tzinfo, alerts: Collection[str]) -> tuple[DayFigures, ...]:
    """Count calls by the days of their begins, the earliest first; a day without a call is left out.

    Args:
        rows: The calls.
        zone: Where a day begins and ends. The list of a day, asked for by the same bounds, has the same calls.
        alerts: Flags that cannot wait, by name.
    """
    days: dict[str, DayFigures] = {}
    for row in rows:
        day = datetime.fromisoformat(row.started_at).astimezone(zone).date().isoformat()
        days.setdefault(day, DayFigures(day=day)).count(row, alerts=alerts)
    return tuple(days[day] for day in sorted(days))
