from dataclasses import replace
from decimal import Decimal

import pytest

from callscribe.analysis.prices import (
    UNANSWERED,
    InvalidModelPrices,
    ModelPrices,
    Usage,
    with_analyses_of,
    with_analysis,
)
from callscribe.cost import Cost

MODEL = "amazon.nova-lite-v1:0"
TRANSCRIPTION = Cost(
    price_list="p",
    plan="q",
    billed_seconds=60,
    channels=1,
    lines=(),
    total_usd=Decimal("0.01"),
    unpriced=(),
    requests=1,
    at_least_usd=Decimal("0.01"),
)
USAGE = Usage(requests=1, input_tokens=2_000, output_tokens=500)


def test_an_analysis_is_added_to_what_the_call_cost() -> None:
    cost = with_analysis(TRANSCRIPTION, MODEL, USAGE, ModelPrices())
    assert [line.amount_usd for line in cost.lines] == [Decimal("0.000120"), Decimal("0.000120")]
    assert cost.total_usd == cost.at_least_usd == Decimal("0.010240")
    assert cost.unpriced == ()


def test_rates_of_a_contract_take_precedence() -> None:
    own = ModelPrices(input_usd_per_1000_tokens=Decimal(1), output_usd_per_1000_tokens=Decimal(2))
    assert with_analysis(TRANSCRIPTION, MODEL, USAGE, own).total_usd == Decimal("3.01")


def test_a_model_without_a_price_makes_the_cost_a_least_one() -> None:
    cost = with_analysis(TRANSCRIPTION, "somebody.else-v1:0", USAGE, ModelPrices())
    assert (cost.total_usd, cost.at_least_usd) == (None, Decimal("0.01"))
    assert cost.unpriced == ("analysis somebody.else-v1:0 input", "analysis somebody.else-v1:0 output")


def test_a_request_without_an_answer_may_have_been_billed() -> None:
    cost = with_analysis(TRANSCRIPTION, MODEL, USAGE + Usage(requests=1, unanswered=1), ModelPrices())
    assert (cost.total_usd, cost.at_least_usd, cost.unpriced) == (None, Decimal("0.010240"), (UNANSWERED,))


@pytest.mark.parametrize("model", [MODEL, "somebody.else-v1:0"])
def test_what_analyses_cost_goes_over_to_another_bill_of_the_call(model: str) -> None:
    usage = USAGE + Usage(requests=1, unanswered=1)
    another = replace(TRANSCRIPTION, requests=2, total_usd=Decimal("0.03"), at_least_usd=Decimal("0.03"))
    earlier = with_analysis(TRANSCRIPTION, model, usage, ModelPrices())
    assert with_analyses_of(another, earlier) == with_analysis(another, model, usage, ModelPrices())
    assert with_analyses_of(another, TRANSCRIPTION) == another


def test_nobody_asked_costs_nothing() -> None:
    assert with_analysis(TRANSCRIPTION, MODEL, Usage(), ModelPrices()) == TRANSCRIPTION


@pytest.mark.parametrize(
    "wrong",
    [
        {"price_list": "none"},
        {"input_usd_per_1000_tokens": Decimal(-1)},
        {"output_usd_per_1000_tokens": Decimal("NaN")},
    ],
)
def test_rates_that_are_none_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidModelPrices):
        ModelPrices(**wrong)  # type: ignore[arg-type]
