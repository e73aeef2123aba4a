"""Which rates the cost of a transcript is reckoned with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from constructs_lib import _sources
from constructs_lib._checks import quoted

_FOLDER: Final = _sources.ROOT / "callscribe" / "prices"
# Bytes. All variables of a function together may take 4 KB (AWS: "Lambda quotas").
_LONGEST: Final = 2048


@dataclass(frozen=True, kw_only=True)
class DeepgramPrices:
    """A dated price list of Deepgram and the plan you pay by.

    What a list has no rate for makes the cost of a transcript unknown: it is then shown as *at least* the rest.

    Raises:
        ValueError: If there is no such list or plan, or *rates* have another form.
    """

    price_list: str = "deepgram-2026-08"
    """A list that comes with the package. Default: the newest."""
    plan: str = "pay-as-you-go"
    """A plan of that list, or of *rates*. Default: without a commitment."""
    rates: Mapping[str, Any] | None = None
    """A contract's own rates, in the form of the files in ``callscribe/prices``. Default: those of *price_list*."""

    def __post_init__(self) -> None:
        """Check that the rates can be read."""
        rates = self.rates
        if rates is None:
            names = sorted(file.stem for file in _FOLDER.glob("*.json"))
            if self.price_list not in names:
                raise ValueError(
                    f"price_list {self.price_list!r} is unknown: choose one of {quoted(names)}, or pass rates"
                )
            rates = json.loads((_FOLDER / f"{self.price_list}.json").read_text(encoding="utf-8"))
        try:
            plans = rates["plans"]
            if self.plan not in plans:
                raise ValueError(f"plan {self.plan!r} is not in the price list: choose one of {quoted(sorted(plans))}")
            plan = plans[self.plan]
            tables = [
                *(plan[f"{table}_usd_per_channel_minute"] for table in ("batch", "stream", "add_on")),
                rates["intelligence_usd_per_1000_tokens"],
            ]
            written = [rates["name"], *rates["models"].values(), *rates["multilingual_models"].values()]
            if not all(isinstance(text, str) and text for text in written):
                raise TypeError
            amounts = [Decimal(amount) for table in tables for amount in table.values()]
        except (AttributeError, InvalidOperation, KeyError, TypeError) as error:
            raise ValueError(
                "rates do not have the form of a price list: take callscribe/prices/deepgram-2026-08.json as a "
                "model, with every amount as text"
            ) from error
        if any(not amount.is_finite() or amount < 0 for amount in amounts):
            raise ValueError("rates hold an amount below zero or without end: name what Deepgram charges in USD")
        if len(self.to_json().encode()) > _LONGEST:
            raise ValueError(f"rates take more than {_LONGEST} bytes: leave out the plans that you do not pay by")

    def to_json(self) -> str:
        """Write which rates are meant, for the functions."""
        which = {"price_list": self.price_list} if self.rates is None else {"rates": self.rates}
        return json.dumps({"plan": self.plan, **which}, separators=(",", ":"))
