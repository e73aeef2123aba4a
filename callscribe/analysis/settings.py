"""How an analyst that reads is asked: what a deployment sets and a function reads."""

from typing import Annotated

from msgspec import Meta, Struct

from callscribe.analysis.prices import ModelPrices


class AnalystSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a language model is asked about calls.

    Attributes:
        model: id or ARN that requests name.
        price_model: id of the foundation model, by which it is priced.
        endpoint: base URL of the service; None takes the region's.
        request_timeout_seconds: longest wait for an answer.
        max_attempts: requests for one call at most.
        max_input_tokens: longest question that is asked, by an estimate.
        max_output_tokens: longest answer.
        prices: by which the cost is reckoned.
    """

    model: str
    price_model: str
    endpoint: str | None = None
    request_timeout_seconds: Annotated[int, Meta(ge=1)] = 60
    max_attempts: Annotated[int, Meta(ge=1)] = 3
    max_input_tokens: Annotated[int, Meta(ge=1)] = 100_000
    max_output_tokens: Annotated[int, Meta(ge=1)] = 4_000
    prices: ModelPrices = ModelPrices()
