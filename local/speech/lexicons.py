"""Word lists: `lexicons.json`."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any


@cache
def lexicon(name: str) -> Any:
    """Return one list of words, or one mapping from label to terms. Do not change it."""
    return _all()[name]


@cache
def words(name: str) -> frozenset[str]:
    """Return one list of words, for membership."""
    return frozenset(lexicon(name))


@cache
def _all() -> dict[str, Any]:
    lists: dict[str, Any] = json.loads(Path(__file__).with_name("lexicons.json").read_text("utf-8"))
    return lists
