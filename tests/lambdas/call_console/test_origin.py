"""Behind a distribution the function answers it alone, whatever else a request has."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.lambdas.call_console.conftest import Console
from tests.lambdas.cloud import secrets_manager

SECRET = "kX2vQ9sWm4" * 4
HEADER = "x-callscribe-origin"


@pytest.fixture(autouse=True)
def _distribution(console: Console, function_environment: pytest.MonkeyPatch) -> None:
    arn = secrets_manager().create_secret(Name="origin", SecretString=SECRET)["ARN"]
    function_environment.setenv("ORIGIN_SECRET_ARN", arn)


@pytest.mark.parametrize("path", ["/", "/config.json", "/api/session", "/api/clinics/harbour/calls"])
@pytest.mark.parametrize("shown", [{}, {HEADER: ""}, {HEADER: SECRET[:-1]}, {HEADER: SECRET + "x"}, {HEADER: "é"}])
def test_who_goes_past_the_distribution_gets_nothing(
    console: Console, output: Callable[[], str], path: str, shown: dict[str, str]
) -> None:
    console.store()
    output()
    answer = console.ask(path, headers=shown)
    assert (answer.status, answer.json["error"]["code"]) == (403, "Forbidden")
    assert SECRET[:20] not in answer.text + output()


def test_what_the_distribution_sends_is_answered(console: Console, output: Callable[[], str]) -> None:
    console.store()
    assert console.ask("/api/clinics/harbour/calls", headers={HEADER: SECRET}).status == 200
    assert console.ask("/api/clinics/harbour/calls", headers={HEADER: SECRET}, groups="[lakeside]").status == 404
    assert SECRET not in output()
