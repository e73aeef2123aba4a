import json
from typing import Any

import msgspec
import pytest

from callscribe.deepgram.prices import load_prices
from constructs_lib import DeepgramPrices
from tests.conftest import ROOT

SHIPPED: dict[str, Any] = json.loads((ROOT / "callscribe/prices/deepgram-2026-08.json").read_text("utf-8"))
OWN = {
    **SHIPPED,
    "name": "our-contract",
    "plans": {"enterprise": SHIPPED["plans"]["growth"]},
}


def through_json(prices: DeepgramPrices) -> DeepgramPrices:
    return msgspec.json.decode(msgspec.json.encode(prices), type=DeepgramPrices)


def test_what_is_named_is_what_the_functions_read() -> None:
    assert through_json(DeepgramPrices()).load() == load_prices()
    assert through_json(DeepgramPrices(plan="growth")).load() == load_prices(plan="growth")
    own = through_json(DeepgramPrices(plan="enterprise", rates=OWN)).load()
    assert (own.name, own.batch) == ("our-contract", load_prices(plan="growth").batch)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"price_list": "deepgram-1999"}, r"price_list 'deepgram-1999' is unknown: choose one of 'deepgram-2026-08'"),
        ({"plan": "gold"}, r"plan 'gold' is not in the price list: choose one of 'growth', 'pay-as-you-go'"),
        ({"rates": OWN}, r"plan 'pay-as-you-go' is not in the price list: choose one of 'enterprise'"),
        ({"rates": {"name": "x"}}, r"rates do not have the form of a price list"),
        ({"rates": {**SHIPPED, "models": {"nova-3": 3}}}, r"do not have the form"),
        ({"rates": {**SHIPPED, "intelligence_usd_per_1000_tokens": {"input": "cheap"}}}, r"do not have the form"),
        ({"rates": {**SHIPPED, "intelligence_usd_per_1000_tokens": {"input": "-1"}}}, r"below zero or without end"),
        ({"rates": {**SHIPPED, "intelligence_usd_per_1000_tokens": {"input": "NaN"}}}, r"below zero or without end"),
        ({"rates": {**SHIPPED, "note": "n" * 2000}}, r"take more than 2048 bytes: leave out the plans"),
    ],
)
def test_fails_for_rates_that_cannot_be_reckoned_with(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DeepgramPrices(**settings)
