"""Random histories of both halves, other ones each day."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.conftest import ROOT

HALVES = ("live", "batch")
HISTORIES = 200
BASE = datetime.now(UTC).date().toordinal() * 1_000
"""Seed of the first history, which changes by day; a test's name tells it."""

_CHUNK = 20


def _runner(half: str) -> Any:
    return importlib.import_module(f"tests.simulation.{half}.runner")


_digests: dict[tuple[str, int], str] = {}


def _outcome(half: str, seed: int) -> Any:
    outcome = _runner(half).run_seed(seed)
    _digests.setdefault((half, seed), outcome.digest)
    return outcome


def _digest(half: str, seed: int) -> str:
    """The course of a seed, the first time that this process takes it."""
    return _digests.get((half, seed)) or str(_outcome(half, seed).digest)


@pytest.mark.parametrize("first", range(BASE, BASE + HISTORIES, _CHUNK))
@pytest.mark.parametrize("half", HALVES)
def test_whatever_happens_every_rule_holds(half: str, first: int) -> None:
    """Nothing is lost, paid twice or told wrongly, and everything ends (`invariants`)."""
    runner = _runner(half)
    for seed in range(first, first + _CHUNK):
        outcome = _outcome(half, seed)
        if outcome.violations:
            pytest.fail(runner.reproduction(outcome), pytrace=False)


@pytest.mark.parametrize("half", HALVES)
def test_a_seed_takes_the_same_course_each_time(half: str) -> None:
    for seed in range(BASE, BASE + 10):
        assert _digest(half, seed) == _runner(half).run_seed(seed).digest


@pytest.mark.parametrize("half", HALVES)
def test_a_seed_takes_the_same_course_in_every_process(half: str) -> None:
    """Also where texts have other hashes than here, and sets of them another order."""
    seeds = range(BASE, BASE + 3)
    code = f"from tests.simulation.{half}.runner import run_seed; print(*(run_seed(s).digest for s in {seeds!r}))"
    elsewhere = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()[-1]
    assert elsewhere.split() == [_digest(half, seed) for seed in seeds]
