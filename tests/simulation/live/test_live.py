"""Random histories of live calls, other ones each day."""

import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from tests.conftest import ROOT
from tests.simulation.findings import news
from tests.simulation.live import runner

HISTORIES = 200
BASE = datetime.now(UTC).date().toordinal() * 1_000
"""Seed of the first history, which changes by day; a test's name tells it."""

_CHUNK = 20


@pytest.mark.parametrize("first", range(BASE, BASE + HISTORIES, _CHUNK))
def test_whatever_happens_to_calls_nothing_is_lost_or_told_wrongly(first: int) -> None:
    for seed in range(first, first + _CHUNK):
        outcome = runner.run_seed(seed)
        if news(outcome.violations, seed=seed):
            pytest.fail(runner.reproduction(outcome), pytrace=False)


def test_a_seed_takes_the_same_course_each_time() -> None:
    """In whichever process: also where texts have other hashes, and sets of them another order."""
    seeds = range(BASE, BASE + 3)
    code = f"from tests.simulation.live.runner import run_seed; print([run_seed(s).digest for s in {seeds!r}])"
    courses = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": number},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for number in ("1", "2")
    }
    assert len(courses) == 1
