"""Dated list prices of language models, and what an analysis costs by them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from typing import Final, Self

import msgspec

from callscribe.cost import Cost, CostLine, cost_line
from callscribe.data_files import load, names

DEFAULT_PRICE_LIST: Final = "bedrock-2026-11"

_ANALYSIS: Final = "analysis "

UNANSWERED: Final = f"{_ANALYSIS}(requests without an answer)"
"""What of an analysis has no price because nobody knows whether it was billed."""

UNREADABLE: Final = f"{_ANALYSIS}(unreadable bill)"
"""What of analyses has no price because the bill that had them cannot be read."""

_FOLDER: Final = "analyst_prices"


class InvalidModelPrices(ValueError):
    """There is no such price list, or an amount cannot be a rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRates:
    """USD for 1,000 tokens.

    Attributes:
        input: of what is sent.
        output: of what is written.
    """

    input: Decimal
    output: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What an analysis took.

    Attributes:
        requests: requests sent.
        unanswered: those of them that may be billed although no answer came.
        input_tokens: tokens sent, as the answers tell.
        output_tokens: tokens written, as the answers tell.
    """

    requests: int = 0
    unanswered: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    def __add__(self, other: Self) -> Self:
        return replace(
            self,
            requests=self.requests + other.requests,
            unanswered=self.unanswered + other.unanswered,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _PriceFile:
    name: str
    models: Mapping[str, TokenRates]


@cache
def _price_list(name: str) -> _PriceFile:
    if name not in (known := names(_FOLDER)):
        raise InvalidModelPrices(f"price_list {name!r} is unknown: choose one of {', '.join(map(repr, known))}")
    return load(_PriceFile, _FOLDER, name)


class ModelPrices(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a language model costs.

    What has no rate makes the cost of a call unknown: it is then shown as *at least* the rest.

    Raises:
        ValueError: If there is no such list, or an amount cannot be a rate.
    """

    price_list: str = DEFAULT_PRICE_LIST
    """A dated list that comes with the package, in ``callscribe/analyst_prices``. Default: the newest."""
    input_usd_per_1000_tokens: Decimal | None = None
    """A contract's own rate for tokens sent. Default: that of the list."""
    output_usd_per_1000_tokens: Decimal | None = None
    """A contract's own rate for tokens written. Default: that of the list."""

    def __post_init__(self) -> None:
        """Check list and rates."""
        if not isinstance(self.price_list, str):
            raise InvalidModelPrices(f"price_list of {self.price_list!r} is not a text: pass its name")
        _price_list(self.price_list)
        for option in ("input_usd_per_1000_tokens", "output_usd_per_1000_tokens"):
            amount: object = getattr(self, option)
            if amount is None:
                continue
            if not isinstance(amount, Decimal):
                raise InvalidModelPrices(f"{option} of {amount!r} is not a Decimal: pass Decimal('0.00006'), of a text")
            if not amount.is_finite() or amount < 0:
                raise InvalidModelPrices(
                    f"{option} of {amount} is below zero or without end: name what the model charges in USD"
                )

    def lines(self, model: str, usage: Usage) -> Iterator[tuple[str, CostLine | None]]:
        """Yield what an analysis used by name, with the line of its bill; None for what has no price.

        Args:
            model: id of the foundation model, as the list names it.
            usage: what it took.
        """
        listed = _price_list(self.price_list).models.get(model)
        own_input, own_output = self.input_usd_per_1000_tokens, self.output_usd_per_1000_tokens
        for direction, tokens, own, rate in (
            ("input", usage.input_tokens, own_input, None if listed is None else listed.input),
            ("output", usage.output_tokens, own_output, None if listed is None else listed.output),
        ):
            item, known = f"{_ANALYSIS}{model} {direction}", own if own is not None else rate
            if tokens:
                quantity = Decimal(tokens) / 1000
                yield item, None if known is None else cost_line(item, quantity, "1000 tokens", known)
        if usage.unanswered:
            yield UNANSWERED, None


def with_analysis(cost: Cost, model: str, usage: Usage, prices: ModelPrices) -> Cost:
    """Add what an analysis costs to what the transcription of its call did."""
    items = list(prices.lines(model, usage))
    return _with(
        cost,
        tuple(line for _, line in items if line is not None),
        tuple(name for name, line in items if line is None),
    )


def with_analyses_of(cost: Cost, earlier: Cost | None) -> Cost:
    """Add what analyses added to *earlier*, another bill of the same call, to what its transcription cost.

    Where that bill cannot be read, None, nobody knows what they cost: the sum is then the least.
    """
    if earlier is None:
        return _with(cost, (), (UNREADABLE,))
    return _with(
        cost,
        tuple(line for line in earlier.lines if line.item.startswith(_ANALYSIS)),
        tuple(name for name in earlier.unpriced if name.startswith(_ANALYSIS)),
    )


def _with(cost: Cost, lines: tuple[CostLine, ...], unpriced: tuple[str, ...]) -> Cost:
    added = sum((line.amount_usd for line in lines), Decimal(0))
    known = cost.total_usd if cost.at_least_usd is None else cost.at_least_usd
    return replace(
        cost,
        lines=(*cost.lines, *lines),
        unpriced=(*cost.unpriced, *unpriced),
        total_usd=None if unpriced or cost.total_usd is None else cost.total_usd + added,
        at_least_usd=None if known is None else known + added,
    )
