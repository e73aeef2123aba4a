"""The harness says so when it cannot be trusted."""

from __future__ import annotations

import moto
import pytest

from tests.workflow import engine
from tests.workflow.cloudformation import Deployed


def test_another_version_of_moto_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moto, "__version__", "6.0.0")

    with pytest.raises(RuntimeError, match=r"6\.0\.0 is installed: .*SUPPORTED_MOTO"):
        engine.install(monkeypatch, invoke=lambda *_: b"", waits=[], pause=lambda _: None)


def test_a_reference_to_nothing_is_refused() -> None:
    with pytest.raises(LookupError, match="no resource Nowhere"):
        Deployed({"stack": {"Resources": {}}}).resolve("stack", {"Ref": "Nowhere"})


def test_a_function_of_cloudformation_that_is_not_known_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="Fn::Cidr"):
        Deployed({"stack": {"Resources": {}}}).resolve("stack", {"Fn::Cidr": ["10.0.0.0/16", 1]})
