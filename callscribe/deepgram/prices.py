"""Deepgram's dated price lists, and what one of its transcriptions costs by them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Any, Final

import msgspec

from callscribe.cost import MICRO_USD, Cost, CostLine, cost_line
from callscribe.data_files import load, names
from callscribe.deepgram.catalogue import DETECT
from callscribe.deepgram.options import TranscriptionOptions
from callscribe.recognition import TokenUsage
from callscribe.serialization import InvalidData, decode

DEFAULT_PRICE_LIST: Final = "deepgram-2026-08"
DEFAULT_PLAN: Final = "pay-as-you-go"

MAX_RATES_BYTES: Final = 2048
"""Longest list of a contract's own rates: all variables of a function together may take 4 KB (AWS: "Lambda quotas")."""


class InvalidPriceList(ValueError):
    """There is no such price list or plan, or the file does not fit."""


@dataclass(frozen=True, kw_only=True)
class PriceList:
    """The rates of one plan at one date.

    Attributes:
        name: name of the file in `prices/`.
        plan: Deepgram plan.
        note: what to mind when quoting.
        models: price class by model, for one language.
        multilingual_models: price class by model, for language `multi`.
        batch: USD for one minute of one channel of a recording, by price class.
        stream: USD for one minute of one channel of a stream, by price class.
        add_ons: USD on top for one minute of one channel, by feature.
        tokens: USD for 1,000 tokens of text intelligence, by direction (`input`, `output`).
    """

    name: str
    plan: str
    note: str
    models: Mapping[str, str]
    multilingual_models: Mapping[str, str]
    batch: Mapping[str, Decimal]
    stream: Mapping[str, Decimal]
    add_ons: Mapping[str, Decimal]
    tokens: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    batch_usd_per_channel_minute: Mapping[str, Decimal]
    stream_usd_per_channel_minute: Mapping[str, Decimal]
    add_on_usd_per_channel_minute: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class _PriceFile:
    """A file in `prices/`, or a list of a deployment's own."""

    name: str
    note: str = ""
    models: Mapping[str, str]
    multilingual_models: Mapping[str, str]
    plans: Mapping[str, _Plan]
    intelligence_usd_per_1000_tokens: Mapping[str, Decimal]

    def of(self, plan: str) -> PriceList:
        """Return the rates of a plan.

        Raises:
            InvalidPriceList: There is no such plan, or an amount cannot be a rate.
        """
        if plan not in self.plans:
            raise InvalidPriceList(
                f"plan {plan!r} is not in the price list: choose one of {', '.join(map(repr, sorted(self.plans)))}"
            )
        rates = self.plans[plan]
        prices = PriceList(
            name=self.name,
            plan=plan,
            note=self.note,
            models=self.models,
            multilingual_models=self.multilingual_models,
            batch=rates.batch_usd_per_channel_minute,
            stream=rates.stream_usd_per_channel_minute,
            add_ons=rates.add_on_usd_per_channel_minute,
            tokens=self.intelligence_usd_per_1000_tokens,
        )
        tables = (prices.batch, prices.stream, prices.add_ons, prices.tokens)
        if any(not amount.is_finite() or amount < 0 for table in tables for amount in table.values()):
            raise InvalidPriceList("rates hold an amount below zero or without end: name what Deepgram charges in USD")
        return prices


@cache
def load_prices(name: str = DEFAULT_PRICE_LIST, plan: str = DEFAULT_PLAN) -> PriceList:
    """Read `prices/{name}.json`.

    Raises:
        InvalidPriceList: There is no such price list or plan, or the file does not fit.
    """
    if name not in (known := names("prices")):
        raise InvalidPriceList(
            f"price_list {name!r} is unknown: choose one of {', '.join(map(repr, known))}, or pass rates"
        )
    return load(_PriceFile, "prices", name).of(plan)


