"""What a transcription cost, line by line, as it is kept with the transcript."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

MICRO_USD: Final = Decimal("0.000001")
"""To what amounts are rounded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostLine:
    """One line of the bill.

    Attributes:
        item: what was used.
        quantity: how much of it.
        unit: what is counted.
        rate_usd: price of one unit.
        amount_usd: quantity times rate, to six decimals.
    """

    item: str
    quantity: Decimal
    unit: str
    rate_usd: Decimal
    amount_usd: Decimal


def cost_line(item: str, quantity: Decimal, unit: str, rate: Decimal) -> CostLine:
    """Write a line of the bill."""
    amount = (quantity * rate).quantize(MICRO_USD, ROUND_HALF_UP)
    return CostLine(item=item, quantity=quantity, unit=unit, rate_usd=rate, amount_usd=amount)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one successful request costs by a dated price list.

    Attributes:
        price_list: name of the price list.
        plan: `pay-as-you-go` or `growth`.
        billed_seconds: seconds of one channel, rounded up.
        channels: channels billed.
        lines: the bill.
        total_usd: sum of the lines; None where the price list has no rate for something that was used, and left out
            of an item then.
        unpriced: what it has no rate for.
        requests: requests sent for this recording, or connections of this call.
        refused: those of the requests that the service answered with an error; None where that is not known. The others
            but one brought nothing that was kept, and nobody here knows whether it billed them: total_usd is then
            the least that the call cost.
        at_least_usd: sum of the lines, whether or not that is all; None in documents that were written before. There a
            total with something unpriced is such a sum.
    """

    price_list: str
    plan: str
    billed_seconds: int
    channels: int
    lines: tuple[CostLine, ...]
    total_usd: Decimal | None = None
    unpriced: tuple[str, ...]
    requests: int
    refused: int | None = None
    at_least_usd: Decimal | None = None
