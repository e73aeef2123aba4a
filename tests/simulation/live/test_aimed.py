"""Aimed histories, each of which some fault in the product would break."""

import pytest

from tests.conftest import ROOT
from tests.simulation.live import runner
from tests.simulation.live.aimed import AIMED
from tests.simulation.live.mutations import MUTATIONS
from tests.simulation.mutations import Mutation


@pytest.mark.parametrize("what", AIMED)
def test_nothing_is_lost_or_told_wrongly(what: str) -> None:
    assert runner.run(AIMED[what]).violations == []


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_mutations_fit_the_source(mutation: Mutation) -> None:
    source = ROOT.joinpath(*mutation.module.split(".")).with_suffix(".py")
    assert source.read_text(encoding="utf-8").count(mutation.old) == 1