class DeepgramPrices(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A dated price list of Deepgram and the plan you pay by.

    What a list has no rate for makes the cost of a transcript unknown: it is then shown as *at least* the rest.

    Raises:
        ValueError: If there is no such list or plan, or *rates* have another form.
    """

    price_list: str = DEFAULT_PRICE_LIST
    """A list that comes with the package. Default: the newest."""
    plan: str = DEFAULT_PLAN
    """A plan of that list, or of *rates*. Default: without a commitment."""
    rates: Mapping[str, Any] | None = None
    """A contract's own rates, in the form of the files in ``callscribe/prices``. Default: those of *price_list*."""

    def __post_init__(self) -> None:
        """Check that the rates can be read."""
        for option, value in (("price_list", self.price_list), ("plan", self.plan)):
            if not isinstance(value, str):
                raise InvalidPriceList(f"{option} of {value!r} is not a text: pass its name")
        self.load()
        if self.rates is not None and len(msgspec.json.encode(self.rates)) > MAX_RATES_BYTES:
            raise InvalidPriceList(
                f"rates take more than {MAX_RATES_BYTES} bytes: leave out the plans that you do not pay by"
            )

    def load(self) -> PriceList:
        """Return the rates."""
        if self.rates is None:
            return load_prices(self.price_list, self.plan)
        try:
            own = decode(_PriceFile, self.rates, "rates")
        except InvalidData as error:
            raise InvalidPriceList(
                "rates do not have the form of a price list: take "
                f"callscribe/prices/{DEFAULT_PRICE_LIST}.json as a model, with every amount as text"
            ) from error
        return own.of(self.plan)


def cost_of(
    *,
    duration_seconds: float,
    channels: int,
    options: TranscriptionOptions,
    vocabulary_terms: int,
    usage: Sequence[TokenUsage],
    requests: int,
    prices: PriceList,
    refused: int | None = None,
    streamed: bool = False,
) -> Cost:
    """Write the bill of one successful request, or of one call that was streamed.

    Deepgram bills by the second, each channel of a multichannel request by itself, add-ons by the same time, and text
    intelligence by tokens (pricing page). A started second counts in full here.

    Args:
        duration_seconds: audio Deepgram heard.
        channels: channels of the recording or stream.
        options: what was asked.
        vocabulary_terms: terms sent with the request.
        usage: tokens, as the reply tells them.
        requests: requests sent for this recording.
        prices: rates.
        refused: those of the requests that Deepgram answered with an error; None where that is not known.
        streamed: whether the audio was streamed, which has other rates than a recording.
    """
    seconds = math.ceil(duration_seconds)
    billed_channels = channels if options.separates_channels(channels) else 1
    minutes = (Decimal(seconds * billed_channels) / 60).quantize(MICRO_USD, ROUND_HALF_UP)
    lines: list[CostLine] = []
    unpriced: list[str] = []
    for item, rate in _rated_items(options, channels, vocabulary_terms, prices, streamed=streamed):
        if rate is None:
            unpriced.append(item)
        else:
            lines.append(cost_line(item, minutes, "channel-minute", rate))
    for item, thousands, rate in _token_items(usage, prices):
        if rate is None:
            unpriced.append(item)
        else:
            lines.append(cost_line(item, thousands, "1000 tokens", rate))
    known = sum((line.amount_usd for line in lines), Decimal(0))
    return Cost(
        price_list=prices.name,
        plan=prices.plan,
        billed_seconds=seconds,
        channels=billed_channels,
        lines=tuple(lines),
        total_usd=None if unpriced else known,
        unpriced=tuple(unpriced),
        requests=requests,
        refused=refused,
        at_least_usd=known,
    )


def _rated_items(
    options: TranscriptionOptions, channels: int, vocabulary_terms: int, prices: PriceList, *, streamed: bool
) -> Iterator[tuple[str, Decimal | None]]:
    classes = prices.multilingual_models if options.language == "multi" else prices.models
    rates = prices.stream if streamed else prices.batch
    # No list says what a language that Deepgram found out costs.
    price_class = None if options.language == DETECT else classes.get(options.model)
    yield f"transcription {options.model}", None if price_class is None else rates.get(price_class)
    add_ons = {
        "redaction": bool(options.redact),
        # Keywords of older models cost nothing extra.
        "keyterm": vocabulary_terms > 0 and options.vocabulary_parameter == "keyterm",
        "entities": options.detect_entities,
        "diarization": options.diarizes(channels),
    }
    for item, used in add_ons.items():
        if used:
            yield item, prices.add_ons.get(item)


def _token_items(usage: Sequence[TokenUsage], prices: PriceList) -> Iterator[tuple[str, Decimal, Decimal | None]]:
    for used in usage:
        for direction, tokens in (("input", used.input_tokens), ("output", used.output_tokens)):
            if tokens:
                yield f"{used.feature} {direction}", Decimal(tokens) / 1000, prices.tokens.get(direction)
