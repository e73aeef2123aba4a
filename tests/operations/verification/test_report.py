"""What a verification reports, and what it says of what is assumed."""

import re
from decimal import Decimal
from typing import Any

import pytest

from operations import verify
from operations.checks.findings import State, failed, ok, unknown, warning
from operations.verification.assumptions import (
    ASSUMPTIONS,
    CATCHING_UP,
    TOKEN_SELECTOR,
    Verdict,
    judged,
    not_reached,
)
from operations.verification.batch import asked_once
from operations.verification.report import Report
from operations.verification.waiting import Patience, TookTooLong
from tests.conftest import ROOT


def report() -> Report:
    return Report(region="eu-central-1", on_aws=True, started_at="2026-11-20T10:00:00+00:00")


def test_every_assumption_is_named_and_those_not_reached_say_why() -> None:
    told = report()
    told.judge(judged(CATCHING_UP, holds=True, evidence="10 s of audio came in 1.0 s"))
    assert [one.assumption for one in told.assumptions] == list(ASSUMPTIONS)
    verdicts = {one.assumption.name: one.verdict for one in told.assumptions}
    assert verdicts.pop("catching-up") is Verdict.CONFIRMED
    assert set(verdicts.values()) == {Verdict.NOT_REACHED}
    assert all(one.evidence for one in told.assumptions)


def test_the_page_lists_the_assumptions_as_they_are() -> None:
    page = (ROOT / "docs" / "how-to" / "verify.md").read_text(encoding="utf-8")
    for assumption in ASSUMPTIONS:
        assert f"| `{assumption.name}` | {assumption.statement} |" in page
    assert re.findall(r"^\| `([\w-]+)` \|", page, re.MULTILINE) == [assumption.name for assumption in ASSUMPTIONS]


def test_what_the_page_of_amazon_connect_has_not_seen_is_among_the_assumptions() -> None:
    page = (ROOT / "docs" / "how-to" / "connect-amazon-connect.md").read_text(encoding="utf-8")
    _, _, unseen = page.partition("## Not verified without an account")
    named = re.findall(r"^- `([\w-]+)`: ", unseen, re.MULTILINE)
    assert len(named) == len(re.findall(r"^- ", unseen, re.MULTILINE))
    assert set(named) <= {assumption.name for assumption in ASSUMPTIONS}
    assert {one.name for one in ASSUMPTIONS if "Amazon Connect" in one.out_of_reach} <= set(named)


@pytest.mark.parametrize(
    ("finding", "passed"),
    [(ok("x"), True), (warning("x", "y"), True), (unknown("x"), True), (failed("x", "y"), False)],
)
def test_what_is_broken_fails_the_verification(finding: Any, passed: bool) -> None:
    told = report()
    told.add("Recording", finding)
    assert told.passed is passed


def test_what_is_refuted_fails_it_and_what_is_not_reached_does_not() -> None:
    told = report()
    told.judge(not_reached(TOKEN_SELECTOR, "no call was streamed"))
    assert told.passed
    told.judge(judged(TOKEN_SELECTOR, holds=False, evidence="nothing came"))
    assert not told.passed


def cost(**changes: Any) -> dict[str, Any]:
    return {"cost": {"total_usd": Decimal("0.01"), "at_least_usd": Decimal("0.01"), "requests": 1, **changes}}


@pytest.mark.parametrize(
    ("items", "known", "more"),
    [
        ([], None, False),
        ([cost(), cost()], 0.02, False),
        ([cost(), cost(total_usd=None, unpriced=("summary",))], 0.02, True),
        ([cost(total_usd=None, at_least_usd=None, unpriced=("all",))], None, True),
    ],
)
def test_a_cost_that_is_not_all_known_is_a_least_one(items: list[Any], known: float | None, more: bool) -> None:
    told = report()
    for item in items:
        told.add_cost(item)
    assert told.cost_usd == (None if known is None else pytest.approx(known))
    assert told.cost_is_lower_bound is more


def test_a_call_without_a_transcript_makes_the_cost_a_least_one() -> None:
    told = report()
    told.add_cost(cost())
    told.add_cost(None)
    assert told.cost_usd == pytest.approx(0.01)
    assert told.cost_is_lower_bound


def test_what_could_not_be_looked_at_is_not_called_well() -> None:
    told = report()
    told.add("Recording", ok("x"))
    assert verify._conclusion(told) == "All is well."
    told.add("Alarms", unknown("y"))
    assert told.passed
    assert "All is well" not in verify._conclusion(told)
    told.add("Recording", failed("z", "w"))
    assert verify._conclusion(told).startswith("Something is not")


@pytest.mark.parametrize(
    ("requests", "state"),
    [([1, None], State.OK), ([1, 0], State.OK), ([1, 1], State.FAILED), ([None, None], State.UNKNOWN)],
)
def test_that_nothing_was_paid_twice_is_said_only_where_the_claims_say_so(
    requests: list[int | None], state: State
) -> None:
    claims = [{} if count is None else {"deepgram_requests": count} for count in requests]
    assert asked_once(claims).state is state


def test_waiting_has_an_end() -> None:
    clock = iter(range(100))
    patience = Patience(until=5, clock=lambda: next(clock), sleep=lambda _: None)
    with pytest.raises(TookTooLong, match="the stream did not come in time"):
        patience.wait_for("the stream", lambda: None)
    assert next(clock) < 10


def test_what_is_found_ends_the_wait() -> None:
    found = iter([None, None, 0])
    assert Patience(until=5, clock=lambda: 0, sleep=lambda _: None).wait_for("it", lambda: next(found)) == 0
