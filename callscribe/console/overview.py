"""A clinic's calls over time, counted day by day. What is not known of a call is counted as that, never as none."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from callscribe.console.listing import CallRow
from callscribe.conversation.reliability import ReliabilityLevel


@dataclass(slots=True, kw_only=True)
class DayFigures:
    """What is known of the calls of a day (UTC).

    Attributes:
        day: The day, as yyyy-mm-dd.
        calls: How many calls.
        flags_known: How many of them have flags that are known.
        flags: How many of those raise each flag.
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
    scored: int = 0
    score_sum: int = 0
    reliability: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*ReliabilityLevel, "unknown"), 0))
    cost_known: int = 0
    cost_usd: float = 0.0

    def count(self, row: CallRow) -> None:
        """Count a call."""
        self.calls += 1
        if row.flags is not None:
            self.flags_known += 1
            for name, raised in row.flags.items():
                self.flags[name] = self.flags.get(name, 0) + bool(raised)
        if row.score is not None:
            self.scored += 1
            self.score_sum += row.score
        self.reliability["unknown" if row.reliability is None else row.reliability.level.value] += 1
        self.cost_known += row.cost.total_usd is not None
        self.cost_usd = round(self.cost_usd + (row.cost.at_least_usd or 0.0), 6)


def by_day(rows: Iterable[CallRow]) -> tuple[DayFigures, ...]:
    """Count calls by their days, the earliest first; a day without a call is left out."""
    days: dict[str, DayFigures] = {}
    for row in rows:
        days.setdefault(row.day, DayFigures(day=row.day)).count(row)
    return tuple(days[day] for day in sorted(days))
