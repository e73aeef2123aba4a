"""Faults put into the product one at a time, and how many histories find each.

``python -m tests.simulation.mutations live --histories 50`` prints the table of docs/reliability.md.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from types import CodeType, ModuleType
from typing import Any


@dataclass(frozen=True)
class Mutation:
    """A fault.

    Attributes:
        name: What is wrong with it.
        module: Module of the product.
        old: Text that stands there once.
        new: Text in its place.
    """

    name: str
    module: str
    old: str
    new: str


@dataclass(frozen=True)
class Found:
    """Which histories find a fault.

    Attributes:
        aimed: How many of the aimed ones.
        random: How many of the random ones.
        by: Which invariants, and how often.
    """

    aimed: int
    random: int
    by: Counter[str]


class Finder(importlib.abc.MetaPathFinder):
    """Finds the module of a mutation, and loads it with the fault in it.

    Raises:
        LookupError: The text does not stand there, or more than once.
    """

    def __init__(self, mutation: Mutation) -> None:
        self._mutation = mutation

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return how to load the module, or `None` for any other."""
        del target
        if fullname != self._mutation.module:
            return None
        found = importlib.machinery.PathFinder.find_spec(fullname, path)
        if found is None or found.origin is None:
            raise LookupError(f"there is no module {fullname}")
        return importlib.util.spec_from_file_location(fullname, loader=_Source(self._mutation, found.origin))


class _Source(importlib.machinery.SourceFileLoader):
    def __init__(self, mutation: Mutation, path: str) -> None:
        super().__init__(mutation.module, path)
        self._mutation = mutation

    def get_code(self, fullname: str) -> CodeType:
        text = self.get_source(fullname) or ""
        if text.count(self._mutation.old) != 1:
            raise LookupError(f"{self._mutation.name}: what it replaces stands {text.count(self._mutation.old)} times")
        return compile(text.replace(self._mutation.old, self._mutation.new), self.path, "exec", dont_inherit=True)


def main() -> int:
    """Print a table of the mutations of a half; return 1 if one is found by no history."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.mutations", description=__doc__)
    parser.add_argument("half", choices=("live", "batch"))
    parser.add_argument("--histories", type=int, default=200, help="how many, from seed 0 on, beside the aimed ones")
    parser.add_argument("--only", default="", help="mutations whose name has this text")
    options = parser.parse_args()
    half: Any = importlib.import_module(f"tests.simulation.{options.half}.mutations")
    print(f"| fault | of {len(half.AIMED)} aimed | of {options.histories} random | most often by |\n|---|---|---|---|")
    missed = 0
    for mutation in half.MUTATIONS:
        if options.only in mutation.name:
            found = half.found_by(mutation, range(options.histories))
            missed += not found.aimed + found.random
            told = ", ".join(name for name, _ in found.by.most_common(2))
            print(f"| {mutation.name} | {found.aimed} | {found.random} | {told} |", flush=True)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
