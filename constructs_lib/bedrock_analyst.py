"""A language model of Amazon Bedrock that reads each call after the rules have."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from aws_cdk import Duration, Stack, Token
from aws_cdk import aws_iam as iam

from callscribe.analysis.prices import ModelPrices
from callscribe.analysis.settings import AnalystSettings
from constructs_lib._checks import base_url, check_fields, integer, quoted, seconds_within, text, texts

# botocore, service model of `bedrock-runtime`, "ConversationalModelId", without routers, prompts and endpoints.
_FOUNDATION_MODEL: Final = re.compile(r"[a-z0-9-]{1,63}\.[a-z0-9-]{1,63}(?:[.:][a-z0-9-]{1,63})*")
_FOUNDATION_MODEL_ARN: Final = re.compile(
    rf"arn:aws[\w-]*:bedrock:(?P<region>[a-z0-9-]*)::foundation-model/(?P<model>{_FOUNDATION_MODEL.pattern})"
)
_OWN_ARN: Final = re.compile(
    r"arn:aws[\w-]*:bedrock:(?P<region>[a-z0-9-]+):\d{12}:"
    r"(?P<kind>inference-profile|application-inference-profile|provisioned-model|imported-model|custom-model-deployment)"
    r"/[\w.:-]+"
)
_PROFILES: Final = ("inference-profile", "application-inference-profile")

_LONGEST_REQUEST: Final = Duration.minutes(4)
_MOST_ATTEMPTS: Final = 3
_MOST_INPUT: Final = 1_000_000
_MOST_OUTPUT: Final = 64_000


@dataclass(frozen=True, kw_only=True)
class BedrockAnalyst:
    """Has each call read by a language model of Amazon Bedrock, beside the rules and after them.

    It writes a summary, flags, urgency and a verdict on each criterion of the rubric, and cites the turns they rest on;
    what cites words that were not said there is thrown away. What the rules say stays as it is, and is all there is
    where the model fails. The words of a call, as they are in the transcript, go to Amazon Bedrock in the stack's
    region, and to other regions only where *regions* names them.

    The account needs access to the model (Amazon Bedrock User Guide, "Access Amazon Bedrock foundation models").

    Raises:
        ValueError: If *model* cannot be one, lacks its foundation models, or a time or number is out of range.
    """

    model: str
    """Id of a foundation model, such as ``"amazon.nova-lite-v1:0"``, or the ARN of one, of an inference profile, or of
    a model of your own (provisioned, imported or custom)."""
    foundation_models: Sequence[str] = ()
    """ARNs of the foundation models that an inference profile routes to: one for each of its regions. With any other
    *model*, that which it was made of, for its price. The functions may use these through the profile only."""
    regions: Sequence[str] = ()
    """Other regions that words may go to by the profile. Default: none; every foundation model must be in the stack's
    region."""
    endpoint: str | None = None
    """Base URL of an interface endpoint for ``bedrock-runtime`` with a name of its own. Default: the region's."""
    request_timeout: Duration = field(default_factory=lambda: Duration.minutes(1))
    """Longest wait for an answer, up to 4 minutes. Default: a minute."""
    max_attempts: int = 3
    """Requests for one call at most, up to 3, where the model is busy or its answer has not the form asked for.
    Default: 3."""
    max_input_tokens: int = 100_000
    """Longest question, by an estimate that is rather too high; a longer call is not read, and says so. An hour of
    speech has about 25,000. Default: 100,000."""
    max_output_tokens: int = 4_000
    """Longest answer; one that is cut is thrown away. Default: 4,000."""
    prices: ModelPrices = ModelPrices()  # noqa: RUF009 - frozen
    """What the model costs. Default: the newest list of the package; a model that it does not know has no price, and
    the cost of a call is then *at least* the rest."""

    def __post_init__(self) -> None:
        """Check everything that can be without a stack."""
        check_fields(self)
        text("model", self.model)
        texts("regions", self.regions)
        if self.endpoint is not None:
            base_url("endpoint", self.endpoint)
        for arn in texts("foundation_models", self.foundation_models):
            if not _FOUNDATION_MODEL_ARN.fullmatch(arn):
                raise ValueError(
                    f"foundation_models {arn!r} is not the ARN of a foundation model: "
                    "use arn:aws:bedrock:{region}::foundation-model/{model id}"
                )
        own = _OWN_ARN.fullmatch(self.model)
        if not (own or _FOUNDATION_MODEL_ARN.fullmatch(self.model) or _FOUNDATION_MODEL.fullmatch(self.model)):
            raise ValueError(
                f"model {self.model!r} is none of Amazon Bedrock's: use the id of a foundation model, or the ARN of a "
                "foundation model, an inference profile or a model of your own"
            )
        if own and own["kind"] in _PROFILES and not self.foundation_models:
            raise ValueError(
                "foundation_models: name the ARNs of the models that the inference profile routes to, which the "
                "functions must be allowed to use as well (aws bedrock get-inference-profile lists them)"
            )
        seconds_within("request_timeout", self.request_timeout, at_least=Duration.seconds(1), at_most=_LONGEST_REQUEST)
        for name, value, most in (
            ("max_attempts", self.max_attempts, _MOST_ATTEMPTS),
            ("max_input_tokens", self.max_input_tokens, _MOST_INPUT),
            ("max_output_tokens", self.max_output_tokens, _MOST_OUTPUT),
        ):
            if not 1 <= integer(name, value) <= most:
                raise ValueError(f"{name} of {value} is out of range: choose 1 to {most}")

    @property
    def settings(self) -> AnalystSettings:
        """How the model is asked."""
        return AnalystSettings(
            model=self.model,
            price_model=self._foundation_model,
            endpoint=self.endpoint,
            request_timeout_seconds=int(self.request_timeout.to_seconds()),
            max_attempts=self.max_attempts,
            max_input_tokens=self.max_input_tokens,
            max_output_tokens=self.max_output_tokens,
            prices=self.prices,
        )

    def check_regions(self, stack: Stack) -> None:
        """Make sure that no words leave the stack's region but to those that are named.

        Raises:
            ValueError: A model is in another one.
        """
        if Token.is_unresolved(stack.region):
            return
        found = (_OWN_ARN.fullmatch(self.model) or _FOUNDATION_MODEL_ARN.fullmatch(self.model)) or None
        if found and found["region"] not in ("", stack.region):
            raise ValueError(f"model is in {found['region']} and this stack in {stack.region}: name one of this region")
        named = {match["region"] for arn in self.foundation_models if (match := _FOUNDATION_MODEL_ARN.fullmatch(arn))}
        if others := sorted(named - {"", stack.region, *self.regions}):
            raise ValueError(
                f"foundation_models are in {quoted(others)}, and so the words of calls would leave {stack.region}: "
                "name these regions in regions if they may, or use a profile of one region"
            )

    def allow_use(self, grantee: iam.IGrantable, stack: Stack) -> None:
        """Allow *grantee* to ask exactly this model: a profile's foundation models through the profile only."""
        resource = self.model if self.model.startswith("arn:") else _foundation_model_arn(stack, self.model)
        _allow(grantee, [resource])
        own = _OWN_ARN.fullmatch(self.model)
        if own and own["kind"] in _PROFILES:
            _allow(
                grantee,
                self.foundation_models,
                conditions={"StringEquals": {"bedrock:InferenceProfileArn": self.model}},
            )

    @property
    def _foundation_model(self) -> str:
        for arn in (self.model, *self.foundation_models):
            if found := _FOUNDATION_MODEL_ARN.fullmatch(arn):
                return found["model"]
        return self.model


def _foundation_model_arn(stack: Stack, model: str) -> str:
    return f"arn:{stack.partition}:bedrock:{stack.region}::foundation-model/{model}"


def _allow(
    grantee: iam.IGrantable, resources: Sequence[str], *, conditions: dict[str, dict[str, str]] | None = None
) -> None:
    iam.Grant.add_to_principal(
        grantee=grantee, actions=["bedrock:InvokeModel"], resource_arns=[*resources], conditions=conditions
    )
