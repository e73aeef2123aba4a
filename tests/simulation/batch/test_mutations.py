"""What mutations replace is there: one that fits nothing would show nothing."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from tests.simulation.batch.deployment import SETUPS, deployed
from tests.simulation.batch.mutations import DEFINITION, MUTATIONS
from tests.simulation.mutations import Mutation


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_fits_the_source(mutation: Mutation) -> None:
    if mutation.module == DEFINITION:
        assert any(mutation.old in json.dumps(deployed(name).definition) for name in SETUPS)
        return
    spec = importlib.util.find_spec(mutation.module)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).read_text(encoding="utf-8").count(mutation.old) == 1
