"""Aimed histories, each of which some fault in the product would break."""

import pytest

from tests.simulation.live import runner
from tests.simulation.live.aimed import AIMED


@pytest.mark.parametrize("what", AIMED)
def test_nothing_is_lost_or_told_wrongly(what: str) -> None:
    assert runner.run(AIMED[what]).violations == []
