"""What a transcription cost, line by line."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

DEFAULT_PRICE_LIST: Final = "deepgram-2026-08"


@dataclass(frozen=True, slots=True, kw_only=True)
class CostLine:
    """One line of the bill: amount_usd is quantity times rate_usd for each unit, to six decimals."""

    item: str
    quantity: Decimal
    unit: str
    rate_usd: Decimal
    amount_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one successful request costs by a dated price list.

    Attributes:
        price_list: name of the price list.
        plan: `pay-as-you-go` or `growth`.
        billed_seconds: seconds of one channel, rounded up.
        channels: channels billed.
        lines: the bill.
        total_usd: sum of the lines.
        unpriced: items the price list has no rate for; total_usd leaves them out.
        requests: requests sent for this recording. Deepgram may have billed the earlier ones, too.
    """

    price_list: str
    plan: str
    billed_seconds: int
    channels: int
    lines: tuple[CostLine, ...]
    total_usd: Decimal
    unpriced: tuple[str, ...]
    requests: int
