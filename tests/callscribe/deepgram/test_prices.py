import json
from dataclasses import replace
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscribe.cost import Cost
from callscribe.deepgram.options import TranscriptionOptions
from callscribe.deepgram.prices import DeepgramPrices, InvalidPriceList, cost_of, load_prices
from callscribe.recognition import TokenUsage

PLAIN = TranscriptionOptions()


def priced(
    seconds: float = 240.0,
    channels: int = 2,
    options: TranscriptionOptions = PLAIN,
    terms: int = 0,
    usage: tuple[TokenUsage, ...] = (),
    requests: int = 1,
    plan: str = "pay-as-you-go",
) -> Cost:
    return cost_of(
        duration_seconds=seconds,
        channels=channels,
        options=options,
        vocabulary_terms=terms,
        usage=usage,
        requests=requests,
        prices=load_prices(plan=plan),
    )


def amounts(cost: Cost) -> dict[str, Decimal]:
    return {line.item: line.amount_usd for line in cost.lines}


def test_each_channel_is_billed_by_itself() -> None:
    assert priced(600, 2).total_usd == Decimal("0.0860")
    assert priced(600, 2, TranscriptionOptions(speakers="diarize")).total_usd == Decimal("0.0430")
    assert priced(600, 1, TranscriptionOptions(speakers="multichannel")).channels == 1


def test_a_started_second_counts() -> None:
    assert priced(60.001, 1).billed_seconds == 61
    assert priced(60.0, 1).billed_seconds == 60


def test_add_ons_are_billed_for_the_same_time() -> None:
    options = TranscriptionOptions(redact=("pci",), detect_entities=True)
    assert amounts(priced(60, 1, options, terms=3)) == {
        "transcription nova-3": Decimal("0.0043"),
        "redaction": Decimal("0.0020"),
        "keyterm": Decimal("0.0013"),
        "entities": Decimal("0.0017"),
        "diarization": Decimal(0),
    }


def test_tokens_are_billed_by_direction() -> None:
    usage = (TokenUsage(feature="summary", input_tokens=2000, output_tokens=500),)
    found = amounts(priced(60, usage=usage))
    assert (found["summary input"], found["summary output"]) == (Decimal("0.0006"), Decimal("0.0003"))
    unused = (TokenUsage(feature="summary", input_tokens=0, output_tokens=0),)
    assert "summary input" not in amounts(priced(60, usage=unused))


def test_several_languages_cost_more() -> None:
    assert priced(60, 1, TranscriptionOptions(language="multi")).total_usd == Decimal("0.0052")
    assert priced(60, 1, TranscriptionOptions(language="es")).total_usd == Decimal("0.0043")


def test_the_plan_decides_and_what_it_does_not_list_is_named() -> None:
    cost = priced(60, 1, TranscriptionOptions(redact=("pci",)), plan="growth")
    assert (cost.plan, cost.unpriced) == ("growth", ("redaction",))
    assert (cost.total_usd, cost.at_least_usd) == (None, Decimal("0.0036"))


def test_a_model_without_a_price_is_named_not_guessed() -> None:
    cost = priced(60, 1, TranscriptionOptions(model="nova-2"), terms=3)
    assert (cost.unpriced, cost.total_usd) == (("transcription nova-2",), None)


def test_repeated_requests_are_noted() -> None:
    cost = priced(requests=3)
    assert (cost.requests, cost.refused, cost.total_usd) == (3, None, priced().total_usd)


def test_the_price_list_says_where_it_comes_from() -> None:
    prices = load_prices()
    assert prices.name == priced().price_list == "deepgram-2026-08"
    assert "Verify before quoting" in prices.note


@pytest.mark.parametrize(
    ("options", "terms", "plan", "unpriced"),
    [
        (TranscriptionOptions(language="detect"), 0, "pay-as-you-go", ("transcription nova-3",)),
        (TranscriptionOptions(model="nova-3-medical"), 0, "pay-as-you-go", ("transcription nova-3-medical",)),
        (TranscriptionOptions(model="nova-2-phonecall"), 0, "growth", ("transcription nova-2-phonecall",)),
        (PLAIN, 2, "growth", ("keyterm",)),
        (TranscriptionOptions(detect_entities=True), 2, "growth", ("keyterm", "entities")),
    ],
)
def test_a_total_with_an_unknown_part_is_unknown(
    options: TranscriptionOptions, terms: int, plan: str, unpriced: tuple[str, ...]
) -> None:
    cost = priced(60, 2, options, terms=terms, plan=plan)
    assert (cost.unpriced, cost.total_usd) == (unpriced, None)
    assert cost.at_least_usd == sum(line.amount_usd for line in cost.lines)


def test_tokens_without_a_rate_are_unknown_too() -> None:
    own = replace(load_prices(), tokens={"input": Decimal("0.0003")})
    usage = (TokenUsage(feature="summary", input_tokens=1000, output_tokens=10),)
    cost = cost_of(
        duration_seconds=60,
        channels=1,
        options=PLAIN,
        vocabulary_terms=0,
        usage=usage,
        requests=1,
        prices=own,
    )
    assert (cost.unpriced, cost.total_usd, cost.at_least_usd) == (("summary output",), None, Decimal("0.0046"))


OWN = {
    "name": "our-contract-2027",
    "models": {"nova-3": "general"},
    "multilingual_models": {},
    "plans": {
        "enterprise": {
            "batch_usd_per_channel_minute": {"general": "0.0030"},
            "stream_usd_per_channel_minute": {"general": "0.0040"},
            "add_on_usd_per_channel_minute": {"keyterm": "0", "diarization": "0"},
        }
    },
    "intelligence_usd_per_1000_tokens": {},
}


def test_a_deployment_names_its_price_list_and_plan() -> None:
    assert DeepgramPrices().load() == load_prices()
    assert DeepgramPrices(plan="growth").load() == load_prices(plan="growth")
    own = DeepgramPrices(plan="enterprise", rates=OWN).load()
    assert (own.name, own.plan, own.batch["general"]) == ("our-contract-2027", "enterprise", Decimal("0.0030"))


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "no json",
        '{"price_list": "unheard-of"}',
        '{"plan": "unheard-of"}',
        '{"rates": {"name": "x"}}',
        json.dumps({"plan": "enterprise", "rates": {**OWN, "intelligence_usd_per_1000_tokens": {"input": "much"}}}),
    ],
)
def test_price_settings_that_do_not_fit_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"JSON|Expected|unheard-of|price list|form"):
        msgspec.json.decode(text, type=DeepgramPrices)


@pytest.mark.parametrize(("name", "plan"), [("unheard-of", "growth"), ("deepgram-2026-08", "unheard-of")])
def test_an_unknown_price_list_or_plan_is_refused(name: str, plan: str) -> None:
    with pytest.raises(InvalidPriceList, match="unheard-of"):
        load_prices(name, plan)


@given(st.floats(0, 20_000), st.integers(1, 2), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 100))
def test_the_total_is_the_sum_of_the_lines(seconds: float, channels: int, given_: int, made: int, terms: int) -> None:
    usage = (TokenUsage(feature="topics", input_tokens=given_, output_tokens=made),)
    cost = priced(seconds, channels, terms=terms, usage=usage)
    assert cost.total_usd == sum(line.amount_usd for line in cost.lines)
    for line in cost.lines:
        assert abs(line.quantity * line.rate_usd - line.amount_usd) <= Decimal("0.0000005")
