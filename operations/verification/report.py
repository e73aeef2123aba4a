"""What a verification saw, in a form that a user may send to others: no word of a call, no name of an account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..checks.findings import Finding, State
from ..rendering import known_cost
from .assumptions import Judged, Verdict, completed

SCHEMA_VERSION = 1


@dataclass(kw_only=True)
class Report:
    """The findings of a verification by part, in order, and what they say about what is assumed.

    Attributes:
        region: Where the environment is.
        on_aws: Whether that is AWS, and not an emulator.
        started_at: When the verification began, UTC.
        findings: By part.
        found: Assumptions that were reached, by name.
        cost_usd: What transcribing the calls costs by their own estimates; None while nothing is known.
        cost_is_lower_bound: Whether it may be more.
    """

    region: str
    on_aws: bool
    started_at: str
    findings: dict[str, list[Finding]] = field(default_factory=dict)
    found: dict[str, Judged] = field(default_factory=dict)
    cost_usd: float | None = None
    cost_is_lower_bound: bool = False

    def add(self, part: str, finding: Finding) -> None:
        """Note what was found in a part."""
        self.findings.setdefault(part, []).append(finding)

    def judge(self, *judged: Judged) -> None:
        """Note what was found of assumptions."""
        self.found.update({one.assumption.name: one for one in judged})

    def add_cost(self, item: Mapping[str, Any] | None) -> None:
        """Add what a transcript says about its cost; without one nobody knows what was billed."""
        known, more = (None, True) if item is None else known_cost(item["cost"])
        self.cost_is_lower_bound |= more
        if known is not None:
            self.cost_usd = (self.cost_usd or 0.0) + float(known)

    @property
    def assumptions(self) -> Sequence[Judged]:
        """Every assumption and what was found of it."""
        return completed(self.found)

    @property
    def unseen(self) -> int:
        """How many findings say that something could not be looked at."""
        return sum(finding.state is State.UNKNOWN for found in self.findings.values() for finding in found)

    @property
    def passed(self) -> bool:
        """Whether nothing is broken and nothing that is built upon was refuted."""
        broken = any(finding.state is State.FAILED for found in self.findings.values() for finding in found)
        return not broken and all(judged.verdict is not Verdict.REFUTED for judged in self.assumptions)

    def to_json(self) -> dict[str, Any]:
        """The report as an object of texts, numbers and lists."""
        return {
            "schema_version": SCHEMA_VERSION,
            "region": self.region,
            "on_aws": self.on_aws,
            "started_at": self.started_at,
            "passed": self.passed,
            "findings": [finding.to_json(part) for part, found in self.findings.items() for finding in found],
            "assumptions": [
                {
                    "name": judged.assumption.name,
                    "statement": judged.assumption.statement,
                    "verdict": str(judged.verdict),
                    "evidence": judged.evidence,
                }
                for judged in self.assumptions
            ],
            "cost_usd": self.cost_usd,
            "cost_is_lower_bound": self.cost_is_lower_bound,
        }
