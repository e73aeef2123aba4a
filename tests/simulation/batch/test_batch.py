"""Random histories of recordings, other ones each day."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime

from tests.simulation.batch import runner

BASE = datetime.now(UTC).date().toordinal() * 1_000
"""Seed of the first history, which changes by day; a test's name tells it."""


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
