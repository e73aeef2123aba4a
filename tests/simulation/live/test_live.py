"""Random histories of live calls, other ones each day."""

from datetime import UTC, datetime

import pytest

from tests.simulation.live import runner

HISTORIES = 200
BASE = datetime.now(UTC).date().toordinal() * 1_000
"""Seed of the first history, which changes by day; a test's name tells it."""

_CHUNK = 20


@pytest.mark.parametrize("first", range(BASE, BASE + HISTORIES, _CHUNK))
def test_whatever_happens_to_calls_nothing_is_lost_or_told_wrongly(first: int) -> None:
    for seed in range(first, first + _CHUNK):
        outcome = runner.run_seed(seed)
        if outcome.violations:
            pytest.fail(runner.reproduction(outcome), pytrace=False)


def test_a_seed_takes_the_same_course_each_time() -> None:
    for seed in range(BASE, BASE + 5):
        assert runner.run_seed(seed).digest == runner.run_seed(seed).digest
