"""Random histories of recordings, other ones each day."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from tests.simulation.batch import runner
from tests.simulation.findings import news

HISTORIES = 200
BASE = datetime.now(UTC).date().toordinal() * 1_000
"""Seed of the first history, which changes by day; a test's name tells it."""

_CHUNK = 40


@pytest.mark.parametrize("first", range(BASE, BASE + HISTORIES, _CHUNK))
def test_whatever_happens_nothing_is_paid_twice_or_lost_and_everything_ends(first: int) -> None:
    for seed in range(first, first + _CHUNK):
        outcome = runner.run_seed(seed)
        if news(outcome.violations, seed=seed):
            pytest.fail(runner.reproduction(outcome), pytrace=False)


def test_a_seed_takes_the_same_course_each_time() -> None:
    for seed in range(BASE, BASE + 10):
        assert runner.run_seed(seed).digest == runner.run_seed(seed).digest


def test_a_seed_takes_the_same_course_in_another_process() -> None:
    code = f"from tests.simulation.batch import runner; print(runner.run_seed({BASE}).digest)"
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    assert told.stdout.split()[-1] == runner.run_seed(BASE).digest
