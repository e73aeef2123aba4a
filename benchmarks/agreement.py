"""``python -m benchmarks.agreement``: how far the rules agree with the labelled corpus; ``--write`` notes it.

For each flag precision and recall, for each criterion how often its points are those of the label, for each role how
often a voice is given the role it has where both share a channel; then the worst misses, with their words; those of
the held-out part only where its files are named.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from benchmarks.report import Figures, refresh
from callscribe.conversation.utterances import Role
from callscribe.conversation.wording import WordingEngine
from callscribe.encoder.opening import open_encoder
from callscribe.judge import verdict
from callscribe.judgement.quality import load_rubric
from callscribe.written_calls import WrittenCall, transcript_of

ROOT = Path(__file__).parent.parent
CORPUS = ROOT / "tests" / "judgement" / "corpus"
DOCUMENT = ROOT / "docs" / "judgement.md"

_MOST_MISSES = 40
_HELD_OUT = "held_out"
_KEPT_APART = "held out"
_LEAST_LINES_FOR_ROLES = 4
_KINDS = ("plain", "adversarial")
_PARTIES = (Role.AGENT, Role.CUSTOMER)


class Labelled(WrittenCall, frozen=True, kw_only=True):
    """A line of the corpus: a call and what should be concluded from it; None where nobody labelled it."""

    flags: tuple[str, ...] | None = None
    criteria: Mapping[str, str] = msgspec.field(default_factory=dict)
    reliability: str | None = None
    roles: tuple[str, ...] | None = None
    kind: str = "plain"


@dataclass
class Flags:
    """Counts for one flag."""

    right: int = 0
    false: int = 0
    missed: int = 0

    @property
    def precision(self) -> float | None:
        """Of those that were raised, the share that should be."""
        return self.right / (self.right + self.false) if self.right + self.false else None

    @property
    def recall(self) -> float | None:
        """Of those that should be raised, the share that was."""
        return self.right / (self.right + self.missed) if self.right + self.missed else None


@dataclass
class Agreement:
    """What was counted over some lines."""

    flags: dict[str, Flags] = field(default_factory=dict)
    agreed: Counter[str] = field(default_factory=Counter)
    labelled: Counter[str] = field(default_factory=Counter)
    roles: Counter[tuple[str, str]] = field(default_factory=Counter)
    misses: list[str] = field(default_factory=list)


def corpus(files: Iterable[Path]) -> Iterator[Labelled]:
    """Read the lines of some files."""
    for file in files:
        for line in file.read_bytes().splitlines():
            if line.strip():
                yield msgspec.json.decode(line, type=Labelled)


def measure(calls: Iterable[Labelled], wording: WordingEngine | None = None) -> Agreement:
    """Judge every call, by rules or together with an engine that knows wordings, and compare it with its labels."""
    found = Agreement()
    rubric = load_rubric()
    for call in calls:
        judged = verdict(transcript_of(call, wording=wording), rubric)
        words = " / ".join(f"{line.role}: {line.text}" for line in call.spoken())[:300]
        if call.flags is not None:
            _count_flags(found, call.flags, judged, words)
        for criterion, wanted in call.criteria.items():
            _count(found, criterion, wanted, judged["criteria"].get(criterion, "n/a"), words)
        if call.reliability is not None:
            _count(found, "reliability", call.reliability, str(judged["reliability"]), words)
        found.roles.update(_roles(call))
    return found


def _count_flags(found: Agreement, wanted: Sequence[str], judged: dict[str, Any], words: str) -> None:
    for flag in {*wanted, *judged["flags"]}:
        counts = found.flags.setdefault(flag, Flags())
        if flag in wanted and flag in judged["flags"]:
            counts.right += 1
        elif flag in wanted:
            counts.missed += 1
            found.misses.append(f"missed {flag}: {words}")
        else:
            counts.false += 1
            found.misses.append(f"false {flag}: {words}")


def _count(found: Agreement, what: str, wanted: str, got: str, words: str) -> None:
    found.labelled[what] += 1
    if wanted == got:
        found.agreed[what] += 1
    else:
        found.misses.append(f"{what} {got}, should be {wanted}: {words}")


def _roles(call: Labelled) -> Iterator[tuple[str, str]]:
    """Role that each party has, and role that it is given, where both are voices of one channel."""
    lines = call.lines or ()
    parties = {line.role for line in lines}
    if call.roles is not None or len(lines) < _LEAST_LINES_FOR_ROLES or parties != set(_PARTIES):
        return
    heard = transcript_of(msgspec.structs.replace(call, channels=1)).roles
    first = lines[0].role
    names = {first: heard.speakers[0].role}
    names |= dict.fromkeys(parties - {first}, heard.speakers[-1].role)
    yield from ((party, str(role)) for party, role in names.items())


def tables(splits: Mapping[str, Agreement]) -> list[Figures]:
    """Put the counts of all splits into tables."""
    titles = tuple(splits)
    criteria = sorted({criterion for found in splits.values() for criterion in found.labelled})
    return [
        flags_table(splits, "flags", "Flags: precision / recall (of so many labelled)"),
        Figures(
            name="criteria",
            title="Criteria: share of verdicts that agree (of so many labelled)",
            columns=("criterion", *titles),
            rows=(
                *((f"`{name}`", *(_criterion_cell(found, name) for found in splits.values())) for name in criteria),
                ("all", *(_cell(found.agreed.total(), found.labelled.total()) for found in splits.values())),
            ),
        ),
        Figures(
            name="roles",
            title="Roles by voice alone: right / left unknown / wrong (of so many voices)",
            columns=("role", *titles),
            rows=tuple((party, *(_role_cell(found, party) for found in splits.values())) for party in _PARTIES),
        ),
    ]


def flags_table(splits: Mapping[str, Agreement], name: str, title: str) -> Figures:
    """Put what was counted for flags into a table."""
    flags = sorted({flag for found in splits.values() for flag in found.flags})
    return Figures(
        name=name,
        title=title,
        columns=("flag", *splits),
        rows=tuple((f"`{flag}`", *(_flag_cell(found, flag) for found in splits.values())) for flag in flags),
    )


def _flag_cell(found: Agreement, flag: str) -> str:
    counts = found.flags.get(flag, Flags())
    return f"{_share(counts.precision)} / {_share(counts.recall)} ({counts.right + counts.missed})"


def _criterion_cell(found: Agreement, name: str) -> str:
    return _cell(found.agreed[name], found.labelled[name])


def _role_cell(found: Agreement, party: str) -> str:
    counts = {given: count for (true, given), count in found.roles.items() if true == party}
    total = sum(counts.values())
    if not total:
        return "–"
    right, unknown = counts.get(party, 0), counts.get(Role.UNKNOWN, 0)
    shares = (right / total, unknown / total, (total - right - unknown) / total)
    return f"{' / '.join(map(_share, shares))} ({total})"


def _cell(agreed: int, labelled: int) -> str:
    return f"{agreed / labelled:.2f} ({labelled})" if labelled else "–"


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share:.2f}"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables and the misses; with ``--write`` put the tables into the document."""
    parser = argparse.ArgumentParser(prog="benchmarks.agreement", description="Compare the rules with the corpus.")
    parser.add_argument("files", nargs="*", type=Path, help="labelled calls (default: the whole corpus)")
    parser.add_argument("--misses", type=int, default=_MOST_MISSES, metavar="N", help="misses to print of each split")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {DOCUMENT.name}")
    parser.add_argument(
        "--weights",
        type=Path,
        metavar="FOLDER",
        help="measure rules and encoder together, too, in what is held out",
    )
    options = parser.parse_args(argv)
    files = options.files or sorted(CORPUS.glob("*.jsonl"))
    splits = _measured(files)
    results = tables(splits)
    if options.weights is not None:
        kept_apart = [file for file in files if file.stem.startswith(_HELD_OUT)]
        together = _measured(kept_apart, open_encoder(options.weights))
        results.append(
            flags_table(
                together, "flags together", "Flags, rules and encoder together: precision / recall (of so many)"
            )
        )
    console = Console(width=160)
    for figures in results:
        console.print(figures.for_terminal())
    for title, found in splits.items():
        console.print(f"{title}: {len(found.misses)} misses")
        if title.startswith(_KEPT_APART) and not options.files:
            console.print("- not shown, so that no rule is made for them; name the file to see them")
            continue
        for miss in found.misses[: options.misses]:
            console.print(f"- {miss}", markup=False, highlight=False)
    if options.write:
        DOCUMENT.write_text(refresh(DOCUMENT.read_text("utf-8"), results), "utf-8")
    return 0


def _measured(files: Sequence[Path], wording: WordingEngine | None = None) -> dict[str, Agreement]:
    parts = {
        f"{title}, {kind}": [call for call in corpus(chosen) if call.kind == kind]
        for title, chosen in _parts(files).items()
        for kind in _KINDS
    }
    return {title: measure(calls, wording) for title, calls in parts.items() if calls}


def _parts(files: Sequence[Path]) -> dict[str, list[Path]]:
    """The files by what they are for, which is how their names begin: the guide of the corpus lists them."""
    parts: dict[str, list[Path]] = {}
    for file in files:
        parts.setdefault(file.stem.partition("-")[0].replace("_", " "), []).append(file)
    return parts


if __name__ == "__main__":
    sys.exit(main())
