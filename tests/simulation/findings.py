"""What histories have shown and nobody has fixed yet."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Final, Protocol, TypeVar

OPEN: Final[frozenset[str]] = frozenset()
"""Rules that some histories break: docs/reliability.md has their seeds. A rule leaves this list with its fix."""


class Broken(Protocol):
    """A rule that did not hold."""

    @property
    def what(self) -> str:
        """Which rule."""

    @property
    def detail(self) -> str:
        """Of what, and how."""


B = TypeVar("B", bound=Broken)


def news(violations: Iterable[B], *, seed: int) -> list[B]:
    """Return what is not known yet, and warn of what is."""
    found = []
    for violation in violations:
        if violation.what in OPEN:
            warnings.warn(f"seed {seed}: {violation.what}: {violation.detail}", stacklevel=2)
        else:
            found.append(violation)
    return found
